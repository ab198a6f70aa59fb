/* Selecting many in a list: ranges, the whole page, all that match; counted as one goes. The list works without this file.
   form[data-selecting] is the list's, its boxes are called "application", wherever they stand. What has data-count says how many: {} is the number; data-one, of one. */
(() => {
  "use strict";

  const list = () => document.querySelector("form[data-selecting]");
  const isBox = (one) => one.name === "application" && Boolean(one.form?.matches("[data-selecting]"));
  const boxes = () => [...(list()?.elements ?? [])].filter(isBox);
  let last = null;

  function tell() {
    const form = list();
    if (!form) return;
    const rows = boxes();
    const chosen = rows.filter((box) => box.checked).length;
    const complete = chosen > 0 && chosen === rows.length;
    const every = form.querySelector("[name=all]");
    if (every) {
      every.checked &&= complete;
      every.closest(".bulk-all").hidden = !complete; // offered once the page itself is selected
    }
    const head = document.querySelector("[data-select-page]");
    if (head) {
      head.closest("label").hidden = false;
      head.checked = complete;
      head.indeterminate = chosen > 0 && !complete;
    }
    for (const said of form.querySelectorAll("[data-count]")) {
      const { count, one, none = "", all } = said.dataset;
      const words = every?.checked ? all : chosen ? ((chosen === 1 && one) || count.replace("{}", chosen)) : none;
      if (said.textContent !== words) said.textContent = words;
    }
  }

  function select(rows, checked) {
    for (const box of rows) box.checked = checked;
    tell();
  }

  // From the one clicked before to this one, as in a file manager.
  function range(box) {
    const rows = boxes();
    const [from, to] = [rows.indexOf(last), rows.indexOf(box)].sort((one, other) => one - other);
    if (from >= 0) select(rows.slice(from, to + 1), box.checked);
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-select]");
    if (link) {
      event.preventDefault();
      return select(boxes(), link.dataset.select === "page");
    }
    if (!isBox(event.target)) return undefined;
    if (event.shiftKey && last) range(event.target);
    last = event.target;
    return undefined;
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-select-page]")) select(boxes(), event.target.checked);
    else if (isBox(event.target) || event.target.matches("[data-selecting] [name=all]")) tell();
  });
  // A choice made stays on the page that was left; coming back, the count is told anew.
  for (const moment of ["pageshow", "htmx:afterSettle"]) addEventListener(moment, tell);
})();
