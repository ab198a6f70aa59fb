"""What the documents say is so: settings, sections and files that they name exist."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Final

import pytest

from config import ROOT, Config

DOCUMENTS: Final = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
SETTINGS: Final = {setting.name.upper() for setting in fields(Config)}
NOT_OURS: Final = {
    "AWS_": "what every S3 client reads",
    "MALLOC_ARENA_MAX": "read by glibc; `make run` sets it for the web server",
    "CAP_NET_BIND_SERVICE": "a word of systemd's",
    "RENEWED_LINEAGE": "what certbot tells its hooks",
    "TRUSTED_HOSTS": "Flask's, which we do not use",
    "CLIENT_CREDENTIALS": "a word of Talroo's token request",
}
"""What looks like a setting and is none, with what it is."""


def operations() -> str:
    return (ROOT / "docs" / "operations.md").read_text()


def table() -> dict[str, str]:
    """Setting → the default its row tells."""
    found = {}
    for names, default in re.findall(r"^\| (`[A-Z][^|]*`) \| ([^|]+) \|", operations(), re.MULTILINE):
        found |= dict.fromkeys(re.findall(r"`([A-Z_]+)`", names), default.strip().strip("`"))
    return found


def test_every_setting_has_its_row_and_every_row_its_setting():
    assert set(table()) == SETTINGS


def test_every_row_tells_the_default_that_is_used():
    told, used = table(), Config(secret_key="x" * 32)
    for name in SETTINGS - {"SECRET_KEY", "DATABASE_URL", "FILES_URL", "METRICS_DIR"}:
        value = getattr(used, name.lower())
        if isinstance(value, dict):
            value = ",".join(f"{stage}={event}" for stage, event in value.items())
        assert told[name] == ("none" if value in (None, (), "") else str(value)), name


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_no_document_names_a_setting_that_there_is_not(document: Path):
    named = set(re.findall(r"\b[A-Z]+_[A-Z_]*", document.read_text()))
    assert named - SETTINGS - set(NOT_OURS) == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_in_a_document_leads_to_a_file(document: Path):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text()):
        assert (document.parent / target).exists(), target


def cited(pattern: str) -> set[str]:
    """What the code and its tests cite by `pattern`'s group."""
    sources = [path for room in ("dashboard", "tests") for path in (ROOT / room).rglob("*.py")]
    return {found for path in sources for found in re.findall(pattern, path.read_text())}


def test_every_section_of_the_contract_that_is_cited_exists():
    headings = re.findall(r"^## (\d+)\. ", (ROOT / "docs" / "talroo-contract.md").read_text(), re.MULTILINE)
    assert cited(r"talroo-contract §(\d+)") | cited(r"talroo-contract §\d+, §(\d+)") <= set(headings)


def test_every_page_that_is_cited_is_in_the_repository():
    pages = {path.name for path in DOCUMENTS}
    assert {"talroo-contract.md", *cited(r"\b(interface\.md)")} <= pages


def test_the_map_names_every_room_and_every_file_beside_them():
    told = (ROOT / "docs" / "architecture.md").read_text()
    inside = [path for path in (ROOT / "dashboard").iterdir() if not path.name.startswith(("_", "."))]
    names = {f"dashboard/{path.name}/" if path.is_dir() else path.name for path in inside}
    assert sorted(name for name in names if name not in told) == []


def test_the_interface_names_every_address(make_app, sqlite_url):
    told = (ROOT / "docs" / "interface.md").read_text()
    rules = [rule.rule for rule in make_app(sqlite_url).url_map.iter_rules() if rule.endpoint not in ("static", "home")]
    addresses = {re.sub(r"<\w+_id>", "ID", rule).replace("<token>", "TOKEN") for rule in rules}
    assert sorted(one for one in addresses if not re.search(rf"{re.escape(one)}[`?]", told)) == []
