"""Files go out as attachments that can do nothing in a browser; previews are made here and say when they cannot be."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pytest
from sqlalchemy import select

from dashboard.documents import Extraction, Rendering
from dashboard.extensions import db
from dashboard.models import Attachment
from dashboard.web import files
from dashboard.worker import Worker
from tests.factories import event, file_object

PDF = b"%PDF-1.4 not really"
HTML = b"<!doctype html><html><body><script>alert(document.cookie)</script></body></html>"


@pytest.fixture
def recruiter(sign_in):
    return sign_in("recruiter")


@pytest.fixture
def sent(app, deliver):
    """`sent(content, name, …)` → the public id of a résumé that came in."""

    def make(content: bytes, name="resume.txt", kind="completed:v2", **changes):
        resume = file_object(content, name, **changes)
        assert deliver(event(kind=kind, applicant={"resume": resume})).status_code == 200
        with app.app_context():
            return db.session.scalar(select(Attachment.public_id).order_by(Attachment.id.desc()).limit(1))

    return make


def name_of(disposition: str) -> str:
    """The file name a browser takes, after checking that the header is well formed."""
    match = re.fullmatch(r"attachment; filename=\"([\w.\- ]*)\"; filename\*=UTF-8''([A-Za-z0-9%._~-]*)", disposition)
    assert match, disposition
    return unquote(match[2])


@pytest.mark.parametrize(
    ("content", "name"),
    [(HTML, "cv.html"), (HTML, "cv.pdf"), (b"<svg onload='alert(1)'/>", "x.svg"), (b"MZ\0", "a.exe")],
)
def test_whatever_it_is_it_is_only_ever_downloaded(recruiter, sent, content, name):
    answer = recruiter.get(f"/files/{sent(content, name, contentType='text/html')}")
    assert answer.data == content
    assert answer.mimetype == "application/octet-stream"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer.headers["Content-Disposition"].startswith("attachment; ")
    assert answer.headers["Cache-Control"] == "no-store"


NAMES = (
    'a"; filename="evil.exe',
    "a\r\nSet-Cookie: x=y.txt",
    "résumé \u202efdp.exe",
    "../../etc/passwd",
    "..\\..\\windows\\system.ini",
    "x" * 300 + ".txt",
    "ليلى.txt",
    "小雨 🌲.txt",
    "a;b,c=d'e%41.txt",
    "",
    ".",
    "..",
    "\0",
    "CON",
    "\u2066\u2069\u200f.txt",
)


def test_every_name_is_safe_whatever_was_sent(recruiter, sent):
    for name in NAMES:
        found = name_of(recruiter.get(f"/files/{sent(b'hello there', name)}").headers["Content-Disposition"])
        assert found, name
        assert not re.search(r"[/\\\r\n\0\"\u202a-\u202e\u2066-\u2069\u200e\u200f]", found), name
        assert len(found.encode()) <= 255, name
        assert found.strip(". ") == found, name


def test_a_name_keeps_what_is_harmless(recruiter, sent):
    assert name_of(recruiter.get(f"/files/{sent(b'hi there', 'Zoë’s résumé.txt')}").headers["Content-Disposition"]) == (
        "Zoë’s résumé.txt"
    )


def test_a_file_that_could_not_be_decoded_is_given_as_it_was_sent(recruiter, sent):
    answer = recruiter.get(f"/files/{sent(b'', 'cv.pdf', data='%%% no base64')}")
    assert answer.data == b"%%% no base64"
    assert name_of(answer.headers["Content-Disposition"]).endswith(".txt")


def test_a_file_of_which_nothing_came_or_that_the_store_lost_is_404(app, recruiter, sent, tmp_path):
    assert recruiter.get(f"/files/{sent(b'', data=None)}").status_code == 404
    lost = sent(b"soon gone")
    for path in (tmp_path / "files").rglob("*"):
        if path.is_file():
            path.unlink()
    for view in ("", "/preview", "/picture"):
        assert recruiter.get(f"/files/{lost}{view}").status_code == 404


def test_a_file_of_an_incomplete_applicant_is_for_hr_only(recruiter, sent, sign_in):
    hidden = sent(b"hidden words", kind="started:v1")
    for view in ("", "/preview", "/picture"):
        assert recruiter.get(f"/files/{hidden}{view}").status_code == 404
    assert sign_in("hr_admin").get(f"/files/{hidden}").data == b"hidden words"


# --- previews -----------------------------------------------------------------------------------------------------


def test_html_is_shown_as_words_never_as_a_page(recruiter, sent):
    page = recruiter.get(f"/files/{sent(HTML, 'cv.pdf')}/preview")
    assert page.status_code == 200
    assert "<script>alert" not in page.text


def test_a_preview_shows_the_words_before_and_after_the_worker_read_them(app, recruiter, sent, monkeypatch):
    found = sent("Picked & packed für zwei Jahre.".encode())
    before = recruiter.get(f"/files/{found}/preview").text
    Worker.of(app).once()
    monkeypatch.setattr(files, "extract_text", None)  # what was read is not read again
    after = recruiter.get(f"/files/{found}/preview").text
    for page in (before, after):
        assert "Picked &amp; packed für zwei Jahre." in page


@pytest.mark.parametrize("temporary", [False, True])
def test_a_problem_is_told_in_words(recruiter, sent, monkeypatch, temporary):
    problem = Extraction(problem="This file could not be opened just now.", temporary=temporary)
    monkeypatch.setattr(files, "extract_text", lambda *_: problem)
    page = recruiter.get(f"/files/{sent(PDF, 'cv.pdf')}/preview")
    assert page.status_code == 200
    assert "could not be opened just now" in page.text
    assert "/picture" not in page.text


def test_a_picture_that_cannot_be_drawn_says_so_as_a_picture(recruiter, sent, monkeypatch):
    broken = Rendering(problem="This PDF is <damaged>.")
    monkeypatch.setattr(files, "render_picture", lambda *_: broken)
    answer = recruiter.get(f"/files/{sent(PDF, 'cv.pdf')}/picture")
    assert (answer.status_code, answer.mimetype) == (200, "image/svg+xml")
    assert "This PDF is &lt;damaged&gt;." in answer.text
    assert "sandbox" in answer.headers["Content-Security-Policy"]


def test_a_picture_is_a_png_drawn_here(recruiter, sent, monkeypatch):
    monkeypatch.setattr(files, "render_picture", lambda *_: Rendering(png=b"\x89PNG\r\n\x1a\n"))
    answer = recruiter.get(f"/files/{sent(PDF, 'cv.pdf')}/picture")
    assert (answer.status_code, answer.mimetype) == (200, "image/png")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_kind_that_cannot_be_shown_has_no_preview_and_no_picture(recruiter, sent):
    program = sent(b"MZ\x90\0" + b"\0" * 100, "cv.exe")
    assert "No preview" in recruiter.get(f"/files/{program}/preview").text
    assert recruiter.get(f"/files/{program}/picture").status_code == 404
