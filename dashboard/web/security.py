"""Who is asking, whether they may, and the headers that keep a page to itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask import Flask, abort, current_app, redirect, request, url_for
from flask_login import UserMixin, current_user
from werkzeug.wrappers import Response

from dashboard import ledger, logs
from dashboard.clock import utcnow
from dashboard.extensions import db, login_manager
from dashboard.models import Role, User
from dashboard.models.outbound import Channel
from dashboard.outbound_words import counted_at
from dashboard.permissions import PUBLIC, Permission, allows
from dashboard.reach import NOBODY
from dashboard.services import accounts
from dashboard.services.accounts import Caller
from dashboard.web import errors
from dashboard.web.edge import notebook

log = logs.lines(__name__)

REPORTS: Final = "/csp-reports"
"""Where browsers say what they refused: `web/violations.py`."""
# Trusted Types: text becomes HTML by the one policy of app.js (htmx needs it), and a script or its address never.
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; font-src 'self'; "
    "manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    f"require-trusted-types-for 'script'; trusted-types default; report-uri {REPORTS}"
)
HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}
# The newer way of reporting, which works over https alone; a browser that knows it would not use the older one besides.
_OVER_HTTPS: Final = {
    "Content-Security-Policy": f"{CONTENT_SECURITY_POLICY}; report-to pages; upgrade-insecure-requests",
    "Reporting-Endpoints": f'pages="{REPORTS}"',
}
# Sent with each of a page's dozen files, which are no documents: only what tells a browser not to take them for some.
STATIC_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    **{name: HEADERS[name] for name in ("X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy")},
    "Cross-Origin-Resource-Policy": "same-origin",
}
# People's data: a shared computer's back button must not show it after signing out.
PRIVATE_HEADERS: Final = {**HEADERS, "Cache-Control": "no-store"}
_HSTS: Final = {"Strict-Transport-Security": "max-age=31536000; includeSubDomains"}

BY_ITSELF: Final = "X-By-Itself"
"""The header by which static/js/app.js says that a page asks by itself: no session lives by it."""
OIDC: Final = "oidc"
"""`LoginSession.how` of whoever came by the word of the OpenID provider, which named no second factor."""
OIDC_FACTOR: Final = "oidc_factor"
"""The same, and it named one."""
OIDC_CODE: Final = "oidc_code"
"""The same, and it named none, so that ours was asked for."""
SETTING_UP: Final = frozenset({"second_factor.index", "second_factor.start", "second_factor.confirm", "session.logout"})
"""All that there is for whoever must set up a second factor first."""

_COUNTED: Final[Mapping[str, tuple[Channel, ...]]] = {
    permission: counted_at(permission) for permission in Permission if counted_at(permission)
}
"""Which channels' failing rows each entry of the navigation shows."""


class SignedIn(UserMixin):  # type: ignore[misc]
    """The user of this request. `get_id` is the session's token, so that revoking its row signs out."""

    def __init__(self, user: User | Caller, token: str, failing: Mapping[str, int] | None = None) -> None:
        self.id, self.public_id, self.email = user.id, user.public_id, user.email
        self.role, self.role_label = user.role, Role(user.role).label
        self.single_keys = user.single_keys
        self.unread_mentions = user.unread_mentions if isinstance(user, Caller) else 0
        self.has_second_factor = user.totp_since is not None
        self.how = user.how if isinstance(user, Caller) else None
        self.began = user.session_began if isinstance(user, Caller) else None
        self.reach = user.reach if isinstance(user, Caller) else NOBODY
        """How far they see, as of this request."""
        self.token = token
        self.failing = failing
        """By permission, what the navigation shows as needing attention; None where nothing was counted."""

    @property
    def must_set_up(self) -> bool:
        """Whether their role wants a second factor that they have not, and that no provider asked for either."""
        wanted = self.role in current_app.config["SETTINGS"].totp_required_roles
        return wanted and not self.has_second_factor and self.how != OIDC_FACTOR

    def get_id(self) -> str:
        return self.token


def init_app(app: Flask) -> None:
    login_manager.session_protection = None  # our sessions are rows, and a phone changes its address all day
    login_manager.user_loader(_signed_in)
    app.before_request(_guard)
    app.after_request(_protect)
    app.context_processor(_globals)


def _signed_in(token: str) -> SignedIn | None:
    # What is asked for may be a page, which shows the navigation; what is sent gets none, or counts for itself.
    counts = ledger.failing_counts(tuple(_COUNTED.values())) if request.method == "GET" else ()
    now = utcnow()
    found = accounts.signed_in(db.session(), token, now=now, beside=counts)
    if found is None:
        return None
    user, failing = found
    until = user.prolonged(now)
    if until and BY_ITSELF not in request.headers:
        notebook().used(accounts.hashed_token(token), until)
    # Whoever is limited has rows of their own to count, which nobody could know before.
    are_theirs = counts and not user.reach.is_limited
    return SignedIn(user, token, dict(zip(_COUNTED, failing, strict=True)) if are_theirs else None)


def _guard() -> Response | None:
    """Deny by default: a view without a permission is reached by nobody."""
    if request.endpoint is None:
        return None
    needed = getattr(current_app.view_functions[request.endpoint], "needs", None)
    if needed == PUBLIC:
        return None
    if not current_user.is_authenticated:
        return _ask_to_sign_in()
    if current_user.must_set_up and request.endpoint not in SETTING_UP:
        return _lead_to_setting_up()
    if needed is None or not allows(current_user.role, needed):
        log.warning("not permitted", endpoint=request.endpoint, needs=needed, user=current_user.public_id)
        abort(403)
    return None


def _lead_to_setting_up() -> Response:
    if not _wants_page():
        abort(403)
    return redirect(url_for("second_factor.index"))


def _ask_to_sign_in() -> Response:
    if not _wants_page():
        abort(401)
    if request.method != "GET":
        words = errors.written()
        return errors.page(401, *errors.SIGN_IN, words) if words else redirect(url_for("session.login"))
    return redirect(url_for("session.login", next=request.full_path.rstrip("?")))


def _wants_page() -> bool:
    best = request.accept_mimetypes.best_match(["text/html", "application/json", "text/csv"], default="text/html")
    return best == "text/html" and not request.path.endswith((".csv", ".json"))


def _protect(response: Response) -> Response:
    # One pass over what is there: `setdefault` reads all headers again for each of ours, on every delivery.
    there = {name.lower() for name in response.headers.keys()}  # noqa: SIM118
    response.headers.extend({name: value for name, value in _headers(response).items() if name.lower() not in there})
    return response


def _headers(response: Response) -> dict[str, str]:
    strict = _HSTS if current_app.config["SETTINGS"].is_https else {}
    if request.endpoint == "static" and response.status_code < 400:  # that there is no such file is said by a page
        return STATIC_HEADERS | strict
    return PRIVATE_HEADERS | strict | (_OVER_HTTPS if request.is_secure else {})


def _globals() -> dict[str, Any]:
    settings = current_app.config["SETTINGS"]
    return {
        "may": _may,
        "sandbox": settings.sandbox,
        "sandbox_url": settings.dashboard_sandbox_url,
        "nav_badges": _badges,
        "oidc_label": settings.oidc_label if settings.oidc_issuer else None,
    }


def _badges() -> tuple[tuple[str, int], ...]:
    """Numbers in the navigation by permission. They come with who is signed in, or are counted when asked for."""
    if current_user.failing is None:
        current_user.failing = ledger.failing(db.session(), _COUNTED, current_user.reach)
    return tuple(current_user.failing.items())


def _may(permission: str) -> bool:
    return current_user.is_authenticated and allows(current_user.role, permission)
