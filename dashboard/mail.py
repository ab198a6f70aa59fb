"""Sending one mail by SMTP: whole within a deadline, over a connection of its own, with the proof of how it ended.

| what happened | raised | outcome |
|---|---|---|
| the server took the message (250 after DATA) | nothing | sent |
| it said no to sender, recipient or message for good (5XX) | `MailRefused` | refused |
| 4XX, any time-out or reset, no TLS where it is wanted, log-in refused | `MailUnavailable` | retry |
| it broke, or we were told to stop, after the whole message and before the answer | `MailUnavailable` | uncertain |
"""

from __future__ import annotations

import binascii
import contextlib
import os
import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.parser import BytesHeaderParser
from email.utils import format_datetime, formataddr, parseaddr
from typing import Any, BinaryIO, Final, NoReturn
from urllib.parse import unquote, urlsplit

from dashboard.calls import CallFailed, Outcome, Proof
from dashboard.clock import utcnow
from dashboard.mail_address import ascii_host, is_address, is_one_line
from dashboard.talroo.deadline import Cut, Watch
from dashboard.talroo.wire import clean

DEADLINE: Final = 30.0
ABORT_AFTER: Final = 3.0
KEPT_OF_ANSWER: Final = 500
MOST_LINES_OF_REPLY: Final = 100
LONGEST_REPLY: Final = 65_536
RECIPIENT: Final = "[recipient]"
"""Stands in a kept answer for the address that a server repeats."""

_PORTS: Final = {("smtp", False): 25, ("smtp", True): 587, ("smtps", True): 465}


class MailUnavailable(CallFailed):
    """The server cannot be reached, broke off, wants to be asked later, or does not let us in."""

    outcome = Outcome.RETRY

    @property
    def is_uncertain(self) -> bool:
        return self.proof.unknown


