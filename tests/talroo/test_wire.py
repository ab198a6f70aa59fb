from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.talroo import wire
from dashboard.talroo.wire import NotJson, Number

TREES = st.recursive(
    st.none() | st.booleans() | st.text() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def as_written(value):
    """What `wire.parse` makes of a value: numbers as the text they are written with."""
    if isinstance(value, dict):
        return {key: as_written(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [as_written(inner) for inner in value]
    return Number(json.dumps(value)) if type(value) in (int, float) else value


@given(TREES, st.booleans())
def test_any_document_is_read_as_it_was_written(tree, ascii_only):
    raw = json.dumps(tree, ensure_ascii=ascii_only).encode()
    assert wire.parse(raw) == wire.Parsed(as_written(tree))


@given(st.binary())
def test_any_bytes_are_a_document_or_not_json(raw):
    with suppress(NotJson):
        wire.parse(raw)


@pytest.mark.parametrize("number", ["0", "1e999", "-0", "1.50", "9" * 6_000, "NaN", "-Infinity", "1E400"])
def test_a_number_stays_as_it_was_written(number):
    value = wire.parse(number.encode()).value
    assert value == number
    assert isinstance(value, Number)


def test_a_string_of_digits_keeps_its_zeros_and_is_no_number():
    value = wire.parse(b'"02134"').value
    assert value == "02134"
    assert not isinstance(value, Number)


def test_a_huge_number_among_others_costs_nothing():
    raw = b"[" + b",".join([b"9" * 6_000] * 100) + b"]"
    assert [len(number) for number in wire.parse(raw).value] == [6_000] * 100


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"{",
        b"nope",
        b"{'id': 1}",
        b'{"id": 1} and more',
        b"\x00",
        b"\xff\xfe",
        b"id=1&type=2",
        b"<xml/>",
        b'{"a": 1,}',
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b"%PDF-1.4",
    ],
)
def test_what_is_no_document_is_refused_without_being_quoted(raw):
    with pytest.raises(NotJson) as caught:
        wire.parse(raw)
    assert len(str(caught.value)) < 120


def test_bytes_that_are_no_text_are_replaced_and_noted():
    parsed = wire.parse(b'{"name": "Jos\xe9", "city": "Austin"}')
    assert parsed.value == {"name": "Jos�", "city": "Austin"}
    assert parsed.notes == ("Some bytes of the body are no text; they are shown as �.",)


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]
)
def test_every_encoding_json_may_have_is_read(encoding):
    assert wire.parse('{"name": "Zoë 小雨 🔑"}'.encode(encoding)) == wire.Parsed({"name": "Zoë 小雨 🔑"})


def test_a_lone_surrogate_is_read_and_can_be_stored_once_it_is_cleaned():
    value = wire.parse(rb'{"name": "a\ud83d\u0000b"}').value["name"]
    assert value == "a\ud83d\0b"
    assert wire.clean(value) == wire.text(value) == "a��b"


def test_control_characters_inside_a_string_are_read():
    assert wire.parse(b'"two\nlines\tand\x01one"').value == "two\nlines\tand\x01one"


def test_of_a_key_that_comes_twice_the_last_counts_and_a_note_names_it():
    parsed = wire.parse(b'{"id": 1, "id": 2, "in": {"b": 1, "b": 2, "b": 3}, "x": 0}')
    assert parsed.value == {"id": "2", "in": {"b": "3"}, "x": "0"}
    assert parsed.notes == ("Some keys came twice; the last value counts: b, id.",)


def test_the_note_on_keys_that_come_twice_is_short_and_can_be_stored():
    raw = b"{" + b",".join(b'"\\ud83d%s%d": 1' % (b"k" * 1_000, number % 50) for number in range(100)) + b"}"
    (note,) = wire.parse(raw).notes
    assert len(note) < 300
    assert note == wire.clean(note)


@pytest.mark.parametrize(
    ("value", "words"),
    [("a", "a"), (Number("1"), "1"), (True, "true"), (False, "false"), (None, None), ({}, None), ([], None), ("", "")],
)
def test_a_scalar_has_words_and_nothing_else_has(value, words):
    assert wire.text(value) == words


@given(st.text(alphabet=st.characters()))
def test_clean_text_fits_every_database_and_is_otherwise_unchanged(text):
    cleaned = wire.clean(text)
    assert "\0" not in cleaned
    assert len(cleaned) == len(text)
    cleaned.encode()
    assert all(new == old or new == "�" for old, new in zip(text, cleaned, strict=True))


@pytest.mark.parametrize("value", [None, [], "a", Number("1"), True])
def test_what_is_no_object_is_read_as_an_empty_one(value):
    assert wire.mapping(value) == {}


ARRIVED = st.recursive(
    st.none()
    | st.booleans()
    # Two halves of a character beside each other are one as soon as they are written, so only lone ones can arrive.
    | st.text(alphabet=st.characters(exclude_categories=["Cs"]) | st.just("\ud83d"))
    | st.from_regex(r"-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,9})?([eE][+-]?[0-9]{1,4})?|NaN|-?Infinity", fullmatch=True).map(
        Number
    ),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


@given(ARRIVED)
def test_what_was_read_is_written_so_that_it_is_read_the_same(value):
    again = wire.parse(wire.dump(value))
    assert again == wire.Parsed(value)
    assert kinds(again.value) == kinds(value)


def kinds(value):
    """The type of every part: a number and a string of the same digits are equal, but not the same."""
    if isinstance(value, dict):
        return [(key, kinds(inner)) for key, inner in value.items()]
    return [kinds(inner) for inner in value] if isinstance(value, list) else type(value)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"zip":"02134","n":[1.50,-0,1E400,NaN,-Infinity],"z":{},"a":[],"":null,"t":true}',
        b"[" + b"9" * 6_000 + b"]",
        b'"half \\ud83d a character"',
        '{"name":"Zoë 小雨 🔑","quote":"\\"\\\\\\u0000\\n"}'.encode(),
        b"7",
        b"[" * 400 + b"]" * 400,
    ],
)
def test_compact_json_is_written_as_it_came(raw):
    assert wire.dump(wire.parse(raw).value) == raw


def test_nesting_is_written_however_deep_it_is():
    nested: wire.Json = []
    for _ in range(50_000):
        nested = [nested]
    assert wire.dump(nested) == b"[" * 50_001 + b"]" * 50_001


def test_what_is_no_json_is_not_written():
    with pytest.raises(TypeError):
        wire.dump({"when": object()})
