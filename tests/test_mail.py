"""One mail by SMTP, to real servers on loopback that take it, refuse it, and go wrong in every phase."""

from __future__ import annotations

import email
import email.policy
import re
import ssl
import threading
import time
from datetime import UTC, datetime
from email.header import decode_header, make_header
from email.message import EmailMessage
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dashboard import mail
from dashboard.calls import CallFailed, Outcome, Proof
from dashboard.mail import Letter, Mailer, MailRefused, MailServer, MailUnavailable
from dashboard.mail_address import is_address, is_one_line
from tests.smtp import BrokenMailServer
from tests.smtp import MailServer as RealServer
from tests.talroo import certificates

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
FROM = "Harbor & Vale <jobs@example.com>"
LETTER = Letter(
    id="mail-1",
    to="ada@example.net",
    subject="Your application",
    text="Dear Ada,\n\n.a line with a dot\n.\nGrüße from " + "far away " * 30 + "\n",
    unsubscribe="https://jobs.example.com/unsubscribe/" + "t" * 130,
)


def mailer(url: str, **options: Any) -> Mailer:
    return Mailer(url, FROM, **{"deadline": 20.0, "abort_after": 0.2, "now": lambda: NOON, **options})


def failure(url: str, letter: Letter = LETTER, **options: Any) -> CallFailed:
    stop = options.pop("stop", None)
    with pytest.raises(CallFailed) as caught:
        mailer(url, **options).send(letter, stop=stop)
    assert str(caught.value) == caught.value.proof.error
    return caught.value


def test_a_mail_arrives_as_it_was_written_with_every_header():
    with RealServer() as server:
        proof = mailer(server.url).send(LETTER)
    (mail,) = server.mails
    assert (mail.sender, mail.to) == ("jobs@example.com", ("ada@example.net",))
    assert mail.text.replace("\r\n", "\n") == LETTER.text
    assert {name: mail.message[name] for name in mail.message} == {
        "Message-ID": "<mail-1@example.com>",
        "List-Unsubscribe": f"<{LETTER.unsubscribe}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "From": FROM,
        "To": "ada@example.net",
        "Subject": "Your application",
        "Date": "Sat, 21 Nov 2026 12:00:00 +0000",
        "Content-Type": 'text/plain; charset="utf-8"',
        "Content-Transfer-Encoding": "quoted-printable",
        "MIME-Version": "1.0",
        "X-Peer": mail.message["X-Peer"],
    } or mail.message["X-Peer"] is None
    assert (proof.status, proof.answer, proof.error, proof.started_at) == (250, "2.0.0 taken as number 1", None, NOON)


def test_a_long_address_stands_in_its_header_in_one_piece_and_a_message_is_seven_bits():
    raw = mailer("smtp://127.0.0.1").as_bytes(LETTER)
    assert f"\r\nList-Unsubscribe: <{LETTER.unsubscribe}>\r\n".encode() in raw
    assert raw.isascii()
    _head, _, text = raw.partition(b"\r\n\r\n")
    assert max(map(len, text.split(b"\r\n"))) <= 78
    assert b"\n" not in raw.replace(b"\r\n", b"")


def test_a_repeat_has_the_same_message_id_and_only_automatic_mails_say_so():
    with RealServer() as server:
        for automatic in (False, True):
            mailer(server.url).send(Letter("one", "ada@example.net", "Hi", "Hi", "https://x.example", automatic))
    by_hand, by_itself = (mail.message for mail in server.mails)
    assert by_hand["Message-ID"] == by_itself["Message-ID"]
    assert (by_hand["Auto-Submitted"], by_itself["Auto-Submitted"]) == (None, "auto-generated")


def test_a_subject_of_more_than_one_line_is_refused_in_words():
    for subject in ("Hi\nBcc: eve@example.com", "Hi\r\n\r\nText", "Hi\x00", "Hi\x85there", "Hi\u2028there", "\ud800"):
        with pytest.raises(MailRefused, match="a header has one line"):
            mailer("smtp://127.0.0.1:9").send(Letter("one", "ada@example.net", subject, "Hi", "https://x.example"))


