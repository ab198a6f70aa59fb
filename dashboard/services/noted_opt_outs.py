"""Who wants no reminders and told a person so, by answering a mail or on the phone; and taking a mistake back."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from dashboard.models import Application, FollowUp, OptOut, StageChange
from dashboard.services import cadence
from dashboard.services.activity import By
from dashboard.services.opt_outs import BY_PERSON, hashed, is_opted_out, noted, opt_out

NOTED_WORDS: Final = "The applicant opted out of messages."
TAKEN_BACK_WORDS: Final = "Opt-out undone: it was noted by mistake."


def note(session: Session, application: Application, by: By, secrets: Sequence[str]) -> bool:
    """Note that this applicant wants no reminders. False where that was known, or they gave no email address.

    The caller has begun to write, and commits.
    """
    email = application.email_key
    if not email:
        return False
    if not is_opted_out(session, email, secrets):
        _write_down(session, application, NOTED_WORDS, by)
    return opt_out(session, email, BY_PERSON, by.at, secrets)


def may_take_back(ways: Collection[str]) -> bool:
    """Whether they opted out only by what a person noted: `ways` are all. What applicants ask for themselves stays."""
    return set(ways) == {BY_PERSON}


def take_back(session: Session, application: Application, by: By, secrets: Sequence[str]) -> bool:
    """Take back what a person noted by mistake. False where `may_take_back` is. The caller begins and commits as above.

    The cadences are planned anew; reminders that were cancelled stay so.
    """
    email = application.email_key or ""
    if not may_take_back(noted(session, [email], secrets).get(email, ())):
        return False
    # With the condition again: the applicant may be pressing the link at this moment.
    session.execute(delete(OptOut).where(_is_of(application, secrets), OptOut.how == BY_PERSON))
    if is_opted_out(session, email, secrets):
        return False
    _write_down(session, application, TAKEN_BACK_WORDS, by)
    for follow_up in _follow_ups(session, application):
        follow_up.opted_out_at = None
        cadence.plan(session, follow_up, by.at)
    session.flush()
    return True


def _is_of(application: Application, secrets: Sequence[str]) -> ColumnElement[bool]:
    return OptOut.email_hash.in_([hashed(application.email_key or "", secret) for secret in secrets])


def _follow_ups(session: Session, application: Application) -> Sequence[FollowUp]:
    """All of this person's, nobody else's until the transaction ends."""
    same_person = select(Application.id).where(Application.email_key == application.email_key)
    return session.scalars(
        select(FollowUp)
        .where(FollowUp.application_id.in_(same_person))
        .order_by(FollowUp.id)
        .with_for_update(of=FollowUp, key_share=True)
        .execution_options(populate_existing=True)
    ).all()


def _write_down(session: Session, application: Application, words: str, by: By) -> None:
    """Into the history. Before follow-ups are locked, because its row locks the application: `completion`'s order."""
    stage = application.stage
    step = StageChange(application_id=application.id, from_stage=stage, to_stage=stage, note=words, at=by.at)
    step.user_id, step.remote_addr = by.user_id, by.remote_addr
    session.add(step)
    session.flush()
