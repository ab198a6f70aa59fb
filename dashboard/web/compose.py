"""`/incomplete/message`: an email to one or many who did not finish."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_login import current_user
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from dashboard import daytime
from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.models import ReminderTemplate
from dashboard.permissions import Permission, needs
from dashboard.services import composing, reminder_templates, reminders
from dashboard.services.cadence import MAX_MESSAGES
from dashboard.services.composing import Chosen, Copy, Reader
from dashboard.services.reminder_rules import Rules
from dashboard.services.reminder_words import FIELDS
from dashboard.services.reminders import Queued
from dashboard.web.edge import reading, settings, writing

bp = Blueprint("compose", __name__)

Answer = Response | tuple[str, int]

MOST: Final = 200
"""People to write to at once."""
TOGETHER: Final = 25
"""Messages in one transaction."""
SKIPPED_TOLD: Final = 5
"""Of those who were left out: the flash travels in a cookie, and browsers keep 4 KB."""
NOTHING_WRONG: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Letter:
    """What somebody is writing, as their form holds it. People and templates are public ids.

    `template` is the chosen one, `begun_with` the one whose words were put in last, `person` whose copy is shown.
    """

    chosen: tuple[str, ...]
    person: str = ""
    template: str = ""
    begun_with: str = ""
    subject: str = ""
    body: str = ""

    @classmethod
    def read(cls, values: MultiDict[str, str]) -> Letter:
        """Of two of `person`, the last is from the button that somebody pressed to see another one's copy."""
        return cls(
            chosen=tuple(dict.fromkeys(values.getlist("application")))[:MOST],
            person=["", *values.getlist("person")][-1],
            template=values.get("template", ""),
            begun_with=values.get("begun_with", ""),
            subject=values.get("subject", "").strip(),
            body=reminder_templates.lines(values.get("body", "")),
        )

    def begin(self, template: ReminderTemplate | None) -> Letter:
        """With a template's words, which may still be changed."""
        if template is None:
            return self
        public_id = template.public_id
        return replace(self, template=public_id, begun_with=public_id, subject=template.subject, body=template.body)

    def keeps(self, template: ReminderTemplate | None) -> bool:
        """Whether its words are still those of the template it was begun with, or none."""
        told = (template.subject, reminder_templates.lines(template.body)) if template else ("", "")
        return (self.subject, self.body) in (told, ("", ""))


@bp.route("/incomplete/message", methods=["GET", "POST"])
@needs(Permission.INCOMPLETE)
def index() -> Answer:
    """The form. Only the button "Send" sends; everything else shows the words, and who would get them how."""
    letter = Letter.read(request.values)
    if len(request.values.getlist("application")) > MOST:
        flash(f"You can email at most {MOST} people at once. These are the first {MOST} you selected.", "info")
    if request.form.get("do") == "send":
        return _send(letter)
    desk = _desk(letter)
    return _page(_with_words(letter, desk), desk)


@dataclass(frozen=True, slots=True)
class Desk:
    """What a letter is written with, read once: every template, who was chosen, and the moment that all hold for."""

    templates: Sequence[ReminderTemplate]
    readers: Sequence[Reader]
    rules: Rules
    now: datetime

    @property
    def offered(self) -> Sequence[ReminderTemplate]:
        """The templates one may begin with, in the order of their making."""
        return [template for template in self.templates if template.archived_at is None]

    def template(self, public_id: str) -> ReminderTemplate | None:
        return next((template for template in self.templates if template.public_id == public_id), None)


def _desk(letter: Letter) -> Desk:
    rules, now = Rules.of(settings()), utcnow()
    readers = composing.readers(reading(), letter.chosen, rules, now)
    return Desk(reminder_templates.listed(reading()), readers, rules, now)


def _send(letter: Letter) -> Answer:
    problems = reminder_templates.message_problems(letter.subject, letter.body)
    rules = Rules.of(settings())
    if problems or rules.unready:
        return _page(letter, _desk(letter), problems, status=400)
    people = composing.chosen(reading(), letter.chosen)
    template = reminder_templates.found(reading(), letter.begun_with)
    queued = _queue(letter, [one.id for one in people], template.id if template else None, rules)
    flash(_told(queued, people, rules), "success" if queued.done else "error")
    if not queued.done:
        return _page(letter, _desk(letter), status=409)
    if len(people) == 1:
        return redirect(url_for("incomplete.show", public_id=people[0].public_id, _anchor="messages"))
    return redirect(url_for("messages.index"))


