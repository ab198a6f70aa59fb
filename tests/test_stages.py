"""The stages, and the places that name them a second time."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest

import config
from config import ROOT
from dashboard.database import Base
from dashboard.inbox import TABS
from dashboard.stages import DECISIVE, Stage


def test_settings_may_map_exactly_the_stages_there_are():
    assert tuple(Stage) == config.STAGES


@pytest.mark.parametrize("stage", Stage)
def test_each_stage_has_its_colour(stage):
    assert re.search(rf"^\.stage-{stage}\b[^{{]*{{", (ROOT / "static/css/app.css").read_text(), re.MULTILINE)


def test_no_colour_is_left_of_a_stage_that_there_is_not():
    named = set(re.findall(r"^\.stage-([\w-]+)", (ROOT / "static/css/app.css").read_text(), re.MULTILINE))
    assert named == set(Stage)


def test_each_stage_fits_every_column_that_keeps_one():
    columns = [c for table in Base.metadata.tables.values() for c in table.columns if c.name.endswith("stage")]
    assert len(columns) >= 4
    longest = max(len(stage) for stage in Stage)
    assert [str(column) for column in columns if column.type.length < longest] == []


@pytest.mark.parametrize("stage", Stage)
def test_a_label_is_words(stage):
    assert re.fullmatch(r"[A-Z][a-z]*( [a-z]+)*", stage.label)


def test_a_stage_of_two_words_is_read_as_two_words():
    label = Stage.label.fget
    assert label(SimpleNamespace(value="background_check")) == "Background check"


def test_what_takes_a_decision_back_is_a_stage():
    assert set(Stage) >= DECISIVE


def test_each_decision_has_its_tab_over_the_inbox_and_words_for_when_it_is_empty():
    assert set(DECISIVE) <= TABS.keys()
    empty = (ROOT / "templates/applications/index.html").read_text()
    assert [tab for tab in TABS if f"'{tab}': (" not in empty] == []