HEADERS = [
    "Message-ID",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "From",
    "To",
    "Subject",
    "Date",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
]
# The header registry reads both of the first two for line ends, and so wrote headers and a text of the attacker's.
SMUGGLED = [
    "=?utf-8?q?=0d=0a=0d=0aPay=20at=20http=3a=2f=2fevil=2eio?=",
    "=?utf-8?b?DQpCY2M6IGV2ZUBleGFtcGxlLmNvbQ==?= hello",
    "Ada =?utf-8?q?=0aReply-To=3a=20eve=40evil=2eio?= , finish",
    "family \U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f3f4\U000e0067\U000e0062\U000e007f",
    "  two  spaces " + "é" * 200 + "\u200b ",
    "x" * 500,
]


def as_read(subject: str, text: str = "Hi\n") -> EmailMessage:
    raw = mailer("smtp://127.0.0.1").as_bytes(Letter("one", "ada@example.net", subject, text, "https://x.example"))
    assert max(map(len, raw.split(b"\r\n"))) <= 78
    return email.message_from_bytes(raw, policy=email.policy.default)  # type: ignore[return-value]


@given(
    st.text().filter(is_one_line) | st.text("=?utf8qbQB_0daA: \u200d"),
    st.text(st.characters(exclude_categories=["Cs"])),
)
@example(SMUGGLED[0], "Hi")
@example(SMUGGLED[1], ".\r\n..\rFrom \n =3D \n\n")
@example(SMUGGLED[2], "")
@example(SMUGGLED[3], " ")
@example(SMUGGLED[4], "\n\n")
@example(SMUGGLED[5], "x" * 500)
def test_whatever_a_subject_says_it_is_read_as_it_was_written_and_nothing_besides(subject: str, text: str):
    read = as_read(subject, text)
    assert read.keys() == HEADERS
    assert str(make_header(decode_header(as_written(read)))) == subject
    assert read.get_content().replace("\r\n", "\n") == re.sub("\r\n?", "\n", text).removesuffix("\n") + "\n"
    assert read["To"] == "ada@example.net"
    assert read["From"] == FROM


def as_written(read: EmailMessage) -> str:
    """The subject before it is decoded, which the library also does in ways that depend on its version."""
    return next(value for name, value in read.raw_items() if name == "Subject")


@pytest.mark.parametrize("subject", SMUGGLED)
def test_an_encoded_word_in_a_subject_arrives_as_the_text_it_is(subject: str):
    with RealServer() as server:
        mailer(server.url).send(Letter("one", "ada@example.net", subject, "Hi", "https://x.example"))
    (mail,) = server.mails
    assert (mail.message["Subject"], mail.message["Bcc"], mail.text.strip()) == (subject, None, "Hi")


def test_a_head_that_would_be_read_otherwise_is_refused_without_its_words(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(mail, "Header", lambda text, *_, **__: SimpleNamespace(encode=lambda **_: "x\r\nBcc: " + text))
    with pytest.raises(MailRefused) as caught:
        mailer("smtp://127.0.0.1:9").as_bytes(LETTER)
    assert str(caught.value) == "its headers would not be read as they are meant"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ada",
        "ada@example",
        "a@b.c, eve@example.com",
        "Ada <ada@example.com>",
        "a b@c.de",
        "a@b.c\nBcc: x@y.zz",
        "x@=?utf-8?q?=0aBcc=3a_eve?=.com",
        "=?utf-8?q?=0aBcc=3a_eve?=@example.com",
        "victim%corp.com@relay.example",
        "corp.com!victim@relay.example",
        '"a"@example.com',
        "a@x..com",
        "a@x.com.",
        "a@-x.com",
        "a@x_y.com",
        f"a@{'x' * 64}.com",
        "a@10.0.0.1",
        "a\u200b@example.com",
        "a@exam\u200bple.com",
        "a@exam\ufe0fple.com",
        "\u202ea@example.com",
        "a@ｅxample.com",
        "a@é.xn--zzzzz.com",
        "a@straße.de",  # 2003's rules and today's lead to two different places
    ],
)
def test_what_is_no_address_is_never_written_to(address: str):
    assert not is_address(address)
    with pytest.raises(MailRefused, match="not an email address"):
        mailer("smtp://127.0.0.1:9").send(Letter("one", address, "Hi", "Hi", "https://x.example"))


