"""Whether a page did, tried or holds anything that somebody who may only send text should not have brought about."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from playwright.sync_api import BrowserContext, Dialog, Error, Page, Request

from tests.hostile import CANARY, PRODUCT

LISTENING: Final = """(() => {
  let seen = [];
  try { seen = top.__harm ?? seen; } catch { /* a frame from elsewhere, which is found itself */ }
  Object.defineProperty(window, "ran", { value: (number) => { seen.push(`ran ${number}`); } });
  Object.defineProperty(window, "__harm", { value: seen });
  document.addEventListener("securitypolicyviolation", (event) => {
    seen.push(`against the policy: ${event.effectiveDirective} ${event.blockedURI} ${event.sample}`);
  });
  // No page is fetched ahead, which would only cost time here.
  Object.defineProperty(Navigator.prototype, "connection", { value: { saveData: SAVES }, configurable: true });
})()"""

LOOKING: Final = """async () => {
  // What a page fetches for itself is part of it.
  const ends = performance.now() + 5000;
  const waits = () => document.querySelector("[hx-trigger=load]") && performance.now() < ends;
  while (waits()) await new Promise((done) => setTimeout(done, 5));
  const found = window.__harm?.splice(0) ?? [];
  const tell = (what, element) => found.push(`${what} ${element.outerHTML.slice(0, 200)}`);
  const NEVER = "applet, audio, base, embed, frame, frameset, iframe, link:not([href^='/']), marquee, math, " +
    "meta[http-equiv], object, portal, script:not([src^='/static/']), style, svg:not(.icon, .bar, .qr), video";
  for (const one of document.querySelectorAll(NEVER)) tell("an element:", one);
  const ADDRESSES = ("action background cite data formaction href hx-get hx-post ping poster src " +
    "srcset xlink:href").split(" ");
  const OTHERS = ["mailto:", "sms:", "tel:"];
  const isOurs = (address) => {
    if (ALLOWED.some((one) => address.startsWith(one))) return true;
    try {
      const { origin, protocol } = new URL(address, location.href);
      return origin === location.origin || OTHERS.includes(protocol);
    } catch { return false; }
  };
  const isOdd = (name) => !/^[a-z][a-z0-9:-]*$/i.test(name) || /^on|^hx-on|^style$|^srcdoc$|hostile/.test(name);
  for (const one of document.querySelectorAll("*")) {
    for (const { name, value } of one.attributes) {
      if (isOdd(name) || (ADDRESSES.includes(name) && !isOurs(value))) tell(`an attribute, ${name}=${value}, of`, one);
    }
  }
  const text = document.documentElement.textContent;
  if (text.includes("PRODUCT")) found.push("a template ran");
  if (document.cookie.includes("hostile")) found.push("a cookie was set");
  return [found, text];
}"""


@dataclass(slots=True)
class Watch:
    """Everything that happens in one browser context. `allowed`: what else links may begin with than with our own."""

    context: BrowserContext
    allowed: tuple[str, ...] = ()
    ahead: bool = False
    own: str = "http://127.0.0.1"
    _heard: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.context.add_init_script(LISTENING.replace("SAVES", "false" if self.ahead else "true"))
        # Playwright writes upon the object of a method it is given, which one with slots does not take.
        self.context.on("dialog", lambda dialog: self._on_dialog(dialog))
        self.context.on("request", lambda request: self._on_request(request))

    def look(self, page: Page) -> tuple[list[str], str]:
        """What is wrong since the last look, in words; and all text of the page as it stands."""
        looking = LOOKING.replace("ALLOWED", str(list(self.allowed))).replace("PRODUCT", PRODUCT)
        try:
            found, text = page.evaluate(looking)
        except Error as problem:
            found, text = [f"the page went away: {problem}"], ""
        heard, self._heard = self._heard, []
        return [*heard, *found], text

    def _on_dialog(self, dialog: Dialog) -> None:
        self._heard.append(f"a dialog: {dialog.message}")
        dialog.dismiss()

    def _on_request(self, request: Request) -> None:
        if not request.url.startswith((self.own, "data:image/svg+xml", *self.allowed)):
            self._heard.append(f"asked for {request.url}")


def is_a_run(found: str) -> bool:
    return re.fullmatch(r"ran \d+", found) is not None


def is_a_question(found: str) -> bool:
    return found.startswith("asked for") and CANARY in found