class MailRefused(CallFailed):
    """The server will not take this message, however often it is asked."""

    outcome = Outcome.REFUSED


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail. `id`: what its Message-ID is made of, the same for every repeat, so that mail programs can drop those.

    `unsubscribe`: the address for List-Unsubscribe, if there is anything to end; `one_click` whether posting to it is
    enough (RFC 8058). `automatic`: nobody pressed a button for this one.
    """

    id: str
    to: str
    subject: str
    text: str
    unsubscribe: str = ""
    automatic: bool = False
    one_click: bool = True


@dataclass(frozen=True, slots=True)
class MailServer:
    """What `MAIL_URL` says. `tls`: from the first byte (`smtps`), or by STARTTLS."""

    host: str
    port: int
    at_once: bool
    tls: bool
    user: str | None
    password: str

    @classmethod
    def of(cls, url: str) -> MailServer:
        """From `smtp://user:password@host:port?tls=true` or `smtps://…`, as `config` has checked it."""
        parts = urlsplit(url)
        host, at_once = parts.hostname or "", parts.scheme == "smtps"
        # A password does not cross a network that anybody may listen to, unless somebody says so.
        guarded = parts.username is not None and host not in ("localhost", "127.0.0.1", "::1")
        tls = at_once or (parts.query != "tls=false" and (guarded or parts.query == "tls=true"))
        return cls(
            host=host,
            port=parts.port or _PORTS[parts.scheme, tls],
            at_once=at_once,
            tls=tls,
            user=unquote(parts.username) if parts.username is not None else None,
            password=unquote(parts.password or ""),
        )


class Mailer:
    """Sends letters from one sender through one server. Safe to use from many threads at once.

    `sender`: an address with or without a name. `deadline`: seconds for a whole call. `abort_after`: seconds a call may
    still take once we are told to stop. `authorities`: a PEM file to trust besides the usual ones.
    """

    def __init__(
        self,
        url: str,
        sender: str,
        *,
        deadline: float = DEADLINE,
        abort_after: float = ABORT_AFTER,
        authorities: str | None = None,
        now: Callable[[], datetime] = utcnow,
    ) -> None:
        self._server = MailServer.of(url)
        self._sender = sender
        self._from = parseaddr(sender)[1]
        self._domain = self._from.rpartition("@")[2]
        self._deadline = deadline
        self._abort_after = abort_after
        self._now = now
        self._trust = ssl.create_default_context() if self._server.tls else None
        if self._trust is not None and authorities is not None:
            self._trust.load_verify_locations(authorities)

    def send(self, letter: Letter, *, stop: threading.Event | None = None) -> Proof:
        """Send one letter. Returns the proof that the server took it, else raises `MailUnavailable` or `MailRefused`.

        One that cannot be put into a message is refused too, with nothing sent.
        """
        message = self.as_bytes(letter)
        call = _Call(self._now(), letter.to)
        if stop is not None and stop.is_set():
            raise MailUnavailable(Proof(call.started_at, error="stopped before the call began"))
        with Watch(self._deadline, stop=stop, abort_after=self._abort_after) as watch:
            try:
                self._deliver(letter, message, call, watch)
            except (OSError, smtplib.SMTPException, UnicodeError) as problem:
                call.error = call.error or _words(problem, watch, self._deadline)
        return call.end(watch)

    def as_bytes(self, letter: Letter) -> bytes:
        """The message as it is sent: lines end with CRLF, 7 bits unless the address itself is international.

        Raises `MailRefused` for an address that is none, and for a header of more than one line.
        """
        if not is_address(letter.to):
            raise self._refused("not an email address")
        plain = all(part.isascii() and part.isprintable() for part in (letter.id, letter.unsubscribe))
        if not plain or not is_one_line(letter.subject):
            raise self._refused("a header has one line")
        headers = self._headers(letter)
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()
        if BytesHeaderParser().parsebytes(head).keys() != list(headers):
            raise self._refused("its headers would not be read as they are meant")
        return head + b"\r\n" + _quoted_printable(letter.text)

    def _headers(self, letter: Letter) -> dict[str, str]:
        """The headers as they are written. The library's own message is no help here: what is assigned to it is read
        for encoded words, so that a name can begin new headers; and it breaks addresses that are longer than a line.
        """
        return {
            "Message-ID": f"<{letter.id}@{self._domain}>",
            **_unsubscribing(letter),
            "From": formataddr((parseaddr(self._sender)[0], self._from)),
            "To": _on_the_wire(letter.to),
            "Subject": Header(letter.subject, "utf-8", header_name="Subject").encode(linesep="\r\n"),
            "Date": format_datetime(self._now()),
            **({"Auto-Submitted": "auto-generated"} if letter.automatic else {}),
            "MIME-Version": "1.0",
            "Content-Type": 'text/plain; charset="utf-8"',
            "Content-Transfer-Encoding": "quoted-printable",
        }

    def _refused(self, words: str) -> MailRefused:
        return MailRefused(Proof(self._now(), error=words))

    def _deliver(self, letter: Letter, message: bytes, call: _Call, watch: Watch) -> None:
        address = _on_the_wire(letter.to)
        server = _SMTP(watch, self._domain, self._trust if self._server.at_once else None)
        try:
            self._enter(server, call)
            options = [] if address.isascii() else ["SMTPUTF8", "BODY=8BITMIME"]
            if options and not server.has_extn("smtputf8"):
                call.refuse("the mail server takes no international addresses")
            call.ask(server.mail(self._from, options))
            call.ask(server.rcpt(address))
            call.ask(server.docmd("DATA"), wanted=354)
            server.send(_dotted(message))
            # From here on the server may have it, whatever we hear; before, it cannot have seen the end of it.
            call.written = True
            call.accepted(server.getreply())
        finally:
            server.leave()

    def _enter(self, server: _SMTP, call: _Call) -> None:
        call.need(server.connect(self._server.host, self._server.port), "when called")
        call.need(server.ehlo(), "to EHLO")
        if self._server.tls and not self._server.at_once:
            if not server.has_extn("starttls"):
                raise smtplib.SMTPException("the mail server offers no TLS")
            server.starttls(context=self._trust)
            call.need(server.ehlo(), "to EHLO")
        if self._server.user is not None:
            _log_in(server, self._server)


class _Refused(smtplib.SMTPException):
    """The server will not take this message."""


class _Call:
    """What has been heard of one message so far; a call that breaks off keeps what it has."""

    def __init__(self, started_at: datetime, recipient: str) -> None:
        self.written = False
        self.error: str | None = None
        self.started_at = started_at
        self._recipient = recipient
        self._refused = False
        self._status: int | None = None
        self._answer = b""

    def ask(self, reply: tuple[int, bytes], wanted: int = 250) -> None:
        """Go on if the server agrees. Raises SMTPException for a no, which a 5XX is for good."""
        status = reply[0]
        if status == wanted or (wanted == 250 and status == 251):
            return
        self._heard(reply)
        if 500 <= status <= 599:
            self.refuse(f"answered {status}")
        raise smtplib.SMTPException(f"answered {status}")

    def accepted(self, reply: tuple[int, bytes]) -> None:
        """Take note of the answer to the whole message."""
        self.ask(reply)
        self._heard(reply)

    def need(self, reply: tuple[int, bytes], moment: str) -> None:
        """Go on if the server lets us in; its no is not about this message, and may pass."""
        if not 200 <= reply[0] <= 299:
            self._heard(reply)
            raise smtplib.SMTPException(f"answered {reply[0]} {moment}")

    def refuse(self, words: str) -> NoReturn:
        self._refused = True
        raise _Refused(words)

    def end(self, watch: Watch) -> Proof:
        """The proof. Raises `MailRefused` or `MailUnavailable` with it where the message was not taken."""
        proof = Proof(
            started_at=self.started_at,
            duration_ms=round(watch.elapsed() * 1000),
            status=self._status,
            answer=clean(_without(self._recipient, self._answer.decode("utf-8", errors="replace"))[:KEPT_OF_ANSWER]),
            error=self.error,
            connected=self.written,
        )
        if self.error is None:
            return proof
        raise (MailRefused if self._refused else MailUnavailable)(proof)

    def _heard(self, reply: tuple[int, bytes]) -> None:
        status, answer = reply
        if status < 0:
            raise smtplib.SMTPException("the answer is not SMTP")
        self._status, self._answer = status, answer


class _SMTP(smtplib.SMTP):
    """A connection that `watch` knows from before it is made. `trust`: TLS from the first byte."""

    def __init__(self, watch: Watch, own_name: str, trust: ssl.SSLContext | None) -> None:
        self._watch = watch
        self._trust = trust
        super().__init__(local_hostname=own_name, timeout=watch.remaining())

    def connect(self, host: str = "", port: int = 0, source_address: Any = None) -> tuple[int, bytes]:
        self._host = host  # what `starttls` looks for in the certificate
        return super().connect(host, port)

    def _get_socket(self, host: str, port: int, _timeout: float) -> socket.socket:
        made = self._watch.connect(host, port)
        if self._trust is None:
            return made
        try:
            return self._trust.wrap_socket(made, server_hostname=host)
        except BaseException:
            made.close()
            raise

    def getreply(self) -> tuple[int, bytes]:
        """One reply: its status, -1 where it has none, and its words. The library's would read one without end."""
        connected: Any = self.sock
        self.file = self.file or connected.makefile("rb")
        said: list[bytes] = []
        size = 0
        while len(said) < MOST_LINES_OF_REPLY and size < LONGEST_REPLY:
            line = self._line(self.file, LONGEST_REPLY - size)
            said.append(line[4:].strip())
            size += len(line)
            status = int(line[:3]) if line[:3].isdigit() else -1
            if status < 0 or line[3:4] != b"-":
                return status, b"\n".join(said)
        self.close()
        raise smtplib.SMTPException("the mail server's answer does not end")

    def _line(self, stream: BinaryIO, longest: int) -> bytes:
        try:
            line = stream.readline(longest)
        except OSError:
            line = b""
        if not line:
            self.close()
            raise smtplib.SMTPServerDisconnected
        return line

    def leave(self) -> None:
        """Say goodbye without waiting for an answer: what was taken stays taken."""
        with contextlib.suppress(OSError, smtplib.SMTPException):
            self.putcmd("QUIT")
        self.close()


