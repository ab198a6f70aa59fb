"""Files go out as attachments that can do nothing in a browser; previews are made here and say when they cannot be."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pytest
from flask import request
from sqlalchemy import select

from dashboard.documents import Extraction, Rendering
from dashboard.extensions import db
from dashboard.models import Attachment
from dashboard.services import drawing
from dashboard.web import files
from dashboard.worker import Worker
from tests.documents import made_documents as made
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
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'; sandbox"
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
    monkeypatch.setattr(drawing, "extract_text", None)  # what was read is not read again
    after = recruiter.get(f"/files/{found}/preview").text
    for page in (before, after):
        assert "Picked &amp; packed für zwei Jahre." in page


@pytest.mark.parametrize(("work", "view"), [("extract_text", "preview"), ("render_picture", "picture")])
def test_nobody_waits_for_the_database_while_a_file_is_opened(recruiter, sent, monkeypatch, work, view):
    found, held = sent(PDF, "cv.pdf"), []

    def look(*_, **__):
        held.append(db.session().in_transaction())
        return Extraction("words") if work == "extract_text" else Rendering(png=b"\x89PNG\r\n\x1a\n")

    monkeypatch.setattr(drawing, work, look)
    assert recruiter.get(f"/files/{found}/{view}").status_code == 200
    assert held == [False]


def test_a_preview_of_a_file_nobody_has_read_waits_for_its_turn(app, recruiter, sent, monkeypatch):
    started = []
    monkeypatch.setattr(drawing, "extract_text", lambda *_: started.append(1))
    monkeypatch.setitem(app.extensions, "drawings", drawing.Drawings(at_once=0, patience=0))
    page = recruiter.get(f"/files/{sent(PDF, 'cv.pdf')}/preview")
    assert "could not be opened just now" in page.text
    assert not started


def test_however_much_is_asked_to_be_marked_a_preview_is_shown(recruiter, sent, monkeypatch):
    monkeypatch.setattr(drawing, "extract_text", lambda *_: Extraction("12345"))
    page = recruiter.get(f"/files/{sent(PDF, 'cv.pdf')}/preview", query_string={"q": "12345" * 1_000})
    assert page.status_code == 200


@pytest.mark.parametrize("temporary", [False, True])
def test_a_problem_is_told_in_words(recruiter, sent, monkeypatch, temporary):
    problem = Extraction(problem="This file could not be opened just now.", temporary=temporary)
    monkeypatch.setattr(drawing, "extract_text", lambda *_: problem)
    page = recruiter.get(f"/files/{sent(PDF, 'cv.pdf')}/preview")
    assert page.status_code == 200
    assert "could not be opened just now" in page.text
    assert "/picture" not in page.text


def test_a_picture_that_cannot_be_drawn_says_so_as_a_picture(recruiter, sent, monkeypatch):
    broken = Rendering(problem="This PDF is <damaged>.")
    monkeypatch.setattr(drawing, "render_picture", lambda *_, **__: broken)
    answer = recruiter.get(f"/files/{sent(PDF, 'cv.pdf')}/picture")
    assert (answer.status_code, answer.mimetype) == (200, "image/svg+xml")
    assert "This PDF is &lt;damaged&gt;." in answer.text
    assert "sandbox" in answer.headers["Content-Security-Policy"]


def test_a_picture_is_a_png_drawn_here(recruiter, sent, monkeypatch):
    monkeypatch.setattr(drawing, "render_picture", lambda *_, **__: Rendering(png=b"\x89PNG\r\n\x1a\n"))
    answer = recruiter.get(f"/files/{sent(PDF, 'cv.pdf')}/picture")
    assert (answer.status_code, answer.mimetype) == (200, "image/png")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_kind_that_cannot_be_shown_has_no_preview_and_no_picture(recruiter, sent):
    program = sent(b"MZ\x90\0" + b"\0" * 100, "cv.exe")
    assert "No preview" in recruiter.get(f"/files/{program}/preview").text
    assert recruiter.get(f"/files/{program}/picture").status_code == 404


# --- the viewer -----------------------------------------------------------------------------------------------------


@pytest.fixture
def read(app, sent):
    """`read(content, name, …)` → the public id of a résumé that came in and that the worker has read."""

    def make(*given, **changes):
        found = sent(*given, **changes)
        Worker.of(app).once()
        return found

    return make


def pictures(page: str) -> list[tuple[str, str, str]]:
    """Address, width and height of every picture of a page."""
    found = re.findall(r'<img src="(/files/[^"]*)" width="([0-9]+)" height="([0-9]+)"', page)
    return [(address, width, height) for address, width, height in found]


@pytest.mark.parametrize("before", [True, False])
def test_every_page_of_a_pdf_has_its_place_before_its_picture_is_there(recruiter, sent, read, before):
    found = (sent if before else read)(made.pdf("Ada", "Two", box="0 0 600 300"), "cv.pdf")
    page = recruiter.get(f"/files/{found}/preview").text
    first, second = f"/files/{found}/picture", f"/files/{found}/picture?page=2"
    assert pictures(page) == [(first, "1200", "600"), (second, "1200", "600")]
    assert page.count('loading="lazy"') == 1  # the first is wanted at once
    for address in (first, second):
        answer = recruiter.get(address)
        assert answer.mimetype == "image/png"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "sandbox" in answer.headers["Content-Security-Policy"]


def test_of_a_long_pdf_ten_pages_are_shown_and_the_page_says_so(recruiter, read):
    found = read(made.pdf(*["Ada"] * 12), "cv.pdf")
    page = recruiter.get(f"/files/{found}/preview").text
    assert len(pictures(page)) == 10
    assert "10 of 12 pages are shown" in page
    assert recruiter.get(f"/files/{found}/picture?page=12").mimetype == "image/png"


@pytest.mark.parametrize("page", ["3", "0", "-1", "", "one", "²", "9" * 50, "99999"])
@pytest.mark.parametrize("before", [True, False])
def test_there_is_no_picture_of_a_page_that_is_not_there(recruiter, sent, read, before, page):
    found = (sent if before else read)(made.pdf("Ada", "Two"), "cv.pdf")
    assert recruiter.get(f"/files/{found}/picture?page={page}").status_code == 404


def test_a_picture_is_laid_out_as_it_is_and_not_blown_up(recruiter, read):
    found = read(made.picture("PNG", (300, 200)), "me.png")
    assert pictures(recruiter.get(f"/files/{found}/preview").text) == [(f"/files/{found}/picture", "300", "200")]


DOCX = made.docx(made.paragraph("Drives a fork<![CDATA[<b>]]>lift"))
RTF = rb"{\rtf1 Drives a fork<b>lift\par}"
ODT = made.odt("<text:p>Drives a fork&lt;b&gt;lift</text:p>")


@pytest.mark.parametrize("content", [DOCX, RTF, ODT, b"Drives a fork<b>lift", made.doc("Drives a fork<b>lift")])
def test_a_document_is_shown_as_text_with_what_was_searched_for(recruiter, read, content):
    found = read(content, "cv")
    for view in ("preview", "preview-part"):
        page = recruiter.get(f"/files/{found}/{view}?q=driv").text
        assert "<mark>Driv</mark>es a fork&lt;b&gt;lift" in page
        assert pictures(page) == []


def test_the_words_of_a_pdf_can_be_unfolded_and_how_many_were_searched_for_is_said(recruiter, read):
    found = read(made.pdf("Ada drives", "Drives a forklift"), "cv.pdf")
    page = recruiter.get(f"/files/{found}/preview?q=drives").text
    assert "2 marked</span>" in page
    assert "<mark>Drives</mark> a forklift" in page
    assert "marked</span>" not in recruiter.get(f"/files/{found}/preview").text


@pytest.mark.parametrize(
    ("content", "name", "changes", "because"),
    [
        (b"\x7fELF" + b"\0" * 100, "cv.exe", {}, "files of this type (Program) can only be downloaded."),
        (b"", "cv.pdf", {"data": "%%% no base64"}, "it can’t be read. Download it to see what was sent."),
        (b"", "cv.pdf", {"data": None}, "no content was sent with it."),
        (b"%PDF-1.4 not really", "cv.pdf", {}, "this PDF is damaged and cannot be opened."),
        (b" \n" * 50, "cv.txt", {}, "this plain text holds no text; its words may be in a picture."),
    ],
)
def test_without_a_preview_the_page_says_why(recruiter, read, content, name, changes, because):
    found = read(content, name, **changes)
    page = recruiter.get(f"/files/{found}/preview").text
    assert "<strong>No preview</strong>, because " + because in page
    assert pictures(page) == []


def test_a_page_opened_before_the_worker_read_the_file_fetches_it_by_itself(app, recruiter, sent, monkeypatch):
    found = sent(b"Drives a forklift")
    with app.test_request_context("/?q=fork"):
        file = db.session.scalar(select(Attachment).where(Attachment.public_id == found))
        monkeypatch.setattr(drawing, "extract_text", None)  # the page itself must not wait for it
        viewer = app.jinja_env.get_template("files/_viewer.html").make_module({"request": request}).viewer([file])
    part = f"/files/{found}/preview-part?q=fork"
    assert f'hx-get="{part}"' in viewer
    assert f'<a href="/files/{found}/preview?q=fork">' in viewer
    monkeypatch.undo()
    assert "Drives a <mark>fork</mark>lift" in recruiter.get(part).text


def test_a_files_own_page_takes_the_list_along_and_brings_it_back(recruiter, sent):
    found = sent(b"Drives a forklift")
    row = re.search(r"/applications/([\w-]{22})", recruiter.get("/applications").text)
    assert row
    opened = recruiter.get(f"/applications/{row[1]}?q=ada&tab=new&file={found}").text
    assert f'href="/files/{found}/preview?q=ada&amp;tab=new"' in opened
    page = recruiter.get(f"/files/{found}/preview?q=ada&tab=new").text
    assert f'href="/applications/{row[1]}?q=ada&amp;tab=new&amp;file={found}#viewer"' in page


def test_the_resume_is_shown_and_another_file_where_the_address_names_it(app, recruiter, deliver):
    applicant = {"resume": file_object(b"my life", "cv.txt")}
    licence = {
        "question": {"id": "licence", "type": "file", "question": "Licence?"},
        "answer": file_object(b"Class A", "licence.txt"),
    }
    deliver(event(applicant=applicant, questionsAndAnswers=[licence]))
    Worker.of(app).once()
    with app.app_context():
        ids = {file.file_name: file.public_id for file in db.session.scalars(select(Attachment))}

    def shown_at(query: str) -> str:
        with app.test_request_context(f"/applications/x?{query}"):
            return files.chosen(list(db.session.scalars(select(Attachment)))).file_name

    assert shown_at("") == shown_at("file=none") == "cv.txt"
    assert shown_at(f"file={ids['licence.txt']}") == "licence.txt"


def test_the_way_to_another_file_keeps_the_list_and_cannot_be_led_elsewhere(app, sent):
    found = sent(b"my life")
    with app.test_request_context("/?tag=a&tag=b%26c&file=old&_scheme=javascript&_external=1&public_id=x"):
        file = db.session.scalar(select(Attachment).where(Attachment.public_id == found))
        there = files.address(file)
    application = file.application.public_id
    kept = f"tag=a&tag=b%26c&_scheme=javascript&_external=1&public_id=x&file={found}"
    assert there == f"/applications/{application}?{kept}#viewer"
