"""When each secret of the settings last proved something: one that proves nothing any more can be retired."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from sqlalchemy.orm import Session

from config import Config
from dashboard.database import insert_into
from dashboard.models import SecretUse

WEBHOOK: Final = "TALROO_WEBHOOK_SECRETS"
APP_CLIENT: Final = "TALROO_CLIENT_SECRET"
CLICKS: Final = "CLICK_API_TOKEN"
METRICS: Final = "METRICS_TOKEN"
MAIL: Final = "MAIL_URL"

RETIRE_AFTER: Final = timedelta(days=7)
"""An old webhook secret that proved nothing for so long, while a newer one did, is needed no more: Talroo repeats a
delivery for 16 hours."""

Uses = Mapping[tuple[str, str], datetime]
"""By setting and fingerprint: when it last proved something."""


@lru_cache(maxsize=64)
def fingerprint(secret_key: str, setting: str, secret: str) -> str:
    """What a secret is called on pages: keyed, so that it helps nobody to guess the secret. 8 hex digits."""
    key = hmac.digest(secret_key.encode(), b"what secrets are called", "sha256")
    return hmac.digest(key, f"{setting}\0{secret}".encode(), "sha256").hex()[:8]


def note(session: Session, uses: Uses) -> None:
    """Write down when secrets were used. The caller has begun to write, and commits."""
    rows = [
        {"setting": setting, "fingerprint": name, "first_at": at, "last_at": at}
        for (setting, name), at in sorted(uses.items())
    ]
    if rows:
        session.execute(_noting(session.get_bind().dialect.name), rows)


@dataclass(frozen=True, slots=True)
class Known:
    """A secret of the settings as pages tell of it: never itself. `advice`: what its use means, in words."""

    setting: str
    which: str
    fingerprint: str
    last_at: datetime | None
    advice: str
    can_go: bool = False


def known(config: Config, uses: Uses, now: datetime) -> list[Known]:
    """Every secret that is set, and when it last proved something."""
    webhook = [(secret, _last(config, uses, WEBHOOK, secret)) for secret in config.talroo_webhook_secrets]
    found = [_of_webhook(config, number, webhook, now) for number in range(len(webhook))]
    for setting, value, what in (
        (APP_CLIENT, config.talroo_client_secret, "Talroo last issued a token for it"),
        (MAIL, mail_log_in(config), "the email server last accepted an email with it"),
        (CLICKS, config.click_api_token, "a click was last converted with it"),
        (METRICS, config.metrics_token, "the figures were last read with it"),
    ):
        if value:
            last_at = _last(config, uses, setting, value)
            advice = f"That is when {what}." if last_at else "Not used yet."
            found.append(Known(setting, "", fingerprint(config.secret_key, setting, value), last_at, advice))
    return found


def mail_log_in(config: Config) -> str | None:
    """`MAIL_URL`, if there is a log-in in it."""
    return config.mail_url if config.mail_url and "@" in config.mail_url else None


def _last(config: Config, uses: Uses, setting: str, secret: str) -> datetime | None:
    return uses.get((setting, fingerprint(config.secret_key, setting, secret)))


def _of_webhook(config: Config, number: int, secrets: Sequence[tuple[str, datetime | None]], now: datetime) -> Known:
    secret, last_at = secrets[number]
    newer = [at for _, at in secrets[:number] if at]
    idle = last_at is None or now - last_at > RETIRE_AFTER
    can_go = bool(newer) and idle
    if can_go:
        advice = "Remove it from the setting: Talroo signs with a newer one."
    elif number == 0 and last_at is None:
        waits = any(at for _, at in secrets)
        advice = (
            "Talroo does not use it yet. Keep the older one until then."
            if waits
            else "Talroo has not signed with it yet."
        )
    elif number:
        advice = "Keep it. Talroo may still sign with it."
    else:
        advice = "That is when a delivery was last signed with it."
    which = f"{number + 1} of {len(secrets)}{', the newest' if number == 0 else ''}" if len(secrets) > 1 else ""
    return Known(WEBHOOK, which, fingerprint(config.secret_key, WEBHOOK, secret), last_at, advice, can_go)


def _noting(dialect: str) -> Any:
    statement = insert_into(dialect, SecretUse)
    return statement.on_conflict_do_update(
        index_elements=["setting", "fingerprint"], set_={"last_at": statement.excluded.last_at}
    )
