"""People who want no reminders. Known by a keyed hash of their email address, which outlives their data.

The key is made from `SECRET_KEY`. When that is replaced, `SECRET_KEY_RETIRED` holds the old ones: what was noted or
signed with them still counts.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from itsdangerous import BadSignature, Signer
from sqlalchemy import ScalarSelect, func, select, update
from sqlalchemy.orm import Session

from dashboard.database import insert_or_ignore
from dashboard.models import Application, FollowUp, Job, OptOut, Outbound
from dashboard.models.outbound import Channel, State
from dashboard.person_keys import email_key
from dashboard.services.queueing import UNSENT

OPTED_OUT_WORDS: Final = "They opted out of messages."
BY_PERSON: Final = "person"
"""`OptOut.how` of what an HR administrator noted; what applicants ask for themselves takes its place."""

_HASH_PURPOSE: Final = b"opt-out: e-mail address"
_TOKEN_PURPOSE: Final = b"opt-out: unsubscribe link"


@dataclass(frozen=True, slots=True)
class Unsubscribing:
    """What an unsubscribe link says: whose (the hash) and in which mail it stood (the public id of its outbox row)."""

    email_hash: str
    outbound: str


def hashed(email: str, secret: str) -> str:
    """The keyed hash of an email address, folded for comparing: 64 hexadecimal digits."""
    key = hmac.digest(secret.encode(), _HASH_PURPOSE, "sha256")
    return hmac.new(key, (email_key(email) or "").encode(), hashlib.sha256).hexdigest()


def token(email: str, outbound: str, secret: str) -> str:
    """What stands at the end of an unsubscribe link. It never expires, and nothing in it can be read as a person."""
    return _signer(secret).sign(f"{hashed(email, secret)}.{outbound}").decode()


def read_token(given: str, secrets: Sequence[str]) -> Unsubscribing | None:
    """What the link says, signed by any of `secrets`; None for one that we did not make."""
    for secret in secrets:
        try:
            words = _signer(secret).unsign(given.encode()).decode()
        except (BadSignature, UnicodeError):
            continue
        email_hash, _, outbound = words.partition(".")
        return Unsubscribing(email_hash, outbound)
    return None


def is_opted_out(session: Session, email: str, secrets: Sequence[str]) -> bool:
    """Whether this person has asked for no reminders, whenever and under whichever of `secrets` it was noted."""
    hashes = [hashed(email, secret) for secret in secrets]
    return session.scalar(select(OptOut.email_hash).where(OptOut.email_hash.in_(hashes)).limit(1)) is not None


def noted(session: Session, emails: Iterable[str], secrets: Sequence[str]) -> dict[str, set[str]]:
    """Of these people those who want no reminders, with all the ways (`OptOut.how`) in which that was noted."""
    whose = {hashed(email, secret): email for email in emails for secret in secrets}
    found: dict[str, set[str]] = {}
    for email_hash, how in session.execute(select(OptOut.email_hash, OptOut.how).where(OptOut.email_hash.in_(whose))):
        found.setdefault(whose[email_hash], set()).add(how)
    return found


def ways(email: str, secrets: Sequence[str]) -> tuple[ScalarSelect[str], ScalarSelect[str]]:
    """The first and the last way, by the alphabet, in which one person's was noted, as columns of a statement."""
    own = OptOut.email_hash.in_([hashed(email, secret) for secret in secrets])
    return tuple(select(one(OptOut.how)).where(own).scalar_subquery() for one in (func.min, func.max))  # type: ignore[return-value]


def opted_out_before(session: Session, email: str | None) -> datetime | None:
    """When this person opted out, as far as another follow-up of theirs tells. For follow-ups that begin."""
    key = email_key(email)
    if key is None:
        return None
    own = select(func.max(FollowUp.opted_out_at)).join(Application, Application.id == FollowUp.application_id)
    return session.scalar(own.where(Application.email_key == key))


def opt_out(session: Session, email: str, how: str, at: datetime, secrets: Sequence[str]) -> bool:
    """Note that this person wants no reminders, and take back what waits for them. False where it was known.

    `how`: `link`, `one-click` or `person`.
    """
    new = not is_opted_out(session, email, secrets)
    if new or how != BY_PERSON:
        _note(session, hashed(email, secrets[0]), how, at)
    _stop(session, email_key(email), at)
    return new


def opt_out_by_link(session: Session, link: Unsubscribing, how: str, at: datetime, secrets: Sequence[str]) -> bool:
    """The same for whoever an unsubscribe link was made for, also where nothing else is known of them any more."""
    email = email_of(session, link, secrets)
    if email is not None:
        return opt_out(session, email, how, at, secrets)
    return _note(session, link.email_hash, how, at)


def email_of(session: Session, link: Unsubscribing, secrets: Sequence[str]) -> str | None:
    """The address the link was made for, where the mail's applicant still has it."""
    found = session.scalar(
        select(Application.email_key)
        .join(Outbound, Outbound.application_id == Application.id)
        .where(Outbound.public_id == link.outbound)
    )
    return found if found and any(link.email_hash == hashed(found, secret) for secret in secrets) else None


def company_of(session: Session, link: Unsubscribing) -> str | None:
    """Whose mail the link stood in, as far as it is still known."""
    return session.scalar(
        select(Job.company)
        .join(Application, Application.job_id == Job.id)
        .join(Outbound, Outbound.application_id == Application.id)
        .where(Outbound.public_id == link.outbound)
    )


def is_done(session: Session, link: Unsubscribing, secrets: Sequence[str]) -> bool:
    """Whether whoever the link was made for has opted out, with it or otherwise."""
    if session.get(OptOut, link.email_hash) is not None:
        return True
    email = email_of(session, link, secrets)
    return email is not None and is_opted_out(session, email, secrets)


def cancel_waiting(session: Session, application_ids: Sequence[int], why: str) -> None:
    """Take back the reminders that wait for these applicants; `why`, in words, stays in the ledger."""
    waiting = session.scalars(
        select(Outbound)
        .where(
            Outbound.application_id.in_(application_ids),
            Outbound.channel == Channel.REMINDER,
            Outbound.state.in_(UNSENT),
        )
        .order_by(Outbound.id)
        .with_for_update(of=Outbound)
        .execution_options(populate_existing=True)
    )
    for row in waiting:
        row.state, row.last_answer = State.CANCELLED, why
    session.flush()


def _note(session: Session, email_hash: str, how: str, at: datetime) -> bool:
    row = {"email_hash": email_hash, "at": at, "how": how}
    if session.execute(insert_or_ignore(session, OptOut, "email_hash"), row).scalar() is not None:
        return True
    if how != BY_PERSON:
        session.execute(update(OptOut).where(OptOut.email_hash == email_hash, OptOut.how == BY_PERSON).values(how=how))
    return False


def _stop(session: Session, key: str | None, at: datetime) -> None:
    if key is None:
        return
    ids = session.scalars(select(Application.id).where(Application.email_key == key)).all()
    # Messages before follow-ups: the order in which `completion` and the outbox lock them.
    cancel_waiting(session, ids, OPTED_OUT_WORDS)
    for follow_up in session.scalars(
        select(FollowUp)
        .where(FollowUp.application_id.in_(ids))
        .order_by(FollowUp.id)
        .with_for_update(of=FollowUp, key_share=True)
        .execution_options(populate_existing=True)
    ):
        follow_up.opted_out_at, follow_up.next_message_at = follow_up.opted_out_at or at, None
    session.flush()


def _signer(secret: str) -> Signer:
    return Signer(secret, salt=_TOKEN_PURPOSE, digest_method=hashlib.sha256)
