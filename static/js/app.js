/* Small conveniences. Every page works without this file. */
(() => {
  "use strict";

  // htmx and we make HTML of what this site sent. Nothing makes a script, or a script's address, of text.
  window.trustedTypes?.createPolicy("default", { createHTML: (html) => html });

  // Times: the server writes them in the zone of the `tz` cookie; the first page of a new zone is put right here.
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  const isSecure = location.protocol === "https:";
  const name = isSecure ? "__Host-tz" : "tz";
  const known = document.cookie.split("; ").find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1);
  if (known !== zone) document.cookie = `${name}=${zone}; Path=/; Max-Age=31536000; SameSite=Lax${isSecure ? "; Secure" : ""}`;

  const parts = (moment, options) =>
    Object.fromEntries(
      new Intl.DateTimeFormat("en-US", { timeZone: zone, hourCycle: "h12", ...options }).formatToParts(moment)
        .map((part) => [part.type, part.value]),
    );
  const WHOLE = {
    weekday: "short", day: "numeric", month: "short", year: "numeric",
    hour: "numeric", minute: "2-digit", second: "2-digit", timeZoneName: "short",
  };
  const dayOf = (part) => `${part.month} ${part.day}, ${part.year}`;

  function whenWords(moment, exact) {
    const there = parts(moment, WHOLE);
    const day = dayOf(there);
    const time = (seconds = "") => `${there.hour}:${there.minute}${seconds} ${there.dayPeriod} ${there.timeZoneName}`;
    if (exact) return `${there.weekday}, ${day}, ${time(`:${there.second}`)}`;
    const today = dayOf(parts(new Date(), WHOLE));
    // Not 24 hours ago: a day has 23 of them in spring and 25 in autumn.
    const { hour } = parts(new Date(), { hour: "numeric", hourCycle: "h23" });
    const yesterday = dayOf(parts(new Date(Date.now() - (Number(hour) + 2) * 3600e3), WHOLE));
    const near = { [yesterday]: "yesterday", [today]: "today" }[day];
    return near ? `${near} ${time()}` : `${there.weekday}, ${day}, ${time()}`;
  }

  const SPANS = [[3600, 60, "min"], [86400, 3600, "h"], [14 * 86400, 86400, "day"]];

  function agoWords(moment) {
    const seconds = Math.round((Date.now() - moment) / 1000);
    const distance = Math.abs(seconds);
    if (distance < 60) return seconds >= 0 ? "just now" : "in a moment";
    const span = SPANS.find(([below]) => distance < below);
    if (!span) return dayOf(parts(moment, WHOLE));
    const count = Math.floor(distance / span[1]);
    const words = `${count} ${span[2]}${span[2] === "day" && count > 1 ? "s" : ""}`;
    return seconds > 0 ? `${words} ago` : `in ${words}`;
  }

  function write(element, words) {
    if (element.textContent !== words) element.textContent = words;
  }

  // A table of many says it once for all its times.
  const AGES = "time[data-ago], [data-ages] time";

  function refreshAgo() {
    for (const element of document.querySelectorAll(AGES)) write(element, agoWords(new Date(element.dateTime)));
  }

  function moveToZone() {
    for (const element of document.querySelectorAll(`${AGES}, time[data-when], time[data-exact]`)) {
      const moment = new Date(element.dateTime);
      element.title = whenWords(moment, true);
      if ("exact" in element.dataset) write(element, element.title);
      if ("when" in element.dataset) write(element, whenWords(moment, false));
    }
  }

  if (known !== zone) moveToZone();
  // In a long list the exact time is told of what somebody points at.
  document.addEventListener("pointerover", (event) => {
    if (event.target.matches?.("time:not([title])")) event.target.title = whenWords(new Date(event.target.dateTime), true);
  });
  // What is offered for a while only, and for how many seconds: whoever comes back to a page from a break finds it gone.
  const ends = new WeakMap();
  function endOffers() {
    for (const offer of document.querySelectorAll("[data-ends]")) {
      if (!ends.has(offer)) ends.set(offer, Date.now() + offer.dataset.ends * 1000);
      else if (Date.now() >= ends.get(offer)) offer.remove();
    }
  }
  endOffers();
  setInterval(endOffers, 2000);
  setInterval(() => { if (!document.hidden) refreshAgo(); }, 30000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) { refreshAgo(); endOffers(); } });

  // On a telephone the row of tabs is longer than the screen.
  document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

  // Filters: a changed choice is sent at once, and empty fields stay out of the address.
  document.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-autosubmit]");
    if (!form || !event.target.matches("select, input[type=date]")) return;
    form.requestSubmit();
    const unfolded = form.querySelector(".filters-toggle");
    if (unfolded) unfolded.checked = false; // on a telephone they would stand before what was found
  });
  // A choice that is a button away without scripts.
  document.addEventListener("change", (event) => {
    const button = document.getElementById(event.target.dataset.press ?? "");
    if (button) button.form.requestSubmit(button);
  });
  // What must happen once: a second click, before the answer is there, is not sent.
  document.addEventListener("submit", (event) => {
    const { dataset } = event.target;
    if (!("once" in dataset) || event.defaultPrevented) return;
    if (dataset.once === "sent") return event.preventDefault();
    dataset.once = "sent";
    return setTimeout(() => { dataset.once = ""; }, 5000); // somebody may have stopped the page from loading
  });
  document.addEventListener("formdata", (event) => {
    if (!event.target.matches("form[method=get]")) return;
    for (const name of new Set(event.formData.keys())) {
      const told = event.formData.getAll(name).filter((value) => value !== "");
      event.formData.delete(name);
      for (const value of told) event.formData.append(name, value);
    }
  });
  document.addEventListener("htmx:afterSettle", () => {
    if (!document.getElementById("results")) return;
    const total = document.getElementById("results").dataset.total;
    const main = document.getElementById("main");
    if (total === undefined) delete main.dataset.total;
    else main.dataset.total = total;
  });
  // The page is out of date as a whole. Whoever is writing on it keeps it: they may cancel this.
  function reload() {
    if (document.dispatchEvent(new CustomEvent("page:outdated", { cancelable: true }))) location.reload();
  }
  // Signed out meanwhile, or an error: show that page instead of putting a piece of it into this one.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr, pathInfo, target } = event.detail;
    const elsewhere = xhr.responseURL && new URL(xhr.responseURL).pathname !== new URL(pathInfo.finalRequestPath, location).pathname;
    if (!elsewhere && xhr.status < 400) return;
    event.detail.shouldSwap = false;
    if (target.id === "results") location.assign(pathInfo.finalRequestPath);
    else if (elsewhere && !["looking-words", "team"].includes(target.id)) reload(); // static/js/team.js says it beside its forms
  });
  // What somebody has unfolded stays so in what takes its place.
  let unfolded = [];
  document.addEventListener("htmx:beforeSwap", (event) => {
    unfolded = [...event.detail.target.querySelectorAll("details[open][id]")].map((details) => details.id);
  });
  document.addEventListener("htmx:afterSwap", () => {
    for (const details of unfolded.splice(0).map((id) => document.getElementById(id))) if (details) details.open = true;
  });
  // While somebody fills in a form in what looks again by itself, only what it says of the report is put in.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { target, xhr } = event.detail;
    if (target.id !== "outcome" || !event.detail.shouldSwap || !target.querySelector("details[open]")) return;
    event.detail.shouldSwap = false;
    const fresh = new DOMParser().parseFromString(xhr.responseText, "text/html").getElementById("outcome");
    if (!fresh || fresh.dataset.at !== target.dataset.at) return;
    const [before, now] = [target, fresh].map((outcome) => outcome.querySelector(".report"));
    if (before && now) before.replaceWith(now);
  });
  let reported = document.getElementById("outcome")?.dataset.report;
  document.addEventListener("page:shown", () => { reported = document.getElementById("outcome")?.dataset.report; });
  document.addEventListener("htmx:afterSettle", () => {
    const outcome = document.getElementById("outcome");
    if (!outcome) return;
    // Somebody else moved the application: more of the page than this piece is out of date.
    if (outcome.dataset.at !== document.getElementById("main").dataset.stage) location.reload();
    if (outcome.dataset.report === reported) return;
    reported = outcome.dataset.report;
    write(document.getElementById("outcome-said"), outcome.querySelector(".report")?.textContent.trim() ?? "");
  });

  // What the page asks by itself keeps nobody signed in.
  document.addEventListener("htmx:configRequest", (event) => {
    const { detail } = event;
    if (!detail.triggeringEvent) detail.headers["X-By-Itself"] = "yes";
    if (document.hidden && detail.elt.id === "newer") event.preventDefault(); // a list nobody looks at
  });

  // The worklist: how pulling goes is said once for each new state.
  let pulling = document.getElementById("pulling")?.dataset.sync;
  document.addEventListener("htmx:afterSettle", () => {
    const now = document.getElementById("pulling");
    if (!now || now.dataset.sync === pulling) return;
    pulling = now.dataset.sync;
    write(document.getElementById("pulling-said"), now.querySelector(".pulling-words").textContent.replace(/\s+/g, " ").trim());
  });

  // Back to a list as it was left, with its filters and its page; an application's own link knows its list.
  const back = document.querySelector("a.back");
  try {
    const left = sessionStorage;
    // The next person's lists are their own; other windows learn that somebody signed out and show nothing from memory.
    if (location.pathname === "/login") {
      left.clear();
      localStorage.setItem("signed-out", String(Date.now()));
    } else addEventListener("storage", (event) => { if (event.key === "signed-out") reload(); });
    if (back && !back.search) back.search = left.getItem(`list ${back.pathname}`) ?? "";
    addEventListener("pagehide", () => {
      if (document.querySelector(".filters")) left.setItem(`list ${location.pathname}`, location.search);
    });
  } catch {
    // No storage is allowed: the link leads to the whole list.
  }
  // Something sent, a refused form for one, is answered with a page: coming back to it must not send it again.
  const own = document.getElementById("main")?.dataset.address;
  const { pathname, search } = new URL(own || location.href, location);
  if (pathname !== location.pathname || (search && !location.search)) history.replaceState(null, "", own);

  // Copying.
  for (const button of document.querySelectorAll(".needs-js")) button.hidden = !navigator.clipboard;
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const label = button.querySelector("span");
    const before = label.textContent;
    try {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
      label.textContent = "Copied";
    } catch {
      label.textContent = "Copy it by hand";
    }
    setTimeout(() => { label.textContent = before; }, 2000);
  });
})();
