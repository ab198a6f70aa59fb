"""What was searched for is marked in any text, and nothing else about the text changes."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from dashboard import tokens
from dashboard.highlight import Marks, marked

PHONE = "5125550123"


def asked_in(text: str, typed: str) -> list[str]:
    """The parts of `text` that a search for `typed` marks."""
    marks = Marks.of(typed)
    return [piece for piece, asked in marks.split(text) if asked] if marks else []


@pytest.mark.parametrize(
    ("text", "typed", "expected"),
    [
        ("Registered Nurse, nursing since 2019", "nurs", ["Nurs", "nurs"]),
        ("Muñoz", "munoz", ["Muñoz"]),
        ("Munoz", "Muñoz", ["Munoz"]),
        ("Mun\u0303oz drives", "munoz", ["Mun\u0303oz"]),
        ("Straße 4", "strasse", ["Straße"]),
        ("Straße 4", "stras", ["Straß"]),
        ("a recruiter", "cruit", []),
        ("forklift driver", "driver fork", ["fork", "driver"]),
        ("Ada <b>Lovelace</b>", "b", ["b", "b"]),
        ("anything", "!?", []),
        ("", "ada", []),
    ],
)
def test_words_are_marked_as_the_search_finds_them(text, typed, expected):
    assert asked_in(text, typed) == expected


@pytest.mark.parametrize("typed", ["5125550123", "(512) 555-0123", "+1 512.555.0123", "512 555 0", "555-0123"])
@pytest.mark.parametrize("written", ["5125550123", "(512) 555-0123", "+1-512-555-0123", "15125550123"])
def test_the_digits_of_a_phone_number_are_marked_in_any_writing(typed, written):
    (found,) = asked_in(f"Call {written} today", typed)
    digits = "".join(filter(str.isdigit, typed)).removeprefix("1")
    assert "".join(filter(str.isdigit, found)) == digits


def test_digits_that_the_search_would_not_find_are_left_alone():
    assert asked_in("(512) 555-0123", "5501") == []
    assert asked_in("in 2019 and 12019", "2019") == ["2019"]


def test_what_is_no_search_marks_nothing_and_costs_nothing():
    text = "Ada & Bob"
    assert Marks.of("") is Marks.of(None) is Marks.of(" … ") is None
    assert marked(text, None) is text
    assert marked(None, Marks.of("ada")) == ""
    assert marked(Markup("<b>Ada</b>"), Marks.of("ada")) == "<b>Ada</b>"


@given(text=st.text(max_size=60), typed=st.text(max_size=30))
def test_without_the_marks_the_text_is_what_it_was_and_nothing_in_it_is_html(text, typed):
    shown = str(Markup.escape(marked(text, Marks.of(typed))))
    bare = re.sub("</?mark>", "", shown)
    assert html.unescape(bare) == text
    assert "<" not in bare
    assert shown.count("<mark>") == shown.count("</mark>")


@given(
    text=st.text(alphabet="aäßéñ\u0303 -1Łø中ب<&", max_size=40),
    typed=st.text(alphabet="aäßéñ 1Łø中ب", min_size=1, max_size=4),
)
def test_a_text_has_marks_exactly_where_the_search_finds_it(text, typed):
    wanted = tokens.words([typed])
    found = tokens.words([text])
    expected = any(word.startswith(one) for one in wanted for word in found)
    assert bool(asked_in(text, typed)) == expected


@given(text=st.text(max_size=60), typed=st.text(max_size=30))
def test_the_pieces_are_the_text(text, typed):
    marks = Marks.of(typed)
    assert not marks or "".join(piece for piece, _ in marks.split(text)) == text


def test_a_long_text_of_digits_and_spaces_is_marked_in_one_go():
    text = ("5" + " " * 50) * 4_000
    assert asked_in(text, PHONE) == []
