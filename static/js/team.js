/* What is said to colleagues on somebody's page: it is saved, or whoever wrote it reads why not. Until then their words stay in the field, and are nowhere
   else; where the session ended meanwhile, they can sign in beside it and press again. */
(() => {
  "use strict";

  const main = document.getElementById("main");
  const PATIENCE = 15_000; // milliseconds
  const isTeam = ({ detail }) => detail.target?.id === "team";
  const parsed = (html) => new DOMParser().parseFromString(html, "text/html");
  const element = (name, properties) => Object.assign(document.createElement(name), properties);

  // What has been written since the form was sent stays; what was sent is done with, and the keyboard goes to what is said of it.
  let written = null;
  let isSent = false;
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (!isTeam(event)) return;
    const { pathInfo, requestConfig } = event.detail;
    const { value } = main.querySelector("#team-note");
    isSent = pathInfo.requestPath.endsWith("/notes") && requestConfig.formData.get("body") === value;
    written = isSent ? null : value;
  });
  document.addEventListener("htmx:afterSwap", ({ target }) => {
    if (target.id !== "team") return;
    const note = main.querySelector("#team-note");
    if (written !== null && note.value !== written) note.value = written;
    written = null;
    const said = target.querySelector(".flash");
    said?.scrollIntoView({ block: "nearest" });
    const at = document.activeElement;
    const isDone = isSent && target.contains(at) && note.value === "";
    if (!isDone && at !== document.body) return;
    const place = said ?? target.querySelector("h2");
    place.tabIndex = -1;
    place.focus({ preventScroll: true });
  });

  // Why it is not saved.
  function tell(form, ...words) {
    for (const before of main.querySelectorAll(".part-team .flash, .not-saved")) before.remove();
    const alert = element("p", { className: "flash flash-error not-saved", role: "alert" });
    const inside = element("span", {});
    inside.append(...words);
    alert.append(inside);
    form.prepend(alert);
    alert.scrollIntoView({ block: "nearest" });
  }
  const me = (page) => page.querySelector(".who-name bdi")?.textContent;
  function tellSignedOut(form) {
    const link = element("a", { href: "/login", target: "_blank", textContent: "Sign in in a new tab" });
    tell(form, `Not saved: you are no longer signed in as ${me(document)}. `, link, ", come back and press again. Your text stays here.");
  }
  // The forms' token is good for as long as one is signed in. Nobody's words go out under another name.
  async function renew() {
    try {
      const page = parsed(await (await fetch(main.dataset.address, { headers: { Accept: "text/html", "X-Fetched-Ahead": "1" } })).text());
      const { value } = page.querySelector("[name=csrf_token]");
      if (me(page) !== me(document)) return false;
      for (const field of document.querySelectorAll("[name=csrf_token]")) field.value = value;
      return true;
    } catch {
      return false;
    }
  }
  const isSignedOut = () => main.querySelector(".not-saved a");
  async function retold(form) {
    if (await renew()) tell(form, "Not saved yet: you signed in again. Press again to save.");
    else tellSignedOut(form);
  }
  document.addEventListener("visibilitychange", () => {
    const form = isSignedOut()?.closest("form");
    if (form && !document.hidden) renew().then((is) => { if (is && isSignedOut()) tell(form, "Not saved yet: you are signed in again. Press again to save."); });
  });
  // Signed out in another window: nothing of the applicant stays to be seen beside what is being written, until it is sent under the same name.
  let isBare = false;
  document.addEventListener("page:kept", ({ target }) => {
    const parts = main.querySelectorAll(".review-top, .person-sign, .person-who, .queue, .review-contact, .review-files, .review-main > *");
    for (const part of parts) if (!part.contains(target)) part.remove();
    document.title = "Not saved";
    isBare = true;
    if (!isSignedOut()) tellSignedOut(target.form);
  });
  document.addEventListener("htmx:afterSwap", ({ target }) => { if (isBare && target.id === "team") location.reload(); });

  document.addEventListener("htmx:confirm", (event) => {
    if (!isTeam(event) || !isSignedOut()) return;
    event.preventDefault();
    renew().then(() => event.detail.issueRequest(true));
  });
  document.addEventListener("htmx:configRequest", (event) => { if (isTeam(event)) event.detail.timeout = PATIENCE; });
  const formOf = ({ detail }) => detail.elt.closest("form");
  for (const name of ["sendError", "timeout"]) {
    document.addEventListener(`htmx:${name}`, (event) => {
      if (isTeam(event)) tell(formOf(event), "Not saved: the dashboard can’t be reached. Your text stays here. Press again once you are connected.");
    });
  }
  document.addEventListener("htmx:afterRequest", (event) => {
    const { xhr, pathInfo } = event.detail;
    if (!isTeam(event) || !xhr.status) return undefined;
    const isElsewhere = new URL(xhr.responseURL).pathname !== new URL(pathInfo.finalRequestPath, location).pathname;
    if (isElsewhere || [400, 401].includes(xhr.status)) return retold(formOf(event));
    if (xhr.status < 400) return undefined;
    const words = [...parsed(xhr.responseText).querySelectorAll(".message :is(h1, p:not(.code))")].map((one) => one.textContent.replace(/\.?$/, "."));
    return tell(formOf(event), `Not saved. ${words.join(" ")} Your text stays here.`);
  });
})();
