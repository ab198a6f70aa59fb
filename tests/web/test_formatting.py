"""What a person reads for a time, a size or a phone number."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from flask import Flask, render_template_string
from hypothesis import given
from hypothesis import strategies as st

from dashboard.web import formatting

NOON = datetime(2026, 11, 21, 18, 4, 31, tzinfo=UTC)
CHICAGO = ZoneInfo("America/Chicago")


@pytest.fixture
def app() -> Flask:
    app = Flask(__name__)
    formatting.register(app, now=lambda: NOON)
    return app


def shown(app: Flask, template: str, *, zone: str = "America/Chicago", **values: object) -> str:
    with app.test_request_context("/", headers={"Cookie": f"tz={zone}"}):
        return render_template_string(template, **values)


def test_over_https_the_cookie_of_this_host_alone_counts(app: Flask):
    cookies = "__Host-tz=America/Chicago; tz=Asia/Tokyo"
    with app.test_request_context("/", headers={"Cookie": cookies}):
        assert str(formatting.viewer_zone()) == "America/Chicago"


@pytest.mark.parametrize(
    ("earlier", "words"),
    [
        (timedelta(seconds=0), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(seconds=60), "1 min ago"),
        (timedelta(minutes=59, seconds=59), "59 min ago"),
        (timedelta(hours=1), "1 h ago"),
        (timedelta(hours=23, minutes=59), "23 h ago"),
        (timedelta(days=1), "1 day ago"),
        (timedelta(days=13, hours=23), "13 days ago"),
        (timedelta(days=14), "Nov 7, 2026"),
        (timedelta(minutes=-4), "in 4 min"),
        (timedelta(seconds=-5), "in a moment"),
    ],
)
def test_a_span_counts_in_the_largest_unit_that_fits_and_becomes_a_date(earlier: timedelta, words: str) -> None:
    assert formatting.span(NOON - earlier, now=NOON, zone=UTC) == words


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        (NOON, "today 12:04 PM CST"),
        (NOON - timedelta(hours=12, minutes=5), "yesterday 11:59 PM CST"),
        (NOON - timedelta(days=2), "Thu, Nov 19, 2026, 12:04 PM CST"),
        (datetime(2026, 7, 4, 17, 0, tzinfo=UTC), "Sat, Jul 4, 2026, 12:00 PM CDT"),
    ],
)
def test_a_clock_time_is_in_the_viewers_zone_and_names_it(moment: datetime, words: str) -> None:
    assert formatting.clock_time(moment, now=NOON, zone=CHICAGO) == words


def test_a_time_element_carries_the_instant_and_the_exact_time_of_the_viewers_zone(app: Flask) -> None:
    assert shown(app, "{{ moment|ago }}", moment=NOON - timedelta(minutes=3)) == (
        '<time datetime="2026-11-21T18:01:31+00:00" title="Sat, Nov 21, 2026, 12:01:31 PM CST" data-ago>'
        "3 min ago</time>"
    )
    assert ">today 7:04 PM CET<" in shown(app, "{{ moment|when }}", moment=NOON, zone="Europe/Berlin")


def test_a_day_is_the_viewers_day(app: Flask) -> None:
    late = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
    assert shown(app, "{{ late|date }}", late=late) == "Nov 20, 2026"
    assert shown(app, "{{ day|date }}", day=date(2026, 11, 1)) == "Nov 1, 2026"


@pytest.mark.parametrize(
    ("sent", "words"), [("2027-01-04", "Jan 4, 2027"), ("", ""), ("someday", "someday"), ("2027-02-30", "2027-02-30")]
)
def test_a_day_kept_as_text_reads_as_a_day_and_what_is_none_as_it_is(app: Flask, sent: str, words: str) -> None:
    assert shown(app, "{{ sent|date }}", sent=sent) == words


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        (datetime(2026, 11, 19, 3, 0, tzinfo=UTC), "Nov 18"),
        (datetime(2025, 12, 31, 12, 0, tzinfo=UTC), "Dec 31, 2025"),
        (date(2026, 1, 2), "Jan 2"),
    ],
)
def test_a_short_date_leaves_out_this_year(app: Flask, moment: date, words: str) -> None:
    assert shown(app, "{{ moment|short_date }}", moment=moment) == words


@pytest.mark.parametrize(
    "cookie", ["", "Mars/Olympus", "../../etc/passwd", "/etc/passwd", "America", "A" * 300, "<script>", "posixrules/x"]
)
def test_a_zone_nobody_knows_is_utc(cookie: str) -> None:
    assert formatting.zone_named(cookie) is UTC


@given(st.text(max_size=80))
def test_no_cookie_can_break_the_page(cookie: str) -> None:
    assert NOON.astimezone(formatting.zone_named(cookie)) == NOON


def test_times_outside_a_request_are_utc(app: Flask) -> None:
    with app.app_context():
        assert ">today 6:04 PM UTC<" in app.jinja_env.from_string("{{ moment|when }}").render(moment=NOON)


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (None, ""),
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (138_400, "138 KB"),
        (1_440_000, "1.4 MB"),
        (52_428_800, "52 MB"),
        (3_000_000_000, "3.0 GB"),
    ],
)
def test_a_file_size_has_the_digits_that_matter(size: int | None, words: str) -> None:
    assert formatting.filesize(size) == words


@pytest.mark.parametrize(
    ("sent", "words", "dialled"),
    [
        ("5125550123", "(512) 555-0123", "+15125550123"),
        ("+1 512-555-0123", "(512) 555-0123", "+15125550123"),
        ("1.512.555.0123", "(512) 555-0123", "+15125550123"),
        ("+44 20 7946 0018", "+44 20 7946 0018", "+442079460018"),
        ("512-555-0123 ext 7", "512-555-0123 ext 7", "5125550123"),
        ("ask for Jo", "ask for Jo", ""),
        ("12", "12", ""),
        ("٥١٢٥٥٥٠١٢٣", "٥١٢٥٥٥٠١٢٣", ""),
        (None, "", ""),
    ],
)
def test_a_phone_number_reads_well_and_dials_only_digits(sent: str | None, words: str, dialled: str) -> None:
    assert (formatting.phone(sent), formatting.tel(sent)) == (words, dialled)


@given(st.text(max_size=60))
def test_what_is_dialled_holds_nothing_but_digits_and_a_plus(sent: str) -> None:
    dialled = formatting.tel(sent)
    assert dialled.isascii()
    assert dialled.removeprefix("+").isdigit() or dialled == ""


@pytest.mark.parametrize(
    ("name", "sign"),
    [
        ("Ada Lovelace", "AL"),
        ("  Grace  Brewster Hopper ", "GH"),
        ("Cher", "C"),
        ("李 明", "李明"),
        ("42", "?"),
        (None, "?"),
    ],
)
def test_initials_are_of_the_first_and_last_word(name: str | None, sign: str) -> None:
    assert formatting.initials(name) == sign


def test_a_number_has_thousands(app: Flask) -> None:
    assert shown(app, "{{ 1234567|number }}") == "1,234,567"


def test_nothing_is_shown_for_none(app: Flask) -> None:
    names = ["ago", "when", "date", "filesize", "phone", "tel", "number"]
    template = "".join(f"{{{{ none|{name} }}}}" for name in names)
    assert shown(app, template, none=None) == ""


def test_what_an_applicant_wrote_is_escaped(app: Flask) -> None:
    assert "<b>" not in shown(app, "{{ text|phone }}{{ text|initials }}{{ text|tel }}", text="<b>x</b>")


@pytest.mark.parametrize(
    ("hour", "words"), [(0, "12:05 AM"), (9, "9:05 AM"), (12, "12:05 PM"), (13, "1:05 PM"), (23, "11:05 PM")]
)
def test_a_time_of_day_is_told_in_two_halves(app: Flask, hour: int, words: str) -> None:
    assert shown(app, "{{ at|clock }}", at=time(hour, 5)) == words