def _queue(letter: Letter, people: Sequence[int], template_id: int | None, rules: Rules) -> Queued:
    """Queue a message to each of `people`, some at a time: deliveries wait for whoever writes on SQLite."""
    at = utcnow()
    done: tuple[int, ...] = ()
    skipped: tuple[tuple[int, str], ...] = ()
    for start in range(0, len(people), TOGETHER):
        queued = reminders.queue(
            writing(),
            people[start : start + TOGETHER],
            letter.subject,
            letter.body,
            template_id=template_id,
            user_id=current_user.id,
            at=at,
            rules=rules,
        )
        db.session.commit()
        done, skipped = done + queued.done, skipped + queued.skipped
    return Queued(done, skipped)


def _told(queued: Queued, people: Sequence[Chosen], rules: Rules) -> str:
    """ "11 emails go out in 60 seconds. You can undo until then. 2 people were left out: Ada Quill: …"."""
    names = {one.id: one.name[:60] for one in people}
    count, left_out = len(queued.done), len(queued.skipped)
    sentences = [f"{names[number]}: {why.rstrip('.')}" for number, why in queued.skipped[:SKIPPED_TOLD]]
    if left_out > SKIPPED_TOLD:
        sentences.append(f"and {left_out - SKIPPED_TOLD} more")
    whom = f"{left_out} {'person was' if left_out == 1 else 'people were'} left out: {'; '.join(sentences)}."
    if not count:
        return f"No email was sent. {whom}"
    hold = int(rules.hold.total_seconds())
    told = f"{count} {'email goes' if count == 1 else 'emails go'} out in {hold} seconds. You can undo until then."
    return f"{told} {whom}" if left_out else told


def _with_words(letter: Letter, desk: Desk) -> Letter:
    """The letter, begun with a template's words where nothing is written yet or others are asked for."""
    if "body" not in request.form:
        return letter.begin(desk.template(letter.template) or _first_template(desk))
    before, chosen = desk.template(letter.begun_with), desk.template(letter.template)
    if request.form.get("do") == "replace" or (request.form.get("do") == "template" and letter.keeps(before)):
        return letter.begin(chosen)
    return letter


def _first_template(desk: Desk) -> ReminderTemplate | None:
    """The one that was made for a message of the first person's next number."""
    begun = next((reader.follow_up for reader in desk.readers[:1]), None)
    had = begun.messages if begun else 0
    return desk.offered[min(had, len(desk.offered) - 1)] if desk.offered else None


def _page(letter: Letter, desk: Desk, problems: Mapping[str, str] = NOTHING_WRONG, status: int = 200) -> Answer:
    rules, now = desk.rules, desk.now
    wrong = problems or reminder_templates.merge_problems(letter.subject, letter.body)
    words = ("", "") if wrong else (letter.subject, letter.body)
    people = composing.copies(desk.readers, *words, rules, now)
    page = render_template(
        "compose/index.html",
        letter=letter,
        problems=wrong,
        people=people,
        **_reader(letter, people),
        now=now,
        sending=[copy for copy in people if copy.why_not is None],
        left_out=[copy for copy in people if copy.why_not is not None],
        asleep=[copy for copy in people if copy.why_not is None and not daytime.is_day(now, *copy.application.states)],
        templates=desk.offered,
        words_kept=request.form.get("do") == "template" and letter.template != letter.begun_with,
        fields=FIELDS,
        rules=rules,
        most=MAX_MESSAGES,
    )
    return page, status


def _reader(letter: Letter, people: Sequence[Copy]) -> dict[str, Any]:
    """Whose copy is shown (at first somebody's who can have it), at which place, and who stands before and after."""
    ids = [copy.application.public_id for copy in people]
    can = (place for place, copy in enumerate(people) if copy.why_not is None)
    here = ids.index(letter.person) if letter.person in ids else next(can, 0)
    return {
        "copy": people[here] if people else None,
        "place": here + 1,
        "before": ids[here - 1] if here > 0 else None,
        "after": ids[here + 1] if here + 1 < len(ids) else None,
    }
