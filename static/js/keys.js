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
    if (element.matches("summary") && element.parentElement.open) element.parentElement.querySelector("form button, form input:not([type=hidden])")?.focus();
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
    if (!field && back) location.assign(`${back.href}#q`);
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

  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input:not([type=checkbox]), textarea, select, dialog, [contenteditable]");
    if (event.key === "Escape" && event.target.matches?.("[data-search]")) return event.target.blur();
    if (event.key === "Escape" && closeConfirm(document.querySelector("details.confirm[open]"))) return event.preventDefault();
    if (typing || areOff() || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return undefined;
    const key = keyOf(event);
    if (!KEYS.has(key)) return undefined;
    const does = KEYS.get(key);
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
    if (open && !open.contains(event.target)) open.open = false;
  });
})();
