"""The table to download: complete, and harmless in a spreadsheet."""

from __future__ import annotations

import csv as standard_csv
import io

import pytest

from dashboard.web import csv
from tests.factories import event


def table(answer) -> list[dict[str, str]]:
    assert answer.mimetype == "text/csv"
    assert answer.text.startswith("\ufeff")
    return list(standard_csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))


FORMULAS = (
    "=cmd|'/c calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1+1",
    "\r=1+1",
    "\n=1",
    "＝1+1",
    '=HYPERLINK("http://x")',
)


@pytest.mark.parametrize("value", FORMULAS)
def test_no_cell_begins_like_a_formula(value):
    assert csv._cell(value) == f"'{value}"


@pytest.mark.parametrize("value", ["Ada", "a=b", "ليلى", " =1", "12-34", ""])
def test_other_words_stay_as_they_are(value):
    assert csv._cell(value) == value


def test_what_applicants_typed_is_no_formula_and_keeps_commas_quotes_and_lines(deliver, sign_in):
    applicant = {"firstName": "=1+1", "lastName": 'Qu"ill, the\nsecond', "phone": "+15125550142", "city": "-x"}
    deliver(event(applicant=applicant, job={"title": "@home"}))
    answer = sign_in("recruiter").get("/applications.csv")
    (row,) = table(answer)
    assert row["first name"] == "'=1+1"
    assert row["last name"] == 'Qu"ill, the\nsecond'
    assert row["phone"] == "'+15125550142"
    assert row["job"] == "'@home"
    assert row["stage"] == "new"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="applications.csv"'


def test_every_application_is_in_it_also_beyond_one_batch(app, sign_in):
    from dashboard.clock import utcnow
    from dashboard.extensions import db
    from dashboard.models import Application

    with app.app_context():
        now = utcnow()
        db.session.add_all(
            Application(talroo_id=f"many-{n}", first_name=f"{n}", applied_at=now, arrived_at=now) for n in range(1_203)
        )
        db.session.commit()
    rows = table(sign_in("recruiter").get("/applications.csv"))
    assert [row["first name"] for row in rows] == [str(n) for n in range(1_202, -1, -1)]


def test_an_empty_table_has_its_header(app, sign_in):
    answer = sign_in("recruiter").get("/applications.csv")
    assert table(answer) == []
    assert answer.text.removeprefix("\ufeff").strip().split(",") == list(csv.APPLICATION_COLUMNS)
