"""The corpus and what is made of it: that nothing of what an applicant can send is left out."""

from __future__ import annotations

from collections import defaultdict

import pytest

from dashboard.spreadsheet import cell
from dashboard.talroo import wire
from dashboard.talroo.payload import FIELDS
from tests import hostile
from tests.factories import PAYLOADS
from tests.factories import payload as example
from tests.hostile import CORPUS, KEPT, TURNS, WORDS, Path, leaves

OF_A_QUESTION = {("question", "type"): "each kind is shown in its own way; one of them is hostile"}
OF_FILES = {"data": "a file's content: `hostile.DOCUMENTS`"}
OF_PULLED = {("createdAt",): "by which lists are sorted, and read no further than needed"}


def paths(document: object) -> set[Path]:
    return {path for path, _ in leaves(document)}


def hostile_paths(kind: hostile.Kind = "completed:v2") -> set[Path]:
    made = hostile.application(0, kind)
    made = {"data": made} if kind == "pulled" else made
    return {path for path, value in leaves(made) if hostile.is_hostile(value)}


def is_of_answers(path: Path) -> bool:
    """Whether it lies in an answer that is an object by question id, whose keys are anybody's."""
    return "answer" in path and path[-1] not in ("fileName", "contentType", "contentSha256")


@pytest.mark.parametrize("name", sorted(path.stem for path in PAYLOADS.glob("*.json")))
def test_every_value_of_every_example_has_a_hostile_one_in_its_place(name: str):
    known = hostile_paths()
    # The examples have their questions in one of two ways.
    asked = {path for path in paths(example(name)) if not is_of_answers(path)}
    nested = ("data", "questionsAndAnswers", "questionsAndAnswers")
    asked = {nested + path[2:] if path[:2] == nested[:2] and path[:3] != nested else path for path in asked}
    within = {path[:length] for path in known for length in range(len(path))}
    left_out = {
        path
        for path in asked - known - within
        if path not in KEPT and path[-1] != "data" and path[-2:] not in OF_A_QUESTION
    }
    assert left_out == set(), "add them to hostile._shape, if `complete.json` has not got them"


@pytest.mark.parametrize("spec", FIELDS, ids=lambda spec: spec.label)
def test_every_field_that_is_read_is_hostile(spec):
    for kind in ("completed:v2", "started:v1", "pulled"):
        known = hostile_paths(kind) | set(KEPT)
        known |= {("data", "createdAt")} if kind == "pulled" else set()
        assert {("data", *path) for path in spec.paths} <= known


def test_every_place_has_every_payload_in_one_application_or_another():
    met = defaultdict(set)
    for turn in TURNS:
        for path, value in leaves(hostile.application(turn)):
            if not is_of_answers(path) and "?unknown" not in path:
                met[path] |= {payload.text for payload in CORPUS if payload.text in str(value)}
    fixed = {path for path in met if path in KEPT or path[-1] == "data" or path[-2:] in OF_A_QUESTION}
    lacking = {path for path, texts in met.items() if len(texts) < len(CORPUS) and path not in fixed}
    # A key that is hostile itself is another one each time.
    assert {path for path in lacking if not any(map(hostile.is_hostile, path)) and path[-1] != "contentSha256"} == set()


def test_the_words_hold_the_whole_corpus_and_fit_every_field():
    assert [one.text for one in CORPUS if not any(one.text in words for words in WORDS)] == []
    assert max(map(len, WORDS)) <= min(spec.limit for spec in FIELDS if spec.read is wire.text)
    assert len(CORPUS) >= 40


@pytest.mark.parametrize("kind", hostile.DOCUMENTS)
def test_documents_are_what_they_are_called(kind: str):
    from dashboard import filetypes

    said = {"overlong": "txt"}.get(kind, kind)
    assert filetypes.detect(hostile.DOCUMENTS[kind]()).extension == said


def test_no_payload_is_a_formula_in_a_cell_whatever_stands_before_it():
    begins = tuple("=+-@\t\r\n＝＋－＠")
    for before in ("", " ", "\u00a0 ", "\ufeff", "\u200b", "\u3000", "\x00", "\x1f", "\u202e"):
        for one in CORPUS:
            shown = cell(before + one.text)
            assert not shown.startswith(begins)
            assert not shown.lstrip(" \u00a0\ufeff\u200b\u3000\x00\x1f\u202e\t\r\n").startswith(begins), ascii(shown)
            assert shown.endswith(before + one.text)
