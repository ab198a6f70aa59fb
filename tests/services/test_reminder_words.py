"""Merge fields: what each stands for, what is missing, and what can never be smuggled in by them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.models import Application, FollowUp, Job, JobFollowUp
from dashboard.services.reminder_words import (
    FIELDS,
    BadAddress,
    BadWords,
    Merged,
    checked_apply_url,
    fields_in,
    merge,
    problem_with,
    values_for,
)

ALL = {name: name.upper() for name in FIELDS}


def person(**facts: str | Job | None) -> Application:
    job = Job(reference="WH-1", title="Picker", company="Harbor & Vale", city="Austin", state="TX")
    return Application(**{"first_name": "Ada", "last_name": "Quill", "job": job, **facts})


def test_each_field_stands_for_its_fact():
    follow_up = FollowUp(missing=["phone", "address", "résumé"])
    settings = JobFollowUp(apply_url="https://jobs.example.com/apply/1")
    assert values_for(person(), follow_up, settings) == {
        "first_name": "Ada",
        "last_name": "Quill",
        "job_title": "Picker",
        "company": "Harbor & Vale",
        "job_place": "Austin, TX",
        "apply_link": "https://jobs.example.com/apply/1",
        "missing": "phone, address and résumé",
    }
    assert set(values_for(person(), None, None)) == set(FIELDS)


def test_a_text_is_merged_and_doubled_braces_are_braces():
    merged = merge("Dear {first_name}, {{a}} {company}.", ALL)
    assert (merged.text, merged.missing) == ("Dear FIRST_NAME, {a} COMPANY.", ())


def test_what_is_not_known_is_named_in_words_once():
    merged = merge("{first_name} {apply_link} {first_name} {company}", {**ALL, "first_name": None, "apply_link": ""})
    assert merged.missing == ("first name", "apply link")
    assert merged.text == "[first name] [apply link] [first name] COMPANY"


@pytest.mark.parametrize(
    "text",
    [
        "{salary}",
        "{first name}",
        "{First_name}",
        "{}",
        "{first_name.__class__}",
        "{salary|much}",
        "{0}",
        "{first_name!r}",
        "{ first_name }",
    ],
)
def test_a_field_that_there_is_not_is_named_with_those_there_are(text: str):
    words = problem_with(f"Hello {text}") or ""
    assert text in words
    assert "{first_name}, {last_name}" in words
    with pytest.raises(BadWords):
        merge(text, ALL)


@pytest.mark.parametrize(("text", "brace"), [("{first_name", "{"), ("100 }", "}"), ("a {\n} b", "{"), ("{{{", "{")])
def test_a_single_brace_is_told_how_to_write_it(text: str, brace: str):
    assert problem_with(text) == f"There is a single {brace} in the text. To show a brace, write {brace * 2}."


def test_a_fallback_stands_where_a_value_is_not_known_and_only_there():
    text = "Hi {first_name| there }, {company|us|all} {first_name}"
    assert merge(text, ALL).text == "Hi FIRST_NAME, COMPANY FIRST_NAME"
    merged = merge(text, {})
    assert (merged.text, merged.missing) == ("Hi there, us|all [first name]", ("first name",))
    assert merge("Hi {first_name|there}", {"first_name": ""}) == Merged("Hi there", ())
    assert fields_in(text) == ("first_name", "company")


@pytest.mark.parametrize("text", ["{first_name|}", "{first_name| }"])
def test_a_fallback_has_words(text: str):
    assert problem_with(text) == f"After the | in {text}, write what to say to people without it."


@pytest.mark.parametrize("text", ["{first_name|a{b}", "{first_name|{last_name}}", "{first_name|a\nb}"])
def test_a_fallback_is_words_in_one_line_without_braces(text: str):
    assert "single {" in (problem_with(text) or "")


def test_a_text_without_fields_is_left_as_it_is():
    assert problem_with("100 % plain. Ünïcode\n\n") is None
    assert fields_in("") == ()


@given(st.text(), st.text())
def test_a_value_is_never_read_for_fields_and_nothing_else_raises(text: str, value: str):
    assert merge("{first_name}", {"first_name": value or "x"}).text == (value or "x")
    if problem_with(text) is None:
        assert merge(text, ALL).missing == ()


ENCODED = "=?utf-8?q?=0d=0a=0d=0aPay=20at=20http=3a=2f=2fevil=2eio?="
LINKS = [
    "Win at https://spam.example",
    "www.spam",
    "spam.shop",
    "go to bit.ly now",
    "spam．io",
    "spam․io",
    "spam。io",
    "ev\u0301il.i\u200do",
    "ⓔvil.io",
    "x.com",
    "203.0.113.7",
    "mailto:eve",
    "eve@example",
    ENCODED,
]


@pytest.mark.parametrize(
    "name",
    [*LINKS, "x" * 61, "<b>", "Win 100 dollars", "evil:io", "evil/x", "evil.c", "...", "-", "", " ", None, "\n"],
)
def test_a_name_that_is_none_is_never_sent_to_a_stranger(name: str | None):
    assert values_for(person(first_name=name), None, None)["first_name"] is None


@pytest.mark.parametrize(
    "name",
    [
        "Mary-Ann",
        "O'Brien-Smith Jr.",
        "D’Angelo",
        "José María",
        "Jose\u0301",
        "J. R.",
        "J.R. Ewing",
        "Quill Jr., PhD",
        "李",
        "محمد",
        "علی\u200cرضا",
        "अनुराधा",
        "Nguyễn Văn A",
        "van der Berg",
        "St. John",
    ],
)
def test_a_name_that_is_one_is_sent(name: str):
    assert values_for(person(first_name=f" {name}\n"), None, None)["first_name"] == name


@given(st.text(st.sampled_from("ab.。．․:/@=?w\u200d\u0301 ")))
def test_no_name_holds_what_is_made_a_link_of(name: str):
    sent = values_for(person(first_name=name), None, None)["first_name"] or ""
    assert not set(sent) & set("。．․:/@=?")
    assert "ab." not in sent.replace("ab. ", "").removesuffix("ab.")


@pytest.mark.parametrize("words", LINKS)
def test_no_fact_of_a_job_is_a_link_in_a_strangers_mail(words: str):
    job = Job(reference="WH-1", title=f"Picker {words}", company=words, city=words, state="TX")
    values = values_for(person(job=job), None, None)
    assert (values["job_title"], values["company"], values["job_place"]) == (None, None, None)


@pytest.mark.parametrize(
    "title",
    [
        "U.S. Army R.N./L.P.N.",
        "Nurse, B.Sc or Ph.D.",
        "Cook (2nd shift): $18.50/hr, 24/7!",
        "St. Louis Sr. Driver",
        "ASP.NET or Node.js developer",
        "Wait... what",
        "Carer \U0001f468\u200d\U0001f469\u200d\U0001f467",
        "Yahoo! Inc.",
    ],
)
def test_a_fact_with_dots_and_digits_is_sent(title: str):
    assert values_for(person(job=Job(reference="WH-1", title=title)), None, None)["job_title"] == title


@pytest.mark.parametrize(
    "address",
    [
        "https://www.jobs2careers.com/click.php?id=1",
        "http://JOBS2CAREERS.com",
        "https://apply.talroo.com/x",
        "https://talroo.com./x",
        "https://ⓣalroo.com/x",
        "https://talroo。com/x",
        "https://ｔａｌｒｏｏ․com/x",
        "https://tal\ufe0froo.com/x",
        "https://jobs.example.com/apply?tlr_sid=1",
        "https://jobs.example.com/go?to=https%3A%2F%2Fx.example%2F%3Ftlr%255Fsid%3D1",
        "https://jobs.example.com/#TLR_SID=1",
    ],
)
def test_an_address_that_could_cost_a_click_is_refused_with_the_reason(address: str):
    with pytest.raises(BadAddress, match="click"):
        checked_apply_url(address)


@pytest.mark.parametrize(
    "address", ["", "jobs.example.com", "ftp://x.example", "javascript:alert(1)", "https://", "https://u:p@x.example",
                "https://%74alroo.com/x", "https://talroo%2ecom", "https://x_y.example", "https://x..example", "https://[::1]/",
                "https://x.example/a b", "https://x.example/\n", "https://x.example:port", "https://[::1"]
)  # fmt: skip
def test_what_is_no_address_is_told_how_one_looks(address: str):
    if address.strip() == "https://x.example/":
        assert checked_apply_url(address) == "https://x.example/"
        return
    with pytest.raises(BadAddress, match="https://"):
        checked_apply_url(address)


def test_the_jobs_own_address_is_taken_as_it_is():
    for address in (
        "https://jobs.example.com/apply?job=1&ref=mail#top",
        "http://talroo.com.example.org/",
        "https://nottalroo.com",
    ):
        assert checked_apply_url(f" {address} ") == address


def test_an_address_that_should_never_have_been_saved_is_not_sent():
    settings = JobFollowUp(apply_url="https://www.jobs2careers.com/click.php")
    assert values_for(person(), None, settings)["apply_link"] is None


def link(job_settings: JobFollowUp | None = None, *, usual: str | None, reference: str = "WH 1/ä") -> str | None:
    applicant = person(job=Job(reference=reference)) if reference else person(job=None)
    return values_for(applicant, None, job_settings, usual)["apply_link"]


def test_a_job_without_an_address_of_its_own_has_the_usual_one_with_its_reference():
    usual = "https://jobs.example.com/apply/{job_reference}?from=mail"
    assert link(usual=usual) == "https://jobs.example.com/apply/WH%201%2F%C3%A4?from=mail"
    assert link(JobFollowUp(), usual=usual) == link(usual=usual)
    assert link(JobFollowUp(apply_url="https://own.example/"), usual=usual) == "https://own.example/"


def test_a_job_without_a_reference_has_no_usual_address():
    for usual, expected in (
        ("https://jobs.example.com/{job_reference}", None),
        ("https://x.example/", "https://x.example/"),
    ):
        assert values_for(person(job=Job(title="Picker")), None, None, usual)["apply_link"] == expected


def test_without_a_job_only_an_address_for_all_jobs_is_known():
    assert link(usual="https://jobs.example.com/{job_reference}", reference="") is None
    assert link(usual="https://jobs.example.com/", reference="") == "https://jobs.example.com/"


def test_the_usual_address_is_no_way_around_what_an_address_may_be():
    assert link(usual="https://www.jobs2careers.com/{job_reference}") is None
    assert link(usual="https://jobs.example.com/{job_reference}", reference="x&tlr_sid=1") is None
    assert link(usual=None) is None