def _unsubscribing(letter: Letter) -> dict[str, str]:
    if not letter.unsubscribe:
        return {}
    one_click = {"List-Unsubscribe-Post": "List-Unsubscribe=One-Click"} if letter.one_click else {}
    return {"List-Unsubscribe": f"<{letter.unsubscribe}>", **one_click}


def _log_in(server: _SMTP, known: MailServer) -> None:
    try:
        server.login(known.user or "", known.password)
    except smtplib.SMTPAuthenticationError as problem:
        # Not refused for good: once the setting is mended, what waits goes out by itself.
        raise smtplib.SMTPException(f"the mail server refused the log-in ({problem.smtp_code}); see MAIL_URL") from None


def _on_the_wire(address: str) -> str:
    """`address`, which is one, with its domain as DNS knows it."""
    local, _, domain = address.rpartition("@")
    return address if address.isascii() else f"{local}@{ascii_host(domain)}"


def _quoted_printable(text: str) -> bytes:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n") + "\n"
    return binascii.b2a_qp(lines.encode()).replace(b"\n", b"\r\n")


def _without(recipient: str, answer: str) -> str:
    """`answer` without the applicant's address, or the part before the @, which servers like to repeat."""
    known = (recipient, _on_the_wire(recipient), recipient.rpartition("@")[0])
    parts = "|".join(re.escape(part) for part in known)
    return re.sub(rf"(?<!\w)(?:{parts})(?!\w)", RECIPIENT, answer, flags=re.IGNORECASE)


def _dotted(message: bytes) -> bytes:
    """The message as DATA takes it: a dot doubled where it begins a line, and one alone at the end."""
    return re.sub(rb"(?m)^\.", b"..", message) + b".\r\n"


_WORDS: Final[tuple[tuple[type[BaseException], str], ...]] = (
    (socket.gaierror, "host name not found"),
    (ConnectionRefusedError, "connection refused"),
    (ssl.SSLCertVerificationError, "certificate not trusted"),
    (ssl.SSLError, "TLS failed"),
    (smtplib.SMTPServerDisconnected, "connection closed without an answer"),
    (ConnectionError, "connection reset"),
    (TimeoutError, "no connection"),
    (UnicodeError, "the log-in in MAIL_URL has characters that the mail server cannot be told"),
)


def _words(problem: BaseException, watch: Watch, deadline: float) -> str:
    """What went wrong, without anything that anybody said."""
    if watch.cut is Cut.STOPPED:
        return "stopped before the answer was complete"
    # Its socket gives up at the same moment, and may be the first to say so.
    if watch.cut is Cut.DEADLINE or watch.elapsed() >= deadline:
        return f"no answer within {deadline:g} s"
    for kind, words in _WORDS:
        if isinstance(problem, kind):
            return words
    if isinstance(problem, smtplib.SMTPResponseException):
        return f"answered {problem.smtp_code}"
    if isinstance(problem, OSError) and problem.errno:
        return os.strerror(problem.errno).lower()
    return str(problem)
