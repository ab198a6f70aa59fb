"""The words reminders begin with: checked when they are saved, so that nobody is held up when writing to people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from dashboard.mail_address import is_one_line
from dashboard.models import Application, FollowUp, Job, JobFollowUp, Reminder, ReminderTemplate
from dashboard.services.reminder_rules import Rules
from dashboard.services.reminder_words import merge, problem_with, values_for
from dashboard.services.reminders import Draft, closing

NAME_LENGTH: Final = 100
SUBJECT_LENGTH: Final = 300
BODY_LENGTH: Final = 5_000

EXAMPLE_NAME: Final = "Ada Example"


class Overtaken(Exception):
    """Somebody else saved the template after it was opened."""


@dataclass(frozen=True, slots=True)
class Words:
    """What somebody typed: a template's name, and the subject and text it begins a message with."""

    name: str = ""
    subject: str = ""
    body: str = ""

    @classmethod
    def read(cls, form: Mapping[str, str]) -> Words:
        return cls(form.get("name", "").strip(), form.get("subject", "").strip(), lines(form.get("body", "")))

    @classmethod
    def of(cls, template: ReminderTemplate) -> Words:
        return cls(template.name, template.subject, template.body)

    def problems(self) -> dict[str, str]:
        """What is wrong, in words, by field; empty where it can be saved."""
        found = {"name": line_problem(self.name, "a name", NAME_LENGTH), **message_problems(self.subject, self.body)}
        return {name: words for name, words in found.items() if words}


def message_problems(subject: str, body: str) -> dict[str, str]:
    """What is wrong with a message's `subject` and `body`, in words, by field."""
    found = {
        "subject": line_problem(subject, "a subject", SUBJECT_LENGTH) or problem_with(subject),
        "body": text_problem(body) or problem_with(body),
    }
    return {name: words for name, words in found.items() if words}


def merge_problems(subject: str, body: str) -> dict[str, str]:
    """The same of their merge fields alone: what can be told while somebody is still writing."""
    found = {"subject": problem_with(subject), "body": problem_with(body)}
    return {name: words for name, words in found.items() if words}


def line_problem(text: str, what: str, longest: int) -> str | None:
    """Why `text` cannot stand in one line, if it cannot. A mail's subject must never begin another header."""
    if not text:
        return f"Enter {what}."
    if len(text) > longest:
        return f"Use at most {longest} characters. This has {len(text):,}."
    return None if is_one_line(text) else "Use one line, without tabs or other control characters."


def text_problem(text: str) -> str | None:
    if not text.strip():
        return "Enter a message."
    if "\0" in text:
        return "Remove the invisible characters. They may have come along when it was pasted."
    return f"Use at most {BODY_LENGTH:,} characters. This has {len(text):,}." if len(text) > BODY_LENGTH else None


def lines(text: str) -> str:
    """`text` with plain line ends: browsers send others than they were given."""
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip()


def example(words: Words, rules: Rules) -> Draft:
    """The words as somebody would read them whom there is not. Raises `BadWords` for a merge field there is not."""
    job = Job(title="Warehouse associate", company="Harbor & Vale", city="Austin", state="TX")
    first_name, _, last_name = EXAMPLE_NAME.partition(" ")
    reader = Application(first_name=first_name, last_name=last_name, email="ada@example.com", job=job)
    settings = JobFollowUp(apply_url="https://jobs.example.com/warehouse-associate")
    values = values_for(reader, FollowUp(missing=["phone number", "résumé"]), settings)
    subject, body = merge(words.subject, values), merge(words.body, values)
    return Draft(subject.text, body.text, closing(reader, f"{rules.public_url}/unsubscribe/…", rules), ())


def listed(session: Session) -> Sequence[ReminderTemplate]:
    """All templates with who changed them: the offered ones first, each part in the order of their making."""
    everything = select(ReminderTemplate).options(joinedload(ReminderTemplate.updated_by))
    return session.scalars(everything.order_by(ReminderTemplate.archived_at.is_not(None), ReminderTemplate.id)).all()


def found(session: Session, public_id: str) -> ReminderTemplate | None:
    return session.scalar(select(ReminderTemplate).where(ReminderTemplate.public_id == public_id))


def uses(session: Session) -> dict[int, int]:
    """How many messages were written from each template, by its id."""
    counted = select(Reminder.template_id, func.count()).where(Reminder.template_id.is_not(None))
    return {number: count for number, count in session.execute(counted.group_by(Reminder.template_id)) if number}


def namesake(session: Session, words: Words, template: ReminderTemplate | None) -> ReminderTemplate | None:
    """Another offered template of that name, which people could not tell from this one."""
    same = select(ReminderTemplate).where(
        func.lower(ReminderTemplate.name) == words.name.lower(), ReminderTemplate.archived_at.is_(None)
    )
    return session.scalars(same.where(ReminderTemplate.id != template.id) if template else same).first()


def add(session: Session, words: Words, *, user_id: int | None, at: datetime) -> ReminderTemplate:
    """A new template. The words must have no problems."""
    template = ReminderTemplate(
        name=words.name, subject=words.subject, body=words.body, updated_at=at, updated_by_id=user_id
    )
    session.add(template)
    session.flush()
    return template


def change(
    session: Session, template: ReminderTemplate, words: Words, *, seen: str, user_id: int | None, at: datetime
) -> None:
    """Give `template` new words. Messages that were made from it keep theirs.

    `seen`: its `version` when it was opened. Raises `Overtaken` where somebody else saved it since.
    """
    if seen != version(template):
        raise Overtaken
    template.name, template.subject, template.body = words.name, words.subject, words.body
    template.updated_at, template.updated_by_id = at, user_id
    session.flush()


def version(template: ReminderTemplate) -> str:
    """Changes with every saving."""
    return template.updated_at.isoformat()


def archive(session: Session, template: ReminderTemplate, *, at: datetime | None) -> None:
    """Offer `template` no more from `at` on; None: offer it again."""
    template.archived_at = at
    session.flush()
