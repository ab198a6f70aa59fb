"""A mail server on loopback that takes every mail and delivers none, so that reminders can be tried out."""

from __future__ import annotations

import email
import email.policy
from typing import Final

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from dashboard.sandbox.received import Received

_LONGEST_TEXT: Final = 20_000
_READY_WITHIN: Final = 60
"""Seconds, where the machine is busy starting everything else."""


class Mailbox:
    """Notes in `received` what is sent to `smtp://host:port`. Port 0 is not possible here. Stopping takes no time."""

    def __init__(self, host: str, port: int, received: Received) -> None:
        self._received = received
        self._controller = Controller(
            self,
            hostname=host,
            port=port,
            server_hostname="sandbox.example",
            ident="sandbox",
            ready_timeout=_READY_WITHIN,
        )

    def start(self) -> None:
        """Begin to listen. Raises OSError where the port is taken."""
        self._controller.start()

    def stop(self) -> None:
        self._controller.stop(no_assert=True)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        """Take a mail."""
        content = envelope.content or b""
        raw = content if isinstance(content, bytes) else content.encode()
        message = email.message_from_bytes(raw, policy=email.policy.default)
        text = message.get_body(("plain",))
        self._received.mail(
            to=", ".join(envelope.rcpt_tos),
            sender=str(message["From"] or envelope.mail_from),
            subject=str(message["Subject"] or ""),
            text=str(text.get_content()).replace("\r\n", "\n")[:_LONGEST_TEXT] if text else "",
            unsubscribe=str(message["List-Unsubscribe"] or "").strip("<> "),
        )
        return "250 taken; this mail server keeps what it gets"
