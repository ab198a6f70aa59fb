"""Questions and answers as HTML: the marks of the interface, nesting at any depth, and nothing that is not escaped."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import html5lib
import pytest
from bs4 import BeautifulSoup, Tag
from jinja2 import ChoiceLoader, DictLoader, Environment, FileSystemLoader, StrictUndefined

from dashboard import highlight
from dashboard.talroo import questions

TEMPLATES = Path(__file__).parents[2] / "templates"
YES_NO = [{"label": "Yes", "value": "1"}, {"label": "No", "value": "0"}]
ADULT = [{"label": "Yes", "value": "y", "correct": True}, {"label": "No", "value": "n"}]
FILE_LINK = """{% macro file_link(attachment) -%}
<a data-file="{{ attachment.public_id }}">{{ attachment.file_name }}</a>
{%- endmacro %}"""


@dataclass(frozen=True)
class Attached:
    question_id: str | None
    public_id: str
    file_name: str = "letter.pdf"


def page(data: Any, attachments: list[Attached] | None = None, searched: str = "") -> str:
    # The file links are somebody else's macro: a stand-in keeps this about questions.
    loader = ChoiceLoader([DictLoader({"macros/files.html": FILE_LINK}), FileSystemLoader(TEMPLATES)])
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    environment.filters["marked"] = highlight.marked
    template = environment.from_string(
        '{% from "macros/answers.html" import answer_sheet with context %}{{ answer_sheet(sheet, attachments, marks) }}'
    )
    return template.render(
        sheet=questions.read(data), attachments=attachments or [], marks=highlight.Marks.of(searched)
    )


def soup(*items: Any, attachments: list[Attached] | None = None) -> BeautifulSoup:
    return BeautifulSoup(page({"questionsAndAnswers": list(items)}, attachments), "html.parser")


def item(answer: Any, kind: str = "text", **fields: Any) -> dict[str, Any]:
    return {"question": {"id": "q", "type": kind, "question": "What?"} | fields, "answer": answer}


def tree(answer: Any) -> dict[str, Any]:
    listed = [
        {"id": "b", "question": "B?", "options": YES_NO, "condition": {"id": "a", "value": "1"}},
        {"id": "c", "question": "C?", "options": YES_NO, "condition": {"id": "b", "value": "1"}},
    ]
    return item(answer, "hierarchical", id="a", question="A?", options=YES_NO, hierarchicalOptions=listed)


def marked(found: BeautifulSoup, name: str) -> Tag:
    (tag,) = found.select(f'[data-question="{name}"]')
    return tag


def words(tag: Tag) -> str:
    return " ".join(tag.get_text(" ").split())


def test_a_question_carries_its_id_and_its_state():
    found = soup(item("blue", id="colour"), item(None, id="size"))
    assert marked(found, "colour")["data-state"] == "answered"
    assert marked(found, "size")["data-state"] == "empty"
    assert [words(tag) for tag in found.select(".question-text")] == ["What?", "What?"]
    assert words(found.select_one(".answer-empty")) == "Left empty"


def test_a_sub_question_lies_inside_its_parent():
    found = soup(tree({"a": "1", "b": "1", "c": "0"}))
    assert marked(found, "c").parent is marked(found, "b")
    assert marked(found, "b").parent is marked(found, "a")
    assert words(marked(found, "b").find("p", class_="condition")) == "Asked only if “A?” is Yes"


def test_a_branch_that_was_not_asked_is_folded_once_inside_its_parent():
    found = soup(tree({"a": "0"}))
    (fold,) = found.select("details.not-shown-branch")
    assert fold.parent is marked(found, "a")
    assert words(fold.summary) == "2 questions not asked — asked only if “A?” is Yes"
    assert marked(found, "b").parent is fold
    assert marked(found, "c").parent is marked(found, "b")
    assert marked(found, "c")["data-state"] == "not-shown"
    assert not fold.has_attr("open")


def test_one_question_not_asked_is_counted_in_the_singular():
    assert words(soup(tree({"a": "1", "b": "0"})).summary).startswith("1 question not asked")


def test_the_answers_to_a_multiselect_are_a_list():
    (answers,) = soup(item(["1", "0"], "multiselect", options=YES_NO)).select("ul.answer")
    assert [words(li) for li in answers.find_all("li")] == ["Yes", "No"]


def test_a_qualifying_answer_is_tagged_good_and_a_disqualifying_one_bad():
    good, bad = soup(item("y", "select", options=ADULT)), soup(item("n", "select", options=ADULT))
    assert [words(tag) for tag in good.select(".tag")] == ["Qualifying answer"]
    assert good.select(".tag-good")
    assert [words(tag) for tag in bad.select(".tag")] == ["Disqualifying answer"]
    assert bad.select(".tag-bad")


def test_a_wrong_choice_beside_a_right_one_is_not_called_disqualifying():
    found = soup(item(["n", "y"], "multiselect", options=ADULT))
    assert [words(tag) for tag in found.select(".tag")] == ["Qualifying answer"]


def test_a_value_that_is_no_choice_says_so():
    assert words(soup(item("maybe", "select", options=YES_NO)).select_one(".answer")) == "maybe Not among the choices"


def test_the_choices_are_told_where_they_matter():
    def choices(*args: Any, **fields: Any) -> list[str]:
        return [words(tag) for tag in soup(item(*args, **fields)).select(".choices")]

    assert choices("1", "select", options=YES_NO) == []
    assert choices("y", "select", options=ADULT) == []
    assert choices("n", "select", options=ADULT) == ["Choices: Yes · No"]
    assert choices("maybe", "select", options=YES_NO) == ["Choices: Yes · No"]
    assert choices(None, "select", options=YES_NO) == ["Choices: Yes · No"]
    assert choices(["1"], "multiselect", options=YES_NO) == ["Choices: Yes · No"]
    (many,) = choices(None, "select", options=[{"value": f"v{n}"} for n in range(25)])
    assert many.endswith("v19 · and 5 more")


def test_what_could_be_typed_is_told_where_it_matters():
    assert not soup(item("7", format="integer")).select(".hint")
    assert words(soup(item("x", format="integer")).select_one(".hint")) == "A whole number"
    assert words(soup(item(None, format="integer")).select_one(".hint")) == "A whole number"


def test_a_question_that_was_not_asked_says_so_even_outside_a_fold():
    found = soup(tree({"a": "0", "c": "1"}))
    assert not found.select("details")
    assert "Not asked" in [words(tag) for tag in marked(found, "b").find_all("p", recursive=False)]


def test_a_missing_required_answer_is_noted():
    found = soup(item(None, required=True))
    assert words(found.select_one(".note")) == "Required, but no answer came."
    assert "(required)" in words(found.select_one(".question-text"))


def test_an_answer_keeps_its_line_breaks_and_gains_no_white_space():
    (answer,) = soup(item("one\n  two")).select("p.answer")
    assert answer.get_text() == "one\n  two"


def test_a_file_answer_links_to_its_own_attachments_only():
    attachments = [Attached("letter", "F1"), Attached(None, "F2"), Attached("other", "F3"), Attached("letter", "F4")]
    file = {"fileName": "letter.pdf", "data": "QUJDREVGR0g="}
    found = soup(item(file, "file", id="letter"), attachments=attachments)
    assert [link["data-file"] for link in found.select("a")] == ["F1", "F4"]
    assert "QUJD" not in str(found)


def test_a_file_that_was_not_kept_is_named_with_a_note():
    found = soup(item({"fileName": "letter.pdf", "data": "QUJD"}, "file"))
    assert "letter.pdf" in words(found)
    assert words(found.select_one(".note")) == "The file itself is not here."


def test_a_stray_file_is_linked_too():
    stray = {"fileName": "letter.pdf", "data": "QUJD"}
    found = soup(tree({"a": "1", "ghost": stray}), attachments=[Attached("ghost", "F1")])
    assert [link["data-file"] for link in found.select(".strays a")] == ["F1"]


def test_a_stray_answer_is_shown_with_its_key_and_where_it_came():
    found = soup(tree({"a": "1", "ghost": "boo", "blank": None}))
    assert [words(tag) for tag in found.select("dt")] == ["ghost in “ A? ”", "blank in “ A? ”"]
    assert [words(tag) for tag in found.select("dd")] == ["boo", "Left empty"]


@pytest.mark.parametrize("kind", ["pagebreak", "information"])
def test_a_heading_has_words_and_no_marks(kind):
    found = soup(item(None, kind, question="About you"))
    assert "About you" in words(found)
    assert not found.select("[data-question], [data-state], .answer")


def test_an_application_without_questions_says_so():
    assert "No questions and answers came" in page({})


def test_no_word_from_outside_becomes_markup():
    evil = "\"'><script>alert(1)</script>{{ 7 * 7 }}"
    listed = [{"id": evil + "2", "question": evil, "condition": {"id": "x" + evil, "value": evil}}]
    file = {"fileName": evil, "data": evil}
    html = page(
        {
            "questionsAndAnswers": [
                item(evil, evil, id=evil, question=evil, format=evil, limit=evil),
                item(evil, "select", options=[{"label": evil, "value": evil}]),
                item([evil, evil + "!"], "multiselect", options=[{"label": evil, "value": evil}]),
                item({"q": evil, evil: evil, "f": file}, "hierarchical", question=evil, hierarchicalOptions=listed),
                item(file, "file"),
                item({evil: evil}),
                item(None, "information", question=evil),
            ]
        }
    )
    assert "<script" not in html
    assert "49" not in html
    found = BeautifulSoup(html, "html.parser")
    assert marked_ids(found)[0] == evil
    attributes = {name for tag in found.find_all(True) for name in tag.attrs}
    assert attributes <= {"class", "dir", "data-question", "data-state", "aria-label"}


def marked_ids(found: BeautifulSoup) -> list[str]:
    return [str(tag["data-question"]) for tag in found.select("[data-question]")]


def test_every_word_from_outside_may_run_from_right_to_left():
    word = "שלום"
    listed = [{"id": "s", "question": word, "options": YES_NO, "condition": {"id": "q", "value": word}}]
    found = soup(
        item(word, question=word, id="t"),
        item(["1", word], "multiselect", question=word, id="m", options=[{"label": word, "value": "1"}]),
        item({"q": "0", word: word}, "hierarchical", question=word, hierarchicalOptions=listed),
    )
    for text in found.find_all(string=re.compile(word)):
        assert text.find_parent(lambda tag: tag.name == "bdi" or tag.get("dir") == "auto"), text


class Depths(HTMLParser):
    """How deep each marked question lies, by counting tags: no parser's own recursion comes into it."""

    VOID = frozenset({"br", "hr", "img", "input"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.parents: list[str | None] = []
        self.parent_of: dict[str, str | None] = {}
        self.depth_of: dict[str, int] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        name = dict(attrs).get("data-question")
        if name is not None:
            self.parent_of[name] = next((parent for parent in reversed(self.parents) if parent), None)
            self.depth_of[name] = len(self.open)
        if tag not in self.VOID:
            self.open.append(tag)
            self.parents.append(name)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self.parents.pop()


def chain(depth: int, answered: int) -> dict[str, Any]:
    listed = [
        {"id": f"q{n}", "question": f"Level {n}?", "options": YES_NO, "condition": {"id": f"q{n - 1}", "value": "1"}}
        for n in range(1, depth + 1)
    ]
    root = {"id": "q0", "type": "hierarchical", "question": "?", "options": YES_NO, "hierarchicalOptions": listed}
    return {"questionsAndAnswers": [{"question": root, "answer": {f"q{n}": "1" for n in range(answered)}}]}


@pytest.mark.parametrize("answered", [0, 150, 300])
def test_three_hundred_levels_nest_one_element_a_level(answered):
    found = Depths()
    found.feed(page(chain(300, answered)))
    found.close()
    assert found.open == []
    assert found.parent_of == {"q0": None} | {f"q{n}": f"q{n - 1}" for n in range(1, 301)}
    assert found.depth_of["q300"] - found.depth_of["q0"] in {300, 301}  # one fold at most
    assert found.depth_of["q300"] < 400


def test_the_html_is_what_a_strict_parser_wants():
    html = page(
        {
            "questionsAndAnswers": [
                item("x", limit=3, required=True),
                item(None, "pagebreak"),
                item(["1"], "multiselect", options=YES_NO),
                tree({"a": "0", "ghost": "boo"}),
                item({"fileName": "a", "data": "QQ=="}, "file"),
            ]
        },
        [Attached("q", "F1")],
    )
    parser = html5lib.HTMLParser(strict=True)
    parser.parse(f"<!DOCTYPE html><html><head><title>t</title></head><body>{html}</body></html>")
    assert parser.errors == []


def test_no_style_and_no_script_stand_in_the_page():
    html = page(chain(3, 1))
    assert not re.search(r"<script|<style|\sstyle=|\son[a-z]+=", html)


def test_what_was_searched_for_is_marked_in_answers_with_and_without_a_question():
    shown = page(
        {"questionsAndAnswers": [item("Forklift & crane"), tree({"a": "1", "ghost": "a fork"})]}, searched="fork"
    )
    assert "<mark>Fork</mark>lift &amp; crane" in shown
    assert "<bdi>a <mark>fork</mark></bdi>" in shown
