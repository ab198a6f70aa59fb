"""What leaves the site with the whole corpus in it (tables, archives, files, mails) does nothing where it is opened."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import unicodedata
import zipfile
from collections.abc import Iterator
from datetime import UTC, timedelta
from email.message import EmailMessage
from email.utils import getaddresses
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Final

import requests
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.http import parse_options_header

from config import Config
from dashboard.clock import utcnow
from dashboard.models import Delivery, User
from dashboard.permissions import allows
from dashboard.services import mornings
from dashboard.services.files import open_store
from dashboard.web.files import SANDBOXED
from dashboard.worker import Worker
from tests.browser.hostile_site import ALLOWED, VISITORS, HostileSite
from tests.hostile import CANARY, CORPUS, TURNS, WORDS, plain
from tests.outbox_fixtures import Clock, open_engine
from tests.smtp import Mail, MailServer

FORMULAS: Final = tuple("=+-@\t\r\n＝＋－＠")
STRIPPED: Final = "".join(
    one for one in map(chr, range(0x10000)) if one.isspace() or unicodedata.category(one)[0] in "CZ"
)
DEVICES: Final = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
HEADERS_OF_MAILS: Final = {
    *("Message-ID", "List-Unsubscribe", "List-Unsubscribe-Post", "From", "To", "Subject", "Date", "Auto-Submitted"),
    *("MIME-Version", "Content-Type", "Content-Transfer-Encoding"),
}


def bare(text: str) -> str:
    """`text` without what a spreadsheet, or a person who pastes it, may strip before it reads a cell."""
    return text.lstrip(STRIPPED)


def is_formula(text: str) -> bool:
    return bare(text).startswith(FORMULAS) or text.startswith(FORMULAS)


def tables(place: HostileSite) -> Iterator[tuple[str, str]]:
    """Every table the site gives, by whom it is fetched."""
    for endpoint, address in place.stocked(0).addresses():
        if endpoint.endswith(".csv"):
            for who in VISITORS:
                if allows(who, place.app.view_functions[endpoint].needs):
                    yield who, address


def get(place: HostileSite, who: str, path: str) -> requests.Response:
    answer = place.clients[who].get(place.url + path, timeout=60)
    assert answer.status_code == 200, path
    return answer


def chosen(place: HostileSite) -> list[str]:
    return [f"{one}:1" for one in place.completed]


def check_table(raw: bytes) -> list[list[str]]:
    rows = list(csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline="")))
    assert len({len(row) for row in rows}) == 1, "a cell broke out of its row"
    assert [one for row in rows for one in row if is_formula(one)] == []
    return rows


def check_names(archive: zipfile.ZipFile) -> list[str]:
    names = archive.namelist()
    assert len({unicodedata.normalize("NFKC", name).casefold() for name in names}) == len(names)
    for name in names:
        for path in (PurePosixPath(name), PureWindowsPath(name)):
            assert not path.is_absolute(), name
            assert not path.drive, name
            assert ".." not in path.parts, name
        for part in name.split("/"):
            assert not DEVICES.match(part), name
            assert part == part.strip(". "), name
            assert not any(unicodedata.category(one)[0] == "C" or one in '<>:"|?*\\' for one in part), name
    return names


def check_headers(answer: requests.Response) -> None:
    """Nobody began a header of their own, and nothing but a download can be made of it."""
    assert not {"set-cookie", "bcc"} & {name.lower() for name in answer.headers}
    assert CANARY not in str(
        {name: value for name, value in answer.headers.items() if name.lower() != "content-disposition"}
    )
    kind, told = parse_options_header(answer.headers["Content-Disposition"])
    assert kind == "attachment"
    assert set(told) <= {"filename"}, told
    assert not re.search(r'[/\\"\x00-\x1f\x7f]', told["filename"]), told
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Type"].partition(";")[0] in (
        "text/csv",
        "application/zip",
        "application/octet-stream",
    )
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_no_cell_of_any_table_is_a_formula(hostile_site: HostileSite):
    given = set()
    for who, address in tables(hostile_site):
        answer = get(hostile_site, who, address)
        check_headers(answer)
        if len(check_table(answer.content)) > 1:
            given.add(address)
    assert given == {address for _, address in tables(hostile_site)}, "a table is empty: fill it in HostileSite"


def test_the_table_of_applications_holds_every_word_that_was_sent(hostile_site: HostileSite):
    _, *rows = check_table(get(hostile_site, "hr_admin", "/applications.csv").content)
    said = plain(" ".join(cell for row in rows for cell in row))
    assert [words for words in WORDS if plain(words) not in said] == []


def test_an_archive_of_many_is_safe_to_unpack_and_its_table_to_open(hostile_site: HostileSite):
    answer = hostile_site.post("hr_admin", "/applications/bulk/files", application=chosen(hostile_site))
    check_headers(answer)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        names = check_names(archive)
        assert len(names) > 2 * len(hostile_site.completed)
        rows = check_table(archive.read("answers.csv"))
        said = plain(" ".join(cell for row in rows for cell in row))
        assert [words for words in WORDS if plain(words) not in said] == []
    table = hostile_site.post("hr_admin", "/applications/bulk/csv", application=chosen(hostile_site))
    check_headers(table)
    assert len(check_table(table.content)) == len(hostile_site.completed) + 1


def test_what_is_handed_out_of_a_person_is_safe_to_unpack(hostile_site: HostileSite):
    for public_id in (*hostile_site.completed[::6], hostile_site.pulled[0], hostile_site.started[0]):
        answer = get(hostile_site, "hr_admin", f"/privacy/export/{public_id}")
        check_headers(answer)
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            assert "person.json" in check_names(archive)
            assert json.loads(archive.read("person.json"))["applications"]


def test_no_file_is_anything_but_a_download(hostile_site: HostileSite):
    names = set()
    for public_id in hostile_site.ids["files"]:
        answer = get(hostile_site, "recruiter", f"/files/{public_id}")
        check_headers(answer)
        assert answer.headers["Content-Security-Policy"] == SANDBOXED
        names.add(parse_options_header(answer.headers["Content-Disposition"])[1]["filename"].rpartition(".")[2])
    assert names <= {"docx", "rtf", "odt", "txt", "bin"}, names


def test_the_exact_bytes_of_a_delivery_are_a_download(hostile_site: HostileSite):
    for public_id in hostile_site.ids["deliveries"][::9]:
        answer = get(hostile_site, "hr_admin", f"/admin/deliveries/{public_id}/body")
        check_headers(answer)
        assert any(json.dumps(words).strip('"') in answer.text for words in WORDS)


# --- mails ------------------------------------------------------------------------------------------------------------


def check_mail(mail: Mail, place: HostileSite) -> str:
    """Nobody else gets it, nobody wrote its headers, and it leads nowhere but to us. Returns its subject and text."""
    message = mail.message
    assert isinstance(message, EmailMessage)
    assert set(message.keys()) <= HEADERS_OF_MAILS
    assert len(message.keys()) == len(set(message.keys()))
    assert mail.raw.partition(b"\r\n\r\n")[0].count(b"\r\n") + 1 >= len(message.keys())
    assert message.get_content_type() == "text/plain"
    assert not message.is_multipart()
    assert not message.defects
    assert [address for _, address in getaddresses([str(message["To"])])] == list(mail.to)
    assert len(mail.to) == 1
    assert mail.to[0].endswith("@example.com")
    return f"{message['Subject']}\n{mail.text}"


def links(text: str) -> list[str]:
    return re.findall(r"(?:https?:)?//\w[^\s<>\"']+|www\.\S+|mailto:\S+", text)


def test_reminders_are_plain_text_to_the_applicant_alone_and_lead_to_nobody_else(hostile_site: HostileSite):
    mails = [mail for mail in hostile_site.mail.mails if mail.to[0].startswith("turn-")]
    assert sorted(mail.to[0] for mail in mails) == sorted(f"turn-{turn}@example.com" for turn in TURNS)
    for mail in mails:
        text = check_mail(mail, hostile_site)
        # What HR wrote stands there as they wrote it; what applicants and jobs are called must add no link.
        written = {link for one in CORPUS for link in links(one.text)}
        foreign = [
            link for link in links(text) if not link.startswith((hostile_site.url, *ALLOWED)) and link not in written
        ]
        assert foreign == []
        first, _, rest = mail.text.partition("\n")
        assert CANARY not in first
        assert plain(CORPUS[1].text) in plain(rest)


def test_invitations_lead_to_us_alone(hostile_site: HostileSite):
    mails = [mail for mail in hostile_site.mail.mails if "/access/" in mail.text]
    assert len(mails) >= 2
    for mail in mails:
        text = check_mail(mail, hostile_site)
        assert all(link.startswith(hostile_site.url) for link in links(text))


def test_morning_and_alert_mails_say_what_jobs_are_called_in_plain_lines(hostile_site: HostileSite, tmp_path: Path):
    shutil.copytree(hostile_site.site.folder, tmp_path / "copy")
    clock = Clock(mornings.next_morning(utcnow(), UTC) + timedelta(minutes=5))
    with MailServer() as server:
        settings = hostile_site.site.environment | {
            "MAIL_URL": server.url,
            "DATABASE_URL": f"sqlite:///{tmp_path}/copy/dashboard.db",
            "FILES_URL": f"file://{tmp_path}/copy/files",
            "METRICS_DIR": f"{tmp_path}/metrics",
            "ALERT_DISK_FREE": "0",
        }
        config = Config.from_env(settings)
        engine = open_engine(config.database_url)
        with Session(engine) as session:
            for user in session.scalars(select(User).where(User.role != "it_admin")):
                mornings.want(session, user.id, zone="UTC", now=utcnow())
            session.commit()
        worker = Worker(config, engine, open_store(config.files_url), clock=clock)
        for _ in range(3):
            worker.once()
        engine.dispose()
        mails = list(server.mails)
    texts = [check_mail(mail, hostile_site) for mail in mails]
    news = [text for text in texts if "New since yesterday" in text]
    assert len(news) >= 2
    for text in texts:
        # What jobs are called is their employer's to say, and no HTML here.
        foreign = [link.rstrip(",") for link in links(text) if not link.startswith(hostile_site.url)]
        assert [link for link in foreign if not any(link in words for words in WORDS)] == []


def test_who_sent_it_is_known_by_nothing_that_was_sent(hostile_site: HostileSite):
    with hostile_site.app.app_context(), Session(hostile_site.app.extensions["sqlalchemy"].engine) as session:
        addresses = set(session.scalars(select(Delivery.remote_addr).where(Delivery.source == "pushed")))
    assert addresses == {"127.0.0.1"}
