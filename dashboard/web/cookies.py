"""A browser's two cookies: one says who is signed in, the other what was said in passing, for the next page.

Of two answers at once, the one that arrives last decides what a browser keeps. Many set a cookie to say something
("Moved to Hired"); did that one hold the session's token, too, an answer begun before the token was renewed would bring
the old one back, and sign the browser out. So each is sent only by answers that changed it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from flask import Flask, Request, request
from flask import Response as FlaskResponse
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from itsdangerous import BadSignature, URLSafeTimedSerializer

from dashboard.web import static_files

SAID: Final = "_said"
"""After the name of the cookie that signs in."""
_OF_SIGNING_IN: Final = frozenset({"_user_id", "_fresh", "_id", "_permanent", "csrf_token"})
"""What the first one holds. A form's token is there since it must be as hard to plant as a session."""


def init_app(app: Flask) -> None:
    app.session_interface = _TwoCookies()


class _Session(SecureCookieSession):
    """What both cookies held; and what the first did as it came, and whether there was a second."""

    def __init__(self, own: Mapping[str, Any], said: Mapping[str, Any]) -> None:
        super().__init__({**said, **own})
        self.came, self.said_before = dict(own), bool(said)


class _TwoCookies(SecureCookieSessionInterface):
    """Signed with SHA-256: Flask's own is SHA-1."""

    digest_method = staticmethod(hashlib.sha256)

    def __init__(self) -> None:
        self._serializer: URLSafeTimedSerializer | None = None

    # Flask makes one for each cookie that it reads or writes.
    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        self._serializer = self._serializer or super().get_signing_serializer(app)
        return self._serializer

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession:
        name = self.get_cookie_name(app)
        own, said = (self._read(app, request.cookies.get(cookie)) for cookie in (name, name + SAID))
        return _Session(_parted(own)[0], _parted(said)[1])

    def save_session(self, app: Flask, session: SessionMixin, response: FlaskResponse) -> None:
        if request.endpoint == static_files.ENDPOINT:
            return  # files belong to no session: if they varied by cookie, browsers would ask anew with each
        if session.accessed:
            response.vary.add("Cookie")
        if not session.modified or not isinstance(session, _Session):
            return
        name, (own, said) = self.get_cookie_name(app), _parted(session)
        if own != session.came:
            self._send(app, response, name, own, expires=self.get_expiration_time(app, session))
        if said or session.said_before:
            self._send(app, response, name + SAID, said)

    def _read(self, app: Flask, value: str | None) -> dict[str, Any]:
        if not value:
            return {}
        try:
            kept = self._signer(app).loads(value, max_age=int(app.permanent_session_lifetime.total_seconds()))
        except BadSignature:
            return {}
        return dict(kept)

    def _send(self, app: Flask, response: FlaskResponse, name: str, held: Mapping[str, Any], **until: Any) -> None:
        """Have the browser keep it, or keep nothing where there is nothing."""
        guarded: dict[str, Any] = {
            "httponly": self.get_cookie_httponly(app),
            "secure": self.get_cookie_secure(app),
            "samesite": self.get_cookie_samesite(app),
            "path": self.get_cookie_path(app),
        }
        if held:
            response.set_cookie(name, self._signer(app).dumps(held), **guarded, **until)
        else:
            response.delete_cookie(name, **guarded)
        response.vary.add("Cookie")

    def _signer(self, app: Flask) -> Any:
        return self.get_signing_serializer(app)


def _parted(held: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What says who is signed in, and the rest."""
    own = {name: value for name, value in held.items() if name in _OF_SIGNING_IN}
    return own, {name: value for name, value in held.items() if name not in own}
