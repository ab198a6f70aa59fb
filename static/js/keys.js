/* Single keys. What they are stands in templates/_shortcuts.html, which is read here; most press an element of the page that carries them as data-key.
   None acts while somebody types, in a dialog, with Ctrl, Alt or Meta, or when the user's settings say so (WCAG 2.1.4). */
(() => {
  "use strict";

  const dialog = document.getElementById("shortcuts");
  if (!dialog) return;
  const areOff = () => document.body.dataset.keys === "off";
  const SEQUENCE = 1000; // milliseconds between the keys of "g i"

  function showDialog() {
    dialog.querySelector("#keys-are-off").hidden = !areOff();
    dialog.showModal();
    return true;
  }
  const button = document.getElementById("show-shortcuts");
  button.hidden = false;
  button.addEventListener("click", showDialog);

  // Pressing what is on the page.
  function press(key) {
    const found = [...document.querySelectorAll(`[data-key="${CSS.escape(key)}"]`)].filter((one) => one.checkVisibility() && !one.disabled);
    const element = found.find((one) => one.closest("details[open]")) ?? found[0];
    if (!element) return false;
    if (element.matches("input:not([type=checkbox], [type=radio]), textarea, select")) {
      element.focus();
      element.scrollIntoView({ block: "nearest" });
      return true;
    }
    element.click();
    if (element.matches("summary") && element.parentElement.open) element.parentElement.querySelector("form button, form input:not([type=hidden]), form select")?.focus();
    return true;
  }

  function undo() {
    if (press("u") || !(isReviewing() || rowLinks().length)) return true;
    document.querySelector(".nothing-done")?.remove();
    const message = Object.assign(document.createElement("div"), { className: "flash decided nothing-done", textContent: "Nothing to undo here." });
    message.setAttribute("role", "status");
    document.getElementById("main").prepend(message);
    setTimeout(() => message.remove(), 4000);
    return true;
  }

  // Lists.
  const rowLinks = () => [...document.querySelectorAll("main .rows tbody .row-link")];

  function step(by) {
    const links = rowLinks();
    if (!links.length) return false;
    const row = document.activeElement.closest?.("tr");
    const here = links.findIndex((link) => row?.contains(link));
    const next = here < 0 ? 0 : Math.min(Math.max(here + by, 0), links.length - 1);
    links[next].focus();
    links[next].closest("tr").scrollIntoView({ block: "nearest" });
    return true;
  }
  function select() {
    const box = document.activeElement.closest?.("tr")?.querySelector("input[name=application]");
    box?.click();
    return Boolean(box);
  }
  function firstRow(field) {
    if (document.activeElement === field || document.activeElement === document.body) step(1);
  }
  // From the search field into what it finds. The list may come twice: for what was typed, and for Enter.
  let searched = null;
  document.addEventListener("htmx:afterSettle", () => { if (searched) firstRow(searched); });
  function leaveSearch(event) {
    const field = event.target;
    if (event.key === "Escape") field.blur(); // and keeps its words: the list shows what they find
    if (event.key === "ArrowDown") firstRow(field);
    if (event.key === "Enter") searched = field;
    if (event.key !== "Enter") event.preventDefault();
  }
  // Back from somebody's page: their row, where they are still in the list.
  function rowLeft() {
    const [, left] = /^#row-([\w-]+)$/.exec(location.hash) ?? [];
    const link = left && document.querySelector(`main tr[data-application="${CSS.escape(left)}"] .row-link`);
    link?.focus({ preventScroll: true });
    link?.closest("tr").scrollIntoView({ block: "center" });
  }
  const isReviewing = () => document.querySelector("main [data-step], main .queue") !== null;
  // Arrows scroll, unless the keyboard is in a row, or nowhere in particular with a list on the page.
  function arrowRow(by) {
    const at = document.activeElement;
    if (isReviewing() || !(at === document.body || at.id === "main" || at.closest("tr"))) return false;
    return step(by);
  }
  function arrowPerson(key) {
    const at = document.activeElement;
    const scrolls = at && at !== document.body && at.scrollWidth > at.clientWidth && getComputedStyle(at).overflowX !== "visible";
    return !scrolls && isReviewing() && press(key);
  }
  function search() {
    const field = document.querySelector("[data-search]");
    field?.focus();
    field?.select();
    const back = document.querySelector("a.back");
    if (!field && back) location.assign(Object.assign(new URL(back), { hash: "q" }));
    return Boolean(field ?? back);
  }
  function inbox() {
    const link = (isReviewing() && document.querySelector("a.back")) || document.querySelector('.nav a[href="/applications"]');
    link?.click();
    return Boolean(link);
  }

  const DOES = {
    forward: () => (isReviewing() ? press("j") : step(1)),
    back: () => (isReviewing() ? press("k") : step(-1)),
    rows: (key) => arrowRow(key === "ArrowDown" ? 1 : -1),
    people: (key) => arrowPerson(key === "ArrowRight" ? "j" : "k"),
    number: (key) => Boolean(document.querySelector("details.confirm[open]")) && press(key),
    select,
    search,
    inbox,
    undo,
    show: showDialog,
  };
  const REPEATS = ["forward", "back", "rows"]; // holding any other key down must not decide about a dozen people
  const KEYS = new Map();
  for (const { dataset } of dialog.querySelectorAll("[data-keys]")) for (const key of dataset.keys.split(" ")) KEYS.set(key, dataset.do);

  function closeConfirm(open) {
    if (open) {
      open.open = false;
      open.querySelector("summary").focus();
    }
    return open;
  }

  let begun = { key: "", at: 0 };
  function keyOf(event) {
    const pair = begun.key + event.key;
    const isPair = KEYS.has(pair) && pair.length > 1 && event.timeStamp - begun.at < SEQUENCE;
    begun = { key: event.key, at: event.timeStamp };
    return isPair ? pair : event.key;
  }

  // Whoever types on while a page is being replaced meant none of it as keys: nothing acts before they pause. And nothing is decided about
  // somebody whom a decision has put there a moment ago, which static/js/review.js knows.
  const PAUSE = 800; // milliseconds
  let strayAt = -Infinity;
  function isStray(event, key, does) {
    const main = document.getElementById("main");
    if ("arriving" in main.dataset && main.querySelector(`.decide [data-key="${CSS.escape(key)}"]`)) return true;
    if (!main.inert && event.timeStamp - strayAt >= PAUSE) return false;
    if (!REPEATS.includes(does)) strayAt = event.timeStamp;
    return true;
  }

  function escape(event) {
    if (closeConfirm(document.querySelector("details.confirm[open]"))) event.preventDefault();
    else if (event.target.matches?.("textarea")) event.target.blur();
  }

  // What is written is sent from where it is typed: no single key, so also where those are off.
  function sends(event) {
    return event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.isComposing && event.target.matches?.("textarea[data-sends]");
  }

  document.addEventListener("keydown", (event) => {
    if (sends(event)) {
      event.preventDefault();
      const { form, dataset } = event.target;
      if (!event.repeat) (dataset.sends ? document.getElementById(dataset.sends).click() : form.requestSubmit());
      return undefined;
    }
    const typing = event.target.closest?.("input:not([type=checkbox]), textarea, select, dialog, [contenteditable]");
    searched = null;
    if (event.target.matches?.("[data-search]") && ["Escape", "Enter", "ArrowDown"].includes(event.key)) return leaveSearch(event);
    if (event.key === "Escape") return escape(event);
    if (typing || areOff() || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return undefined;
    const key = keyOf(event);
    const does = KEYS.get(key);
    if (event.key.length === 1 && isStray(event, key, does)) return event.preventDefault();
    if (!KEYS.has(key)) return undefined;
    if (event.repeat && !REPEATS.includes(does)) return event.preventDefault();
    if (does ? DOES[does](key) : press(key)) event.preventDefault();
    return undefined;
  });

  // On a telephone an opened box pushes its button below the edge, or behind the bar that stands there.
  document.addEventListener("toggle", (event) => {
    if (event.target.matches?.("details.confirm[open]")) event.target.scrollIntoView({ block: "nearest" });
  }, true);
  document.addEventListener("pointerdown", (event) => {
    const open = document.querySelector("details.confirm[open]");
    // On a phone, the job and the order are shown with the filters.
    if (open && !open.contains(event.target) && !event.target.closest(".field-job, .sorts")) open.open = false;
  });
  rowLeft();
})();
