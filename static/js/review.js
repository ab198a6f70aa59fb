/* Going through people without waiting. The pages of the next and the previous one are fetched ahead, kept in this page's memory for a minute and nowhere
   else, and put in place of what is shown; a decision shows the next one at once and is sent meanwhile. Whatever is in doubt is loaded as any page is.
   A page under somebody's fingers is never replaced: where its successor has to be waited for, it is inert until then. */
(() => {
  "use strict";

  const FRESH = 60_000; // milliseconds
  const PATIENCE = 15_000;
  const pages = new Map(); // address → { at, page: once it is there, coming: the promise of it, isOld: must be fetched again }
  const main = document.getElementById("main");
  const here = () => location.pathname + location.search;
  let shown = here();
  let sending = null; // the last decision on its way; each waits for the one before

  const link = (name) => main.querySelector(`[data-step="${name}"][href]`)?.getAttribute("href");

  function parsed(html) {
    const page = new DOMParser().parseFromString(html, "text/html");
    return page.getElementById("main")?.dataset.application ? page : null;
  }

  // Ahead.
  const isFresh = (entry) => entry && performance.now() - entry.at < FRESH;
  async function load(address) {
    // The audit log tells a page in memory from one that was shown.
    const answer = await fetch(address, { headers: { Accept: "text/html", "X-Fetched-Ahead": "1" } });
    const page = answer.ok && !answer.redirected ? parsed(await answer.text()) : null;
    if (!page) throw new Error("no page");
    // Messages were meant for the page that was open.
    page.querySelectorAll("#main > .flash").forEach((flash) => flash.remove());
    const picture = page.querySelector(".review-files img")?.getAttribute("src");
    if (picture) new Image().src = picture; // drawn ahead
    return page;
  }
  // Resolves once it is there, or is known not to come. What is out of date serves until then.
  function fetchAhead(address) {
    const kept = pages.get(address);
    if (isFresh(kept) && !kept.isOld) return kept.coming;
    const entry = { at: performance.now(), page: isFresh(kept) ? kept.page : null };
    entry.coming = load(address).then((page) => { entry.page = page; }, () => { if (pages.get(address) === entry) pages.delete(address); });
    pages.set(address, entry);
    return entry.coming;
  }
  async function ahead() {
    if (navigator.connection?.saveData) return;
    for (const [address, entry] of pages) if (!isFresh(entry)) pages.delete(address);
    // While a decision is on its way, the previous one may be whom it is about.
    for (const name of ["next", "previous"]) {
      if (sending && name === "previous") return;
      const address = link(name);
      if (address) await fetchAhead(address);
      if (ready(address)) main.querySelector(`[data-step="${name}"]`)?.setAttribute("data-ready", "");
    }
  }
  function ready(address) {
    const entry = pages.get(address);
    return isFresh(entry) ? entry.page : null;
  }
  // After a decision: the page it is about is wrong, and on the others the list is.
  function outdate(action) {
    const about = action.slice(0, action.lastIndexOf("/"));
    for (const [address, entry] of pages) {
      if (address.split("?")[0] === about) pages.delete(address);
      else entry.isOld = true;
    }
  }

  // Signed out in another window: what is kept is no longer theirs to see (static/js/app.js loads the page again).
  addEventListener("storage", (event) => { if (event.key === "signed-out") pages.clear(); });

  // Two presses by accident are meant for one person: after a decision, none is taken about whoever comes next before they can have been seen.
  // Nobody reads a name and decides in less; a double click, and a finger that trembles, are over by then.
  const SEEN = 400; // milliseconds
  let arriving = 0;
  function arrive() {
    main.dataset.arriving = ""; // static/js/keys.js looks at this, too
    clearTimeout(arriving);
    arriving = setTimeout(() => { delete main.dataset.arriving; }, SEEN);
  }

  // Showing.
  function showCurrent() {
    const current = main.querySelector(".queue-rows [aria-current]");
    const list = current?.closest(".queue-rows");
    if (list) list.scrollTop = current.offsetTop - list.clientHeight / 3;
  }
  const lastDecision = (page) => page.querySelector(".last-decision");
  // Whoever can be taken back on their own page has the key; what was decided before, about somebody else, has a button alone.
  function giveKey() {
    const isTheirs = main.querySelector("#undo") !== null;
    for (const button of main.querySelectorAll(".last-decision button, .decided button")) {
      if (isTheirs) delete button.dataset.key;
      else button.dataset.key = "u";
      button.querySelector("kbd")?.toggleAttribute("hidden", isTheirs);
    }
  }
  // isAhead: it was fetched before the last decision, which the page that is left knows.
  function show(page, address, how, isAhead = false) {
    pages.delete(address);
    const fresh = page.getElementById("main");
    if (isAhead) lastDecision(fresh).replaceWith(lastDecision(main));
    const undone = main.querySelectorAll(":scope > .not-done"); // must be seen, however fast somebody is
    for (const { name } of [...main.attributes]) if (name.startsWith("data-")) main.removeAttribute(name);
    for (const { name, value } of [...fresh.attributes]) main.setAttribute(name, value);
    main.replaceChildren(...undone, ...fresh.childNodes);
    giveKey();
    document.title = page.title;
    if (how) history[how](null, "", address);
    shown = here();
    leaving = null;
    window.htmx?.process(main);
    document.dispatchEvent(new CustomEvent("page:shown"));
    wait(false);
    window.scrollTo(0, 0);
    showCurrent();
    main.querySelector("h1").focus({ preventScroll: true });
    ahead();
  }
  // Nothing is pressed or written on a page that is about to be replaced; static/js/keys.js looks at this, too.
  function wait(is) {
    main.inert = is;
    main.ariaBusy = is ? "true" : null;
  }

  // What is written and not sent yet.
  let leaving = null; // what may be lost: a form that is being sent, or all, with consent
  const isUnsent = (field) => field.value !== field.defaultValue || ("unsent" in field.dataset && field.value !== "");
  const unsent = (except) => [...main.querySelectorAll("textarea, #tag")].find((field) => isUnsent(field) && !except?.contains(field));
  const hasUnsent = (except) => unsent(except) !== undefined;
  function mayLeave(form) {
    if (!hasUnsent(form)) return true;
    const may = window.confirm("You have unsaved text here. Leave without saving it?");
    if (may) leaving = main;
    return may;
  }
  addEventListener("beforeunload", (event) => { if (hasUnsent(leaving)) event.preventDefault(); });
  addEventListener("pageshow", () => wait(false));
  // Signed out elsewhere is no reason to lose what is written. static/js/team.js says so beside it.
  document.addEventListener("page:outdated", (event) => {
    const field = unsent();
    if (!field) return;
    event.preventDefault();
    field.dispatchEvent(new CustomEvent("page:kept", { bubbles: true }));
  });

  async function go(address) {
    wait(true);
    await sending; // it may be about whom is gone to
    await fetchAhead(address);
    const page = ready(address);
    if (page) show(page, address, "pushState", true);
    else location.assign(address);
  }
  document.addEventListener("click", (event) => {
    const anchor = event.target.closest("a[data-step], .queue-rows a");
    if (!anchor || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    if (!mayLeave()) return;
    const address = anchor.getAttribute("href");
    const page = ready(address);
    if (page) show(page, address, "pushState", true);
    else go(address);
  });
  addEventListener("popstate", () => {
    if (here() === shown) return; // a place within the page
    if (!mayLeave()) return void history.pushState(null, "", shown);
    const page = ready(here());
    if (page) show(page, here(), "", true);
    else location.reload();
  });

  // Deciding.
  let sent = 0; // how many decisions were, from this page
  let wantsUndo = false; // of one that is not there yet
  let isTouched = false; // since the last decision
  for (const touch of ["keydown", "pointerdown"]) addEventListener(touch, () => { isTouched = true; }, true);

  function flash(kind, words) {
    const message = document.createElement("div");
    message.className = `flash ${kind}`;
    message.setAttribute("role", kind.includes("error") ? "alert" : "status");
    message.append(words);
    main.prepend(message);
    return message;
  }
  // Before the answer is there. Its Undo waits for it.
  function tell(words) {
    lastDecision(main).replaceChildren();
    const undo = document.createElement("button");
    undo.className = "button button-small";
    undo.textContent = "Undo";
    undo.addEventListener("click", () => { wantsUndo = true; wait(true); });
    flash("flash-success decided", words).append(undo);
    giveKey();
  }
  function takeOver(page) {
    const told = [...page.querySelectorAll("#main > .flash")];
    main.querySelectorAll(":scope > .flash:not(.not-done)").forEach((one) => one.remove());
    main.prepend(...told);
    lastDecision(main).replaceWith(lastDecision(page));
    giveKey();
    window.htmx?.process(main);
  }
  function takeOverQueue(page) {
    const [old, fresh] = [main, page].map((one) => one.querySelector(".queue"));
    if (!old || !fresh || old.contains(document.activeElement)) return;
    const scrolled = old.querySelector(".queue-rows").scrollTop;
    old.replaceWith(fresh);
    fresh.querySelector(".queue-rows").scrollTop = scrolled;
  }
  // Nothing was done, and somebody is at work on the next page already: it stays.
  function tellNotDone(page, address) {
    const why = [...page.querySelectorAll("#main > .flash")].map((one) => one.textContent.trim()).join(" ");
    const person = document.createElement("a");
    person.href = address;
    person.textContent = page.querySelector("h1").textContent;
    flash("flash-error not-done", person).append(`: ${why || "nothing was changed."}`);
    main.querySelectorAll(":scope > .decided").forEach((one) => one.remove());
  }
  // As the browser would have sent it: it shows whatever comes of it. Twice does no harm, the version sees to that.
  function sendPlainly(action, fields) {
    const form = document.createElement("form");
    form.method = "post";
    form.action = action;
    form.hidden = true;
    for (const [name, value] of fields) {
      const field = document.createElement("input");
      field.type = "hidden";
      field.name = name;
      field.value = value;
      form.append(field);
    }
    document.body.append(form);
    form.submit();
  }
  function settle(answer, page, { guessed, number }) {
    const url = new URL(answer.url);
    const address = answer.redirected ? url.pathname + url.search : page.getElementById("main").dataset.address;
    const isLast = number === sent;
    const open = () => {
      const before = main.dataset.application;
      show(page, address, address === shown ? "replaceState" : "pushState");
      if (main.dataset.application !== before) arrive();
    };
    if (!guessed) return open();
    if (answer.redirected && (address === shown || shown !== guessed)) {
      if (isLast) takeOver(page); // already there; or gone on meanwhile
      if (isLast && address === shown) takeOverQueue(page);
      return undefined;
    }
    if (isLast && shown === guessed && !isTouched && !hasUnsent()) return open();
    return tellNotDone(page, address);
  }
  function undoIfWanted() {
    if (!wantsUndo || sending) return;
    wantsUndo = false;
    wait(false);
    main.querySelector(":scope > .decided form button")?.click();
  }
  async function send(decision, before) {
    await before;
    let answer;
    let page;
    try {
      const body = new URLSearchParams(decision.fields);
      answer = await fetch(decision.action, { method: "POST", body, headers: { Accept: "text/html" }, keepalive: true, signal: AbortSignal.timeout(PATIENCE) });
      page = parsed(await answer.text());
    } catch {
      page = null;
    }
    if (decision.number === sent) sending = null;
    if (!page) {
      leaving = main;
      return answer?.redirected ? location.assign(answer.url) : sendPlainly(decision.action, decision.fields);
    }
    settle(answer, page, decision);
    undoIfWanted();
    ahead();
    return undefined;
  }
  // A reason that says nothing without a note asks for it first; then it is what Ctrl+Enter presses.
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-needs]");
    const note = button && document.getElementById(button.dataset.needs);
    if (!note || note.value.trim()) return;
    event.preventDefault();
    note.dataset.sends = button.id;
    note.focus();
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || !main.contains(form)) return;
    if ("arriving" in main.dataset && form.closest(".decide")) { form.dataset.once &&= ""; event.preventDefault(); return; }
    if (!form.matches("[data-decide]")) { leaving = form; return; }
    const fields = [...new FormData(form, event.submitter)];
    const goesOn = fields.some(([name, value]) => name === "then" && value === "next");
    const next = goesOn ? link("next") : null;
    if (!mayLeave(form)) { form.dataset.once = ""; event.preventDefault(); return; }
    leaving ??= form;
    // At the end of a list the list comes next, which is a page of its own.
    if (goesOn && !next) { wait(true); setTimeout(wait, PATIENCE, false); return; }
    event.preventDefault();
    const page = next && !form.querySelector("textarea")?.value && ready(next);
    const action = form.getAttribute("action");
    outdate(action);
    sent += 1;
    isTouched = false;
    sending = send({ action, fields, number: sent, guessed: page ? next : null }, sending);
    if (!page) return wait(true);
    show(page, next, "pushState", true);
    arrive();
    tell(form.dataset.doing);
  });

  // Nobody looks at what stands behind another window.
  document.addEventListener("htmx:beforeRequest", (event) => { if (document.hidden && event.target.id === "looking") event.preventDefault(); });
  if (main.querySelector(":scope > .decided")) arrive();
  showCurrent();
  addEventListener("load", () => setTimeout(ahead, 50));
})();
