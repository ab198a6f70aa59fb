"""The table to download: complete, and harmless in a spreadsheet."""

from __future__ import annotations

import csv as standard_csv
import io

import pytest
from sqlalchemy import insert

from dashboard.spreadsheet import cell
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
    " =1",
    "\u00a0\u200b\ufeff=1",
    "\u3000＝1",
)


@pytest.mark.parametrize("value", FORMULAS)
def test_no_cell_begins_like_a_formula(value):
    assert cell(value) == f"'{value}"


@pytest.mark.parametrize("value", ["Ada", "a=b", "ليلى", " Ada =1", "12-34", " ", ""])
def test_other_words_stay_as_they_are(value):
    assert cell(value) == value


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
            Application(talroo_id=f"many-{n}", first_name=f"{n}", applied_at=now, arrived_at=now, inbox_no=n + 1)
            for n in range(1_203)
        )
        db.session.commit()
    rows = table(sign_in("recruiter").get("/applications.csv"))
    assert [row["first name"] for row in rows] == [str(n) for n in range(1_202, -1, -1)]


def test_whoever_downloads_slowly_keeps_nobody_from_the_database(app, sign_in):
    from dashboard.clock import utcnow
    from dashboard.extensions import db
    from dashboard.models import Application

    with app.app_context():
        now = utcnow()
        rows = [
            {"talroo_id": f"t{n}", "public_id": f"p{n}", "applied_at": now, "arrived_at": now, "inbox_no": n + 1}
            for n in range(501)
        ]
        db.session.execute(insert(Application), [row | {"flags": []} for row in rows])
        db.session.commit()
        pool = db.engine.pool
    client = sign_in("recruiter")
    app.config["WTF_CSRF_ENABLED"] = False
    many = {"application": [f"p{n}:0" for n in range(501)], "do": "csv"}
    for address, method, data in (("/applications.csv", "GET", None), ("/applications/bulk", "POST", many)):
        answer = client.open(address, method=method, data=data, buffered=False)
        held = [pool.checkedout() for _ in answer.iter_encoded()]
        assert len(held) > 2
        assert not any(held), "between two pieces, however slowly they are taken, no connection is kept"


def test_an_empty_table_has_its_header(app, sign_in):
    answer = sign_in("recruiter").get("/applications.csv")
    assert table(answer) == []
    (header,) = standard_csv.reader(io.StringIO(answer.text.removeprefix("\ufeff")))
    assert header == [
        "application",
        "first name",
        "last name",
        "email",
        "phone",
        "city",
        "state",
        "zip code",
        "job",
        "company",
        "job reference",
        "job city",
        "job state",
        "stage",
        "qualified",
        "why not qualified",
        "résumé",
        "applied (UTC)",
        "arrived (UTC)",
        "click id",
        "rejection reason",
        "last note",
        "first day of work",
        "last moved (UTC)",
        "held",
        "rating",
        "assigned to",
        "tags",
    ]


def test_every_cell_is_quoted_so_that_a_semicolon_begins_none(deliver, sign_in):
    deliver(event(applicant={"firstName": "Ada;=1+1"}))
    assert '"Ada;=1+1"' in sign_in("recruiter").get("/applications.csv").text


def test_what_was_decided_is_in_it(app, deliver, sign_in):
    public_id = deliver(event()).json["application"]
    app.config["WTF_CSRF_ENABLED"] = False
    recruiter = sign_in("recruiter")

    def moved(**form: str) -> list[str]:
        recruiter.post(f"/applications/{public_id}/stage", data=form)
        (row,) = table(recruiter.get("/applications.csv"))
        return [row[name] for name in ("stage", "rejection reason", "last note", "first day of work")]

    (row,) = table(recruiter.get("/applications.csv"))
    assert row["last moved (UTC)"] == ""
    assert moved(stage="rejected", reason="no_show") == ["rejected", "No-show for interview", "", ""]
    assert moved(stage="rejected", note="=Twice.")[1:3] == ["No-show for interview", "'=Twice."]
    assert moved(stage="hired", start_date="2026-12-01") == ["hired", "", "'=Twice.", "2026-12-01"]
    assert moved(stage="offer") == ["offer", "", "'=Twice.", ""]
    (row,) = table(recruiter.get("/applications.csv"))
    assert row["last moved (UTC)"].startswith("20")
    for verb, form in (
        ("rating", {"rating": "3"}),
        ("tags", {"tag": "=nights"}),
        ("hold", {}),
        ("assign", {"assigned": "me"}),
    ):
        assert recruiter.post(f"/applications/{public_id}/{verb}", data=form).status_code == 302
    (row,) = table(recruiter.get("/applications.csv"))
    told = [row[name] for name in ("held", "rating", "assigned to", "tags")]
    assert told == ["yes", "3", "recruiter@example.com", "'=nights"]
