/* Going through people without waiting. The pages of the next and the previous one are fetched ahead, kept in this page's memory for a minute and nowhere
   else, and put in place of what is shown; a decision shows the next one at once and is sent meanwhile. Whatever is in doubt is loaded as any page is. */
(() => {
  "use strict";

  const FRESH = 60_000; // milliseconds
  const pages = new Map(); // address → { at, page: once it is there }
  const main = document.getElementById("main");
  const here = () => location.pathname + location.search;
  let shown = here();
  let sending = null; // a decision on its way

  const link = (name) => main.querySelector(`[data-step="${name}"][href]`)?.getAttribute("href");

  function parsed(html) {
    const page = new DOMParser().parseFromString(html, "text/html");
    return page.getElementById("main")?.dataset.application ? page : null;
  }

  // Ahead.
  async function fetchAhead(address) {
    const kept = pages.get(address);
    if (!address || (kept && performance.now() - kept.at < FRESH)) return;
    const entry = { at: performance.now(), page: null };
    pages.set(address, entry);
    try {
      const answer = await fetch(address, { headers: { Accept: "text/html" } });
      if (!answer.ok || answer.redirected) throw new Error("no page");
      entry.page = parsed(await answer.text());
      // Messages were meant for the page that was open.
      entry.page?.querySelectorAll("#main > .flash").forEach((flash) => flash.remove());
      const picture = entry.page?.querySelector(".review-files img")?.getAttribute("src");
      if (picture) new Image().src = picture; // drawn ahead
    } catch {
      pages.delete(address);
    }
  }
  async function ahead() {
    if (navigator.connection?.saveData || sending) return;
    for (const [address, { at }] of pages) if (performance.now() - at >= FRESH) pages.delete(address);
    for (const name of ["next", "previous"]) {
      const address = link(name);
      await fetchAhead(address);
      if (ready(address)) main.querySelector(`[data-step="${name}"]`)?.setAttribute("data-ready", "");
    }
  }
  function ready(address) {
    const entry = pages.get(address);
    return entry?.page && performance.now() - entry.at < FRESH ? entry.page : null;
  }

  // Showing.
  function showCurrent() {
    const current = main.querySelector(".queue-rows [aria-current]");
    const list = current?.closest(".queue-rows");
    if (list) list.scrollTop = current.offsetTop - list.clientHeight / 3;
  }
  function show(page, address, how) {
    pages.delete(address);
    const fresh = page.getElementById("main");
    for (const { name } of [...main.attributes]) if (name.startsWith("data-")) main.removeAttribute(name);
    for (const { name, value } of [...fresh.attributes]) main.setAttribute(name, value);
    main.replaceChildren(...fresh.childNodes);
    document.title = page.title;
    if (how) history[how](null, "", address);
    shown = here();
    window.htmx?.process(main);
    document.dispatchEvent(new CustomEvent("page:shown"));
    window.scrollTo(0, 0);
    showCurrent();
    main.querySelector("h1").focus({ preventScroll: true });
    ahead();
  }
  const hasUnsent = (except) => [...main.querySelectorAll("textarea")].some((text) => text.value !== text.defaultValue && !except?.contains(text));
  const mayLeave = (form) => !hasUnsent(form) || window.confirm("What you have written here is not saved yet. Leave it?");

  document.addEventListener("click", (event) => {
    const anchor = event.target.closest("a[data-step], .queue-rows a");
    if (!anchor || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const address = anchor.getAttribute("href");
    const page = ready(address);
    if (!mayLeave()) return void event.preventDefault();
    if (!page) return;
    event.preventDefault();
    show(page, address, "pushState");
  });
  addEventListener("popstate", () => {
    if (here() === shown) return; // a place within the page
    const page = ready(here());
    if (page) show(page, here(), "");
    else location.reload();
  });

  // Deciding.
  function tell(words) {
    main.querySelectorAll(":scope > .decided").forEach((one) => one.remove());
    const message = document.createElement("div");
    message.className = "flash flash-success decided";
    message.setAttribute("role", "status");
    message.textContent = words;
    main.prepend(message);
  }
  function takeOver(page) {
    const told = [...page.querySelectorAll("#main > .flash")];
    main.querySelectorAll(":scope > .flash").forEach((one) => one.remove());
    main.prepend(...told);
    window.htmx?.process(main);
  }
  function takeOverQueue(page) {
    const [old, fresh] = [main, page].map((one) => one.querySelector(".queue"));
    if (!old || !fresh || old.contains(document.activeElement)) return;
    const scrolled = old.querySelector(".queue-rows").scrollTop;
    old.replaceWith(fresh);
    fresh.querySelector(".queue-rows").scrollTop = scrolled;
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
  function settle(answer, page, guessed) {
    const url = new URL(answer.url);
    const address = answer.redirected ? url.pathname + url.search : page.getElementById("main").dataset.address;
    if (guessed && answer.redirected && (address === shown || shown !== guessed)) {
      takeOver(page); // already there; or gone on meanwhile
      if (address === shown) takeOverQueue(page);
      return;
    }
    show(page, address, address === shown ? "replaceState" : "pushState");
  }
  async function send(action, fields, guessed) {
    let answer;
    let page;
    try {
      answer = await fetch(action, { method: "POST", body: new URLSearchParams(fields), headers: { Accept: "text/html" }, keepalive: true });
      page = parsed(await answer.text());
    } catch {
      page = null;
    }
    pages.clear(); // what stands there may be out of date
    sending = null;
    if (!page) return sendPlainly(action, fields);
    settle(answer, page, guessed);
    return ahead();
  }
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.matches("[data-decide]") || event.defaultPrevented) return;
    const fields = [...new FormData(form, event.submitter)];
    const next = fields.some(([name, value]) => name === "then" && value === "next") ? link("next") : null;
    const isUndo = form.closest(".decided");
    // At the end of a list the list comes next, which is a page of its own.
    if (!next && !isUndo && fields.some(([name, value]) => name === "then" && value === "next")) return;
    event.preventDefault();
    if (!mayLeave(form)) { form.dataset.once = ""; return; }
    await sending;
    if (!form.isConnected) return;
    const page = next && !form.querySelector("textarea")?.value && ready(next);
    sending = send(form.getAttribute("action"), fields, page ? next : null);
    if (!page) return;
    show(page, next, "pushState");
    tell(form.dataset.doing);
  });

  // Nobody looks at what stands behind another window.
  document.addEventListener("htmx:beforeRequest", (event) => { if (document.hidden && event.target.id === "looking") event.preventDefault(); });
  showCurrent();
  addEventListener("load", () => setTimeout(ahead, 50));
})();