@given(st.text(), st.text())
def test_whatever_is_an_address_goes_to_a_host_that_dns_knows(local: str, domain: str):
    if is_address(f"{local}@{domain}"):
        raw = mailer("smtp://127.0.0.1").as_bytes(Letter("one", f"{local}@{domain}", "Hi", "Hi", "https://x.example"))
        assert re.search(rb"\r\nTo: [^\s<>,;:%!]+@[a-z0-9-]+(\.[a-z0-9-]+)+\r\nSubject: ", raw)


@pytest.mark.parametrize(
    "address", ["a..b@docomo.ne.jp", "o'hara+jobs@example.co.uk", "ada@müller.de", "x_y-z@a-b.com", "Ada=x@Example.COM"]
)
def test_odd_addresses_that_people_have_are_written_to(address: str):
    assert is_address(address)
    with RealServer() as server:
        mailer(server.url).send(Letter("one", address, "Hi", "Hi", "https://x.example"))
    assert server.mails[0].to == (address.replace("müller", "xn--mller-kva"),)


def test_an_international_address_goes_where_the_server_takes_it_and_is_refused_in_words_elsewhere():
    letter = Letter("one", "gräfin@müller.de", "Grüße", "Hi", "https://x.example")
    with RealServer() as server:
        mailer(server.url).send(letter)
        assert server.mails[0].to == ("gräfin@xn--mller-kva.de",)
        assert server.mails[0].message["Subject"] == "Grüße"
    with RealServer(international=False) as plain:
        refused = failure(plain.url, letter)
    assert isinstance(refused, MailRefused)
    assert str(refused) == "the mail server takes no international addresses"


# --- refusals -------------------------------------------------------------------------------------------------------


def test_a_recipient_that_is_refused_for_good_is_refused_and_one_to_ask_later_is_retried():
    with RealServer(refused=["550 5.1.1 no such ada@example.net", "451 4.7.1 greylisted bob@example.net"]) as server:
        gone = failure(server.url)
        later = failure(server.url, Letter("two", "bob@example.net", "Hi", "Hi", "https://x.example"))
    assert (gone.outcome, gone.proof.status, str(gone)) == (Outcome.REFUSED, 550, "answered 550")
    assert gone.proof.answer == "5.1.1 no such [recipient]"
    assert (later.outcome, later.proof.status) == (Outcome.RETRY, 451)
    assert not gone.is_uncertain
    assert not later.is_uncertain


@pytest.mark.parametrize(("said", "kind"), [("554 5.7.1 spam", MailRefused), ("452 4.3.1 full", MailUnavailable)])
def test_what_is_said_to_the_whole_message_decides(said: str, kind: type[CallFailed]):
    with RealServer(answer=lambda _: said) as server:
        ended = failure(server.url)
    assert type(ended) is kind
    assert (ended.proof.status, ended.proof.answer) == (int(said[:3]), said[4:])
    assert not ended.is_uncertain


def test_an_answer_is_kept_without_the_address_it_repeats():
    words = "550 <GRÄFIN@xn--mller-kva.de> (gräfin@müller.de, gräfin, gräfin%40x) is no gräfins "
    said = words + "x" * 480
    with BrokenMailServer(["220 hi", "250-hi\r\n250 SMTPUTF8", "250 ok", said + " gr\u00e4fin"]) as server:
        ended = failure(server.url, Letter("one", "gräfin@müller.de", "Hi", "Hi", "https://x.example"))
    head = "<[recipient]> ([recipient], [recipient], [recipient]%40x) is no gräfins "
    assert ended.proof.answer == (head + "x" * 480)[:500]


