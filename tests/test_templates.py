"""What templates share with scripts and with each other, read from their source."""

from __future__ import annotations

import re

from config import ROOT

TEMPLATES = {path: path.read_text(encoding="utf-8") for path in sorted((ROOT / "templates").rglob("*.html"))}
SHORTCUTS = (ROOT / "templates/_shortcuts.html").read_text(encoding="utf-8")
KEYS_JS = (ROOT / "static/js/keys.js").read_text(encoding="utf-8")


def test_a_stage_is_told_by_its_label():
    assert [str(path) for path, source in TEMPLATES.items() if re.search(r"stage\s*\|\s*capitalize", source)] == []


def test_every_key_an_element_carries_stands_in_the_table_of_keys():
    """But for those a macro is told or that are counted: `j`, `k`, `u` and the reasons' digits."""
    carried = {key for source in TEMPLATES.values() for key in re.findall(r'data-key="([^"{]+)"', source)}
    listened = {key for keys in re.findall(r'data-keys="([^"]+)"', SHORTCUTS) for key in keys.split()}
    assert len(carried) > 8
    assert carried - listened == set()


def test_what_a_key_does_is_done_by_keys_js():
    """Without `data-do`, it presses the element that carries the first of the keys, which some template has."""
    (does,) = re.findall(r"const DOES = \{\n(.*?)\n  \};", KEYS_JS, re.DOTALL)
    functions = set(re.findall(r"^    (\w+)[:,]", does, re.MULTILINE))
    assert set(re.findall(r'data-do="([^"]+)"', SHORTCUTS)) == functions
    pressed = set(re.findall(r'data-keys="([^" ]+)[^"]*"(?! data-do)', SHORTCUTS))
    everything = "".join(TEMPLATES.values())
    assert [key for key in pressed if f'data-key="{key}"' not in everything] == []
