"""static/vendor holds exactly what its lock file says, and the pages use nothing that is not there."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from flask import Flask

from dashboard.web import formatting

ROOT = Path(__file__).resolve().parents[1]
VENDOR = ROOT / "static" / "vendor"
LOCK = json.loads((VENDOR / "lock.json").read_text(encoding="utf-8"))
SVG = "{http://www.w3.org/2000/svg}"
CSS_LIMIT = 64_000


def locked_files() -> dict[str, str]:
    return {path: digest for package in LOCK["packages"] for path, digest in package["files"].items()}


def sprite() -> dict[str, list[str]]:
    root = ElementTree.parse(ROOT / "static" / "icons.svg").getroot()
    return {symbol.attrib["id"]: drawn(symbol) for symbol in root.iter(f"{SVG}symbol")}


def drawn(element: ElementTree.Element) -> list[str]:
    return [path.attrib["d"] for path in element.iter(f"{SVG}path") if path.get("stroke") != "none"]


def sources() -> dict[str, str]:
    files = [*(ROOT / "templates").rglob("*.html"), *(ROOT / "static" / "js").rglob("*.js")]
    files += (ROOT / "static" / "css").rglob("*.css")
    return {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in files}


def test_every_vendored_file_is_locked_and_unchanged() -> None:
    present = {
        str(path.relative_to(VENDOR)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.rglob("*")
        if path.is_file() and path.name != "lock.json"
    }
    assert present == locked_files()


@pytest.mark.parametrize("package", LOCK["packages"], ids=lambda package: package["name"])
def test_every_package_says_where_it_came_from_and_brings_its_licence(package: dict[str, object]) -> None:
    kind, _, digest = str(package["integrity"]).partition("-")
    assert (kind, len(base64.b64decode(digest))) == ("sha512", 64)
    assert package["source"] == f"npm pack {package['name']}@{package['version']}"
    assert [path for path in package["files"] if path.endswith("/LICENSE")]  # type: ignore[attr-defined]


def test_the_sprite_draws_exactly_the_vendored_icons() -> None:
    vendored = VENDOR / "tabler-icons" / "icons"
    assert sprite() == {path.stem: drawn(ElementTree.parse(path).getroot()) for path in vendored.glob("*.svg")}


def test_every_icon_a_page_asks_for_is_in_the_sprite() -> None:
    asked = {name for text in sources().values() for name in re.findall(r"""icon\(["']([a-z-]+)["']""", text)}
    assert asked
    assert asked <= sprite().keys()


def test_every_icon_a_table_names_is_in_the_sprite() -> None:
    """States, statuses and verdicts name their icon in a table: `(words, tone, icon)` or `(icon, words)`."""
    pages = Flask(__name__, template_folder=str(ROOT / "templates"))
    formatting.register(pages)
    files, deliveries, ledger, reminders = (
        pages.jinja_env.get_template(f"macros/{name}.html").module
        for name in ("files", "deliveries", "ledger", "reminders")
    )
    named = {icon for icon, _ in files.VERDICTS.values()}  # type: ignore[attr-defined]
    named |= {row[2] for table in (deliveries.STATUSES, ledger.STATES, reminders.STATES) for row in table.values()}  # type: ignore[attr-defined]
    assert len(named) > 5
    assert named <= sprite().keys()


def test_pages_load_nothing_from_elsewhere_and_run_nothing_inline() -> None:
    forbidden = re.compile(
        r"""<script(?![^>]*\ssrc=)|<style|\sstyle=|\son[a-z]+=["']|javascript:|data:[a-z]+/|hx-on|"""
        r"""(?:src|href|url\()\s*=?\s*["']?(?:https?:)?//|\|\s*safe\b""",
        re.IGNORECASE,
    )
    found = {name: hit.group() for name, text in sources().items() if (hit := forbidden.search(text))}
    assert found == {}


def test_the_style_sheet_stays_lean() -> None:
    assert sum(path.stat().st_size for path in (ROOT / "static" / "css").rglob("*.css")) < CSS_LIMIT