@pytest.mark.parametrize(("line", "many"), [("220-hello", 101), ("220-" + "x" * 2_000, 40), ("220-" + "x" * 70_000, 1)])
def test_an_answer_without_end_is_not_read_to_the_end(line: str, many: int):
    with BrokenMailServer(["\r\n".join([line] * many) + "\r\n220 hello", "silent"]) as server:
        ended = failure(server.url)
    assert (type(ended), str(ended)) == (MailUnavailable, "the mail server's answer does not end")


def test_an_answer_of_some_lines_is_read_whole():
    with BrokenMailServer(["220-one\r\n220-two\r\n220 three", "250 hi", "250 ok", "550-no\r\n550 never"]) as server:
        ended = failure(server.url)
    assert (type(ended), ended.proof.answer) == (MailRefused, "no\nnever")


# --- breaking off ---------------------------------------------------------------------------------------------------

HELLO = ["220 hi", "250 hi"]
ASKED = [*HELLO, "250 ok", "250 ok"]
BREAKS: list[tuple[list[str], str]] = [
    (["{}"], "before the greeting"),
    (["220 hi", "{}"], "after EHLO"),
    ([*HELLO, "{}"], "after MAIL"),
    ([*HELLO, "250 ok", "{}"], "after RCPT"),
    ([*ASKED, "{}"], "after DATA"),
    ([*ASKED, "354 go on", "{}"], "after the message"),
]


@pytest.mark.parametrize("how", ["reset", "close", "silent", "drip"])
@pytest.mark.parametrize(("script", "when"), BREAKS, ids=lambda value: value if isinstance(value, str) else "")
def test_a_server_that_breaks_off_is_asked_again_and_only_after_the_message_nobody_knows(
    script: list[str], when: str, how: str
):
    waits = how in ("silent", "drip")
    # Who gets as far as the message needs time for it.
    deadline = 20.0 if not waits else 3.0 if when == "after the message" else 2.0
    with BrokenMailServer([step.format(how) for step in script]) as server:
        began = time.monotonic()
        ended = failure(server.url, deadline=deadline)
        assert time.monotonic() - began < 15, "the deadline did not hold"
    assert isinstance(ended, MailUnavailable)
    assert ended.outcome == Outcome.RETRY
    assert ended.is_uncertain is (when == "after the message")
    assert ended.proof.status is None
    words = f"no answer within {deadline:g} s" if waits else "connection closed without an answer"
    # Who is fast enough resets a connection before it is quite made.
    assert str(ended) in (words, "connection reset", "no connection")


def test_when_time_is_over_it_is_not_said_that_the_server_had_closed():
    # The socket gives up at the same moment as the watch over it, and either may be first.
    with BrokenMailServer([*HELLO, "silent"]) as server:
        for number in range(100):
            deadline = 0.02 + number / 10_000
            assert str(failure(server.url, deadline=deadline)) == f"no answer within {deadline:g} s"


@pytest.mark.parametrize(
    ("script", "words", "status"),
    [
        (["554 not today"], "answered 554 when called", 554),
        (["421 too busy"], "answered 421 when called", 421),
        (["220 hi", "500 what?"], "answered 500 to EHLO", 500),
        (["what is this"], "the answer is not SMTP", None),
        ([*HELLO, "421 going down"], "answered 421", 421),
    ],
)
def test_a_server_that_does_not_let_us_in_is_asked_again_later(script: list[str], words: str, status: int | None):
    with BrokenMailServer(script) as server:
        ended = failure(server.url)
    assert (type(ended), str(ended), ended.proof.status) == (MailUnavailable, words, status)
    assert not ended.is_uncertain


