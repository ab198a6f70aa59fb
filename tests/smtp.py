"""A mail server on a real loopback socket: aiosmtpd where it behaves, a script of replies where it must go wrong.

with MailServer() as server:
    ...send to server.url...
    assert server.mails[0]["Subject"] == "Hello"

with BrokenMailServer(["220 hi", "250 ok", "reset"]) as server: ...
"""

from __future__ import annotations

import contextlib
import email
import email.policy
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.infrastructure.ports import free_port


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail as it was taken: the envelope's addresses, and the message."""

    sender: str
    to: tuple[str, ...]
    raw: bytes
    user: str | None
    was_encrypted: bool

    @property
    def message(self) -> EmailMessage:
        return email.message_from_bytes(self.raw, policy=email.policy.default)  # type: ignore[return-value]

    @property
    def text(self) -> str:
        return self.message.get_content()


class MailServer:
    """Takes every mail, and keeps it. `answer`: what DATA is answered instead, given the mail.

    `log_in`: the user and password that are wanted. `starttls`, `tls`: encrypted on request, or at once.
    """

    def __init__(
        self,
        *,
        answer: Callable[[Mail], str | None] = lambda _: None,
        refused: Sequence[str] = (),
        log_in: tuple[str, str] | None = None,
        starttls: ssl.SSLContext | None = None,
        tls: ssl.SSLContext | None = None,
        international: bool = True,
    ) -> None:
        self.mails: list[Mail] = []
        self._answer, self._refused, self._log_in = answer, refused, log_in
        options: dict[str, Any] = {"tls_context": starttls, "enable_SMTPUTF8": international, "ident": "test"}
        if log_in:
            options |= {"authenticator": self._authenticate, "auth_require_tls": bool(starttls)}
        self._controller = Controller(
            self,
            hostname="127.0.0.1",
            port=free_port(),
            ssl_context=tls,
            server_hostname="mail.test",
            ready_timeout=60,
            **options,
        )
        self.address = f"127.0.0.1:{self._controller.port}"
        self.url = f"smtp://{self.address}"

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    async def handle_RCPT(self, _s: SMTP, _session: Session, envelope: Envelope, address: str, _o: list[str]) -> str:  # noqa: N802 - aiosmtpd's name
        for line in self._refused:
            if address in line:
                return line
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        user = session.auth_data.decode() if isinstance(session.auth_data, bytes) else session.auth_data
        mail = Mail(
            envelope.mail_from or "", tuple(envelope.rcpt_tos), envelope.content or b"", user, bool(session.ssl)
        )
        said = self._answer(mail)
        if said is None or said.startswith("250"):
            self.mails.append(mail)
        return said or "250 2.0.0 taken as number 1"

    def _authenticate(self, _s: SMTP, _session: Session, _e: Envelope, _mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        given = data.login.decode(), data.password.decode()
        return AuthResult(success=given == self._log_in, handled=False, auth_data=given[0])


Step = str | float
"""A reply's line, a part of one ending in `…`; or "reset", "close", "silent", or "drip" (a reply byte by byte)."""


class BrokenMailServer:
    """Says the steps of a script to one caller after the other, one for each thing the caller says, the first at once.

    While a message comes in, everything up to the dot counts as one thing.
    """

    def __init__(self, script: Iterable[str], *, drip: float = 0.2) -> None:
        self._script = list(script)
        self._drip = drip
        self._over = threading.Event()
        self._bound = socket.create_server(("127.0.0.1", 0))
        self._bound.settimeout(0.02)
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self.heard: list[bytes] = []
        self.url = f"smtp://127.0.0.1:{self._bound.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(10)
        self._bound.close()

    def _accept(self) -> None:
        while not self._over.is_set():
            with contextlib.suppress(TimeoutError):
                connection, _ = self._bound.accept()
                thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(10)
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as stream:
            in_message = False
            for number, step in enumerate(self._script):
                if number:
                    self.heard.append(self._listen(stream, in_message=in_message))
                in_message = step.startswith("354")
                if not self._say(connection, step):
                    return

    def _listen(self, stream: Any, *, in_message: bool) -> bytes:
        said = stream.readline()
        while in_message and said and not said.endswith(b"\r\n.\r\n") and said != b".\r\n":
            said += stream.readline()
        if not said:
            raise ConnectionAbortedError
        return said

    def _say(self, connection: socket.socket, step: str) -> bool:
        """Whether to go on."""
        if step == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if step in ("reset", "close"):
            return False
        if step == "silent":
            self._over.wait(60)
            return False
        if step == "drip":
            return self._drip_a_reply(connection)
        connection.sendall(f"{step}\r\n".encode())
        return True

    def _drip_a_reply(self, connection: socket.socket) -> bool:
        for byte in b"250-" + b"x" * 200:
            connection.sendall(bytes([byte]))
            if self._over.wait(self._drip):
                return False
        return True
