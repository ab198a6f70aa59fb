/* The inbox's filters, a little quicker than by their button. The list works without this file. */
(() => {
  "use strict";

  const filters = document.querySelector(".inbox-filters");
  if (!filters) return;
  const more = document.getElementById("more-filters");
  const narrow = matchMedia("(max-width: 640px)");

  // Several answers hold together: what is chosen becomes a box of its own, and the choice is free for the next.
  function collect(choice) {
    const [chosen] = choice.selectedOptions;
    if (!chosen.value || filters.querySelector(`[type=checkbox][value="${chosen.value}"]`)) return;
    const label = document.createElement("label");
    const words = document.createElement("span");
    const box = Object.assign(document.createElement("input"), { type: "checkbox", name: "answer", value: chosen.value, checked: true });
    label.className = "check";
    words.dir = "auto";
    words.textContent = `${chosen.parentElement.label}: ${chosen.label}`;
    label.append(box, words);
    choice.before(label);
    choice.value = "";
  }

  filters.addEventListener("change", (event) => {
    if (event.target.matches("[data-collect]")) collect(event.target);
    if (event.target.matches("input[list], .field-answers input")) filters.requestSubmit();
  });

  // Whoever changes filters while looking at a view of theirs most likely means that one.
  addEventListener("htmx:afterSettle", () => {
    const here = document.querySelector(".view[aria-current] bdi")?.textContent;
    for (const option of document.querySelectorAll("#view-of option")) option.selected ||= option.label === here;
  });

  // On a telephone the opened filters would stand before what was found.
  filters.addEventListener("htmx:afterRequest", (event) => {
    if (event.target === filters && narrow.matches) more.open = false;
  });
})();
