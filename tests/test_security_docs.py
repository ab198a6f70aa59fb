"""docs/security.md: a row for each requirement of OWASP ASVS 5.0 of levels 1 and 2, and what it says is so."""

from __future__ import annotations

import ast
import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import Final

from config import ROOT, Config
from dashboard.documents.child import Limits
from dashboard.permissions import GRANTED, Permission
from dashboard.services import access_links, accounts, bulk, guessable, notes, second_factor, throttle
from dashboard.web import flask_settings

DOCUMENT: Final = (ROOT / "docs" / "security.md").read_text()
LEVELS: Final = ROOT / "tests" / "asvs-5.0.0.txt"
VERDICTS: Final = ("met", "not applicable", "open")


@dataclass(frozen=True, slots=True)
class Row:
    id: str
    level: int
    what: str
    verdict: str
    evidence: str

    @property
    def tests(self) -> list[tuple[str, str]]:
        return re.findall(r"`(tests/[\w/.-]+\.py)::(test_\w+)`", self.evidence)

    @property
    def words(self) -> str:
        """What stands there besides tests."""
        return re.sub(r"`tests/[^`]+`|[;\s]", "", self.evidence)


def rows() -> list[Row]:
    found = re.findall(r"^\| (\d+\.\d+\.\d+) \| (\d) \| ([^|]+) \| ([^|]+) \| ([^|]*) \|$", DOCUMENT, re.MULTILINE)
    return [Row(id_, int(level), what, verdict, evidence) for id_, level, what, verdict, evidence in found]


def levels() -> dict[str, int]:
    """Every requirement of the standard, and its level."""
    lines = [line.split() for line in LEVELS.read_text().splitlines() if not line.startswith("#")]
    return {f"{section}.{number}": int(level) for section, all_of in lines for number, level in enumerate(all_of, 1)}


@cache
def defined(path: str) -> frozenset[str]:
    """The tests that a file has."""
    tree = ast.parse((ROOT / path).read_text())
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_the_standard_is_the_whole_one():
    assert Counter(levels().values()) == {1: 70, 2: 183, 3: 92}


def test_every_requirement_of_levels_1_and_2_has_one_row_in_the_standards_order():
    wanted = [(id_, level) for id_, level in levels().items() if level < 3]
    assert [(row.id, row.level) for row in rows()] == wanted
    assert len(re.findall(r"^\| \d+\.\d+\.\d+ ", DOCUMENT, re.MULTILINE)) == len(wanted)


def test_every_verdict_is_one_of_three_and_every_requirement_is_told():
    for row in rows():
        assert row.verdict in VERDICTS, row.id
        assert len(row.what) > 5, row.id


def test_whatever_is_met_names_a_test_and_every_test_that_is_named_exists():
    for row in rows():
        assert row.verdict != "met" or row.tests, row.id
        assert row.evidence.count("::") == len(row.tests), row.id
        for path, name in row.tests:
            assert (ROOT / path).is_file(), (row.id, path)
            assert name in defined(path), (row.id, name)


def test_whatever_is_not_met_says_why():
    for row in rows():
        assert row.verdict == "met" or len(row.words) > 5, row.id


def test_the_figures_on_top_are_those_of_the_rows():
    told = re.findall(r"^\| (1|2|both) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", DOCUMENT, re.MULTILINE)
    counted = Counter((str(row.level), row.verdict) for row in rows())
    for verdict in VERDICTS:
        counted["both", verdict] = counted["1", verdict] + counted["2", verdict]
    expected = {level: [counted[level, verdict] for verdict in VERDICTS] for level in ("1", "2", "both")}
    assert {level: list(map(int, figures)) for level, *figures in told} == {
        level: [*figures, sum(figures)] for level, figures in expected.items()
    }
    open_ones = re.search(r"^Open at level 1: (.+)$", DOCUMENT, re.MULTILINE)
    assert open_ones
    named = re.findall(r"\d+\.\d+\.\d+", open_ones[1])
    assert named == [row.id for row in rows() if row.verdict == "open" and row.level == 1]


def test_every_section_that_a_row_leads_to_is_there_and_says_something():
    sections = re.split(r"^## (.+)$", DOCUMENT, flags=re.MULTILINE)
    known = {title.lower().replace(" ", "-"): text for title, text in zip(sections[1::2], sections[2::2], strict=True)}
    named = {anchor for row in rows() for anchor in re.findall(r"\]\(#([\w-]+)\)", row.evidence)}
    assert len(named) >= 10
    for anchor in named:
        assert len(known[anchor].split()) > 40, anchor


def test_the_figures_told_are_those_of_the_code():
    limits, settings = Limits(), flask_settings(Config(secret_key="x" * 32))
    hours = (accounts.SESSION_IDLE.total_seconds() / 3600, accounts.SESSION_LIFE.total_seconds() / 3600)
    days = [life.total_seconds() / 86_400 for life in access_links.LIVES.values()]
    for words in (
        f"ends after {hours[0]:.0f} hours without anything being done, and after {hours[1]:.0f} hours at the latest",
        f"**Passwords** have {accounts.MIN_PASSWORD} to {accounts.MAX_PASSWORD:,} characters",
        f"fewer than {guessable.LEFT} characters besides",
        ", ".join(f"`{word}`" for word in guessable.WORDS),
        f"In {throttle.WINDOW.total_seconds() / 60:.0f} minutes: {throttle.TRIES_HERE} for one account from one",
        f"{throttle.TRIES_ELSEWHERE} for one address, {throttle.TRIES_ELSEWHERE} for one account",
        f"the last {accounts.REMEMBERED.days} days",
        f"once, {days[1]:.0f} days or {days[2] * 24:.0f} hours",
        f"Forms are read up to {settings['MAX_CONTENT_LENGTH']:,} bytes",
        f"a note has at most {notes.MAX_NOTE:,} characters",
        f"{bulk.MOST:,} applications in one action",
        f"{limits.pixels:,} pixels, {limits.text_pages} pages of text",
        f"{limits.inflated_bytes // 2**20} MiB unpacked",
        f"{limits.text_bytes:,} bytes of text",
        f"{limits.memory_bytes // 2**20} MiB, {limits.cpu_seconds} s of computing, {limits.wall_seconds:.0f} s in all",
        f"argon2id, {accounts._hasher.memory_cost // 1024} MiB, t={accounts._hasher.time_cost}",
    ):
        assert words in DOCUMENT, words
    assert len(guessable._known()) // 5_000 in range(45, 47)
    assert second_factor._LENGTH * 5 >= 112


def test_the_table_of_permissions_is_the_codes():
    """A row for each group of permissions, a column for each role, in this order."""
    groups = {
        "applications, files, stages, notes, ledgers": {Permission.APPLICATIONS, Permission.LEDGER},
        "who did not finish, reminders": {Permission.INCOMPLETE},
        "deliveries, integration, users, audit log": {
            Permission.DELIVERIES,
            Permission.INTEGRATION,
            Permission.USERS,
            Permission.AUDIT,
        },
        "contents of deliveries, privacy": {Permission.CONTENTS, Permission.PRIVACY},
    }
    assert set().union(*groups.values()) == set(Permission)
    for words, permissions in groups.items():
        told = re.search(rf"^\| {words} \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", DOCUMENT, re.MULTILINE)
        assert told, words
        assert [cell != "no" for cell in told.groups()] == [permissions <= granted for granted in GRANTED.values()]