def test_a_server_that_is_not_there_is_told_in_words():
    with BrokenMailServer([]) as gone:
        pass
    assert str(failure(gone.url)) == "connection refused"
    assert str(failure("smtp://mail.invalid:25")) == "host name not found"


@pytest.mark.parametrize(("script", "uncertain"), [([*ASKED, "silent"], False), ([*ASKED, "354 go", "silent"], True)])
def test_being_told_to_stop_ends_a_call_soon(script: list[str], uncertain: bool):
    stop = threading.Event()
    with BrokenMailServer(script) as server:
        threading.Timer(0.3, stop.set).start()
        ended = failure(server.url, stop=stop, deadline=60.0)
    assert (str(ended), ended.is_uncertain) == ("stopped before the answer was complete", uncertain)
    assert str(failure("smtp://127.0.0.1:9", stop=stop)) == "stopped before the call began"


# --- TLS and log-in -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, str]:
    """The server's side, and the file of who is to be trusted."""
    context, trusted = certificates.make(tmp_path_factory.mktemp("tls"))
    return context, str(trusted)


def test_starttls_protects_the_log_in(tls: tuple[ssl.SSLContext, str]):
    with RealServer(starttls=tls[0], log_in=("user@x", "pass:w/rd")) as server:
        proof = mailer(f"smtp://user%40x:pass%3Aw%2Frd@{server.address}?tls=true", authorities=tls[1]).send(LETTER)
    assert proof.status == 250
    assert (server.mails[0].user, server.mails[0].was_encrypted) == ("user@x", True)


def test_smtps_is_encrypted_from_the_first_byte(tls: tuple[ssl.SSLContext, str]):
    with RealServer(tls=tls[0]) as server:
        assert mailer(f"smtps://{server.address}", authorities=tls[1]).send(LETTER).status == 250


@pytest.mark.parametrize("scheme", ["starttls", "tls"])
def test_a_certificate_that_is_not_trusted_gets_no_mail(tls: tuple[ssl.SSLContext, str], scheme: str):
    with RealServer(**{scheme: tls[0]}) as server:
        address = f"smtp://{server.address}?tls=true" if scheme == "starttls" else f"smtps://{server.address}"
        ended = failure(address)
        assert server.mails == []
    assert (type(ended), str(ended)) == (MailUnavailable, "certificate not trusted")


def test_where_tls_is_wanted_and_not_offered_nothing_is_said():
    with RealServer() as server:
        ended = failure(f"smtp://{server.address}?tls=true")
        assert server.mails == []
    assert (type(ended), str(ended)) == (MailUnavailable, "the mail server offers no TLS")


def test_a_log_in_that_is_refused_is_retried_and_named_by_its_setting_without_the_password():
    with RealServer(log_in=("user", "right")) as server:
        ended = failure(f"smtp://user:hush-hush@{server.address}")
    assert (type(ended), str(ended)) == (MailUnavailable, "the mail server refused the log-in (535); see MAIL_URL")
    assert "hush" not in repr(ended.proof)


@pytest.mark.parametrize(
    ("url", "port", "at_once", "encrypted"),
    [
        ("smtp://mail.example.com", 25, False, False),
        ("smtp://mail.example.com?tls=true", 587, False, True),
        ("smtp://u:p@mail.example.com", 587, False, True),
        ("smtp://u:p@mail.example.com:2525?tls=false", 2525, False, False),
        ("smtp://u:p@127.0.0.1:1025", 1025, False, False),
        ("smtps://u:p@mail.example.com", 465, True, True),
    ],
)
def test_a_password_is_not_sent_in_the_clear_unless_somebody_says_so(
    url: str, port: int, at_once: bool, encrypted: bool
):
    known = MailServer.of(url)
    assert (known.port, known.at_once, known.tls) == (port, at_once, encrypted)


def test_a_proof_holds_nothing_of_the_letter():
    with RealServer() as server:
        proof = mailer(server.url).send(LETTER)
    assert isinstance(proof, Proof)
    assert LETTER.to not in repr(proof)
