"""A browser's own description of itself, in words for whoever signed in with it."""

from __future__ import annotations

import re
from typing import Final

# In this order: most say that they are others, too.
_BROWSERS: Final = (
    (r"\bEdg(?:e|A|iOS)?/", "Edge"),
    (r"\bOPR/", "Opera"),
    (r"\bSamsungBrowser/", "Samsung Internet"),
    (r"\b(?:Firefox|FxiOS)/", "Firefox"),
    (r"\b(?:Headless)?(?:Chrome|CriOS)/", "Chrome"),
    (r"\bVersion/[\d.]+.*Safari/", "Safari"),
)
_SYSTEMS: Final = (
    (r"\biPhone\b", "an iPhone"),
    (r"\biPad\b", "an iPad"),
    (r"\bAndroid\b", "Android"),
    (r"\bWindows\b", "Windows"),
    (r"\bCrOS\b", "ChromeOS"),
    (r"\bMac OS X\b|\bMacintosh\b", "a Mac"),
    (r"\bLinux\b", "Linux"),
)


def words(user_agent: str | None) -> str:
    """ "Firefox on Windows"; what cannot be told apart, as the browser says it."""
    said = user_agent or ""
    browser, system = _first(_BROWSERS, said), _first(_SYSTEMS, said)
    if browser is None:
        return said or "A browser that did not say which"
    return f"{browser} on {system}" if system else browser


def _first(known: tuple[tuple[str, str], ...], said: str) -> str | None:
    return next((name for pattern, name in known if re.search(pattern, said)), None)
