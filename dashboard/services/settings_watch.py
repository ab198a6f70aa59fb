"""The settings of the environment: that one was changed is noted in the audit log, by its name alone.

The log itself keeps what they were, as digests that nobody can reverse without `SECRET_KEY`.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from config import Config
from dashboard import audit_list
from dashboard.audit_actions import Action
from dashboard.database import start_writing
from dashboard.models import AuditHead
from dashboard.services import audit
from dashboard.services.audit import Subject

ENVIRONMENT: Final = Subject("environment", "environment")

_LENGTH: Final = 12
"""Hexadecimal digits of a digest: that two settings share one by chance is as good as impossible."""


def note_changes(session: Session, config: Config, *, now: datetime) -> Sequence[str]:
    """Compare the settings with those noted last; note and return the names of those that differ. Commits.

    The first time, what there is is noted as it is, and no name.
    """
    secrets = config.secrets
    if _changed(_noted(session), config, secrets) == ():
        return ()
    session.rollback()
    start_writing(session)
    # Several workers start at once: the others wait here, and then find it noted.
    session.execute(select(AuditHead).with_for_update()).all()
    changed = _changed(_noted(session), config, secrets)
    if changed != ():
        told: dict[str, Any] = {"settings": list(changed)} if changed else {"first": 1}
        told |= {"key": _digest(secrets[0], "", ""), "digests": _digests(config, secrets[0])}
        audit.note(session, Action.SETTINGS_CHANGED, at=now, subject=ENVIRONMENT, **told)
    session.commit()
    return changed or ()


def _noted(session: Session) -> Mapping[str, Any]:
    return audit_list.last_details(session, Action.SETTINGS_CHANGED, subject_id=ENVIRONMENT.id)


def _changed(noted: Mapping[str, Any], config: Config, secrets: Sequence[str]) -> tuple[str, ...] | None:
    """The names of those that differ; None where nothing was noted before."""
    if not noted:
        return None
    key = next((secret for secret in secrets if _digest(secret, "", "") == noted["key"]), None)
    if key is None:
        return ("SECRET_KEY",)  # what else was changed with it, nobody can tell any more
    # What a release brought stood at its default before.
    before = _digests(Config(secret_key=config.secret_key), key) | noted["digests"]
    return tuple(name for name, digest in _digests(config, key).items() if before.get(name) != digest)


def _digests(config: Config, secret: str) -> dict[str, str]:
    names = (setting.name for setting in fields(config))
    return {name.upper(): _digest(secret, name, _told(getattr(config, name))) for name in names}


def _told(value: Any) -> str:
    return repr(sorted(value.items()) if isinstance(value, Mapping) else value)


def _digest(secret: str, name: str, value: str) -> str:
    key = hmac.digest(secret.encode(), b"what the settings were", "sha256")
    return hmac.new(key, f"{name}\0{value}".encode(), "sha256").hexdigest()[:_LENGTH]
