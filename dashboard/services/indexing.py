"""Keeping the index of the lists (`search`) true to what is stored.

A delivery only marks its application (`Application.unindexed`): making an entry costs more than all the rest of
receiving one. The worker indexes what waits within a second, and whoever asks the index first does so before.
What people decide is in the index at once: `restate`, in the transaction of the decision.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, joinedload

from dashboard import search, tokens
from dashboard.database import insert_into, start_writing, table_of
from dashboard.logs import without_contents
from dashboard.models import Application, ApplicationTag, Attachment, Delivery, Facet, Job, StoredFile, Tag, User
from dashboard.search import Entry
from dashboard.services import reading
from dashboard.talroo.answer_sheet import AnswerSheet, Question
from dashboard.talroo.payload import Facts

log = logging.getLogger(__name__)

BATCH: Final = 50
"""Applications a transaction of the worker: deliveries wait for it on SQLite."""
CATCH_UP: Final = 300
"""So many at most are indexed by somebody who wants to see a list."""
MOST_USES: Final = 1_000
"""Choices are ordered by how often they were met; beyond this it makes no difference."""
MOST_ANSWERS: Final = 200
MAX_LABEL: Final = 300
_KINDS: Final = ("select", "multiselect", "hierarchical")
_YES_OR_NO: Final = frozenset({"yes", "no", "true", "false"})


@dataclass(frozen=True, slots=True)
class Choice:
    """Something to filter by, as `Facet` keeps it; `key` is its term."""

    key: str
    kind: str
    value: str
    label: str
    question: str = ""


@dataclass(frozen=True, slots=True)
class Contents:
    """What was answered, as the index wants it: words, and what can be chosen from."""

    words: tuple[str, ...] = ()
    choices: tuple[Choice, ...] = ()

    @classmethod
    def of(cls, sheet: AnswerSheet) -> Contents:
        questions = [one for one in sheet.every_question() if one.answers and not one.presentational]
        found = tuple(answer.text for question in questions for answer in question.answers)
        choices = (choice for question in questions for choice in _answers(question))
        return cls(tuple(tokens.words(found)), tuple({one.key: one for one in choices}.values())[:MOST_ANSWERS])


@dataclass(frozen=True, slots=True)
class _Ready:
    """An application's entry, made of what was stored when its mark was `mark`."""

    application_id: int
    mark: int
    is_completed: bool
    entry: Entry
    choices: tuple[Choice, ...]


def index_waiting(sessions: Callable[[], Session], limit: int = BATCH) -> int:
    """Index up to `limit` of the applications that wait, the newest first. Returns how many were found waiting.

    Entries are made before the turn to write is taken. What changed meanwhile keeps its mark, and so waits again.
    """
    with sessions() as session:
        ready = _prepare(session, limit)
    if not ready:
        return 0
    with sessions() as session:
        start_writing(session)
        _keep(session, ready)
        session.commit()
    return len(ready)


def catch_up(sessions: Callable[[], Session]) -> None:
    """Index what waits for somebody who wants to ask the index; where that fails, they see what is indexed."""
    try:
        index_waiting(sessions, CATCH_UP)
    except SQLAlchemyError as problem:
        log.warning("what waits could not be indexed before a list was shown: %s", without_contents(problem))


def restate(session: Session, application_ids: Iterable[int]) -> None:
    """Tell the index what people decided about applications just now. The caller commits."""
    ids = sorted(set(application_ids))
    if not ids:
        return
    session.flush()
    # Whoever makes an entry of one at this moment has read what it was before.
    session.execute(
        update(Application)
        .where(Application.id.in_(ids), Application.unindexed.is_not(None))
        .values(unindexed=search.mark())
        .execution_options(synchronize_session=False)
    )
    tags = _tags(session, ids)
    columns = (Application.id, search.entry_number(), Application.stage, Application.held_at, User.public_id)
    decided = select(*columns).outerjoin(User, User.id == Application.assigned_to_id).where(Application.id.in_(ids))
    search.restate(
        session,
        [
            (number, tokens.state_terms(stage=stage, is_held=bool(held), assigned_to=user, tags=tags.get(one, ())))
            for one, number, stage, held, user in session.execute(decided).all()
        ],
    )


def entry(
    number: int,
    facts: Application | Facts,
    job: Job | None,
    contents: Contents,
    texts: Iterable[str | None],
    *,
    applied_at: Any,
    has_resume: bool,
    state: Sequence[str],
) -> Entry:
    """What the index is to hold of an application."""
    keys = [choice.key for choice in contents.choices]
    return Entry(
        number=number,
        words=tokens.application_words(facts, job, [*contents.words, *texts]),
        facts=tokens.fact_terms(facts, job, applied_at=applied_at, has_resume=has_resume, answers=keys),
        state=state,
    )


def place_choices(facts: Application | Facts, job: Job | None) -> Iterator[Choice]:
    """What can be chosen from the facts of an application."""
    place = job if job and job.place else facts
    town = ", ".join(part for part in (place.city, place.state) if part) if place.city else None
    named = {"company": job.company if job else None, "campaign": facts.campaign_id, "state": place.state, "city": town}
    for kind, value in named.items():
        if value:
            yield Choice(tokens.term(kind, value), kind, value, value[:MAX_LABEL])


def count_choices(session: Session, choices: Iterable[Choice]) -> None:
    """Add choices that were met to those there are to choose from."""
    met = list(choices)
    uses = Counter(choice.key for choice in met)
    rows = [
        {
            "key": one.key,
            "kind": one.kind,
            "value": one.value,
            "label": one.label,
            "question": one.question,
            "uses": min(uses[one.key], MOST_USES),
        }
        # In one order for everybody, so that two who meet the same ones do not wait for each other in a circle.
        for one in sorted({one.key: one for one in met}.values(), key=lambda one: one.key)
    ]
    if rows:
        session.execute(_count(session.get_bind().dialect.name), rows)


def _count(dialect: str) -> Any:
    table = table_of(Facet)
    statement = insert_into(dialect, Facet)
    return statement.on_conflict_do_update(
        index_elements=["key"],
        set_={"uses": table.c.uses + statement.excluded.uses},
        where=table.c.uses < MOST_USES,
    )


def _answers(question: Question) -> Iterator[Choice]:
    """What can be chosen of the answers to one question.

    The same words are the same question, under whatever id a job's form has it; free text is not chosen from.
    """
    is_chosen = question.kind in _KINDS or bool(question.choices)
    for answer in question.answers:
        words = answer.text.strip()
        if words and (is_chosen or words.casefold() in _YES_OR_NO) and len(words) <= MAX_LABEL:
            key = tokens.term("answer", f"{question.text}\0{words}")
            yield Choice(key, "answer", key.lstrip("_"), words, question.text[:MAX_LABEL])


# --- what waits -----------------------------------------------------------------------------------------------------


def _prepare(session: Session, limit: int) -> list[_Ready]:
    waiting = (
        select(Application)
        .where(Application.unindexed.is_not(None), Application.is_shown())
        .order_by(Application.id.desc())
        .limit(limit)
        .options(joinedload(Application.assigned_to))
    )
    applications = session.scalars(waiting).all()
    ids = [application.id for application in applications]
    texts, tags = _texts(session, ids), _tags(session, ids)
    contents = _contents(session, applications)
    return [_ready(one, contents[one.id], texts.get(one.id, ()), tags.get(one.id, ())) for one in applications]


def _ready(application: Application, contents: Contents, texts: Iterable[str | None], tags: Iterable[str]) -> _Ready:
    assigned_to = application.assigned_to.public_id if application.assigned_to else None
    made = entry(
        application.inbox_no if application.inbox_no is not None else -application.id,
        application,
        application.job,
        contents,
        texts,
        applied_at=application.applied_at,
        has_resume=application.resume_verdict is not None,
        state=tokens.state_terms(
            stage=application.stage, is_held=application.held_at is not None, assigned_to=assigned_to, tags=tags
        ),
    )
    choices = (*place_choices(application, application.job), *contents.choices) if application.completed else ()
    return _Ready(application.id, application.unindexed or 0, application.completed, made, choices)


def _contents(session: Session, applications: Sequence[Application]) -> dict[int, Contents]:
    wanted = {one.answers_from_id for one in applications if one.answers_from_id}
    bodies = select(Delivery.id, Delivery.body, Delivery.source).where(Delivery.id.in_(wanted))
    deliveries = {number: (body, source) for number, body, source in session.execute(bodies)}
    return {
        one.id: Contents.of(reading.sheet(*deliveries[one.answers_from_id])) if one.answers_from_id else Contents()
        for one in applications
    }


def _texts(session: Session, ids: Sequence[int]) -> dict[int, list[str | None]]:
    carried = (
        select(Attachment.application_id, StoredFile.text)
        .join(StoredFile, StoredFile.sha256 == Attachment.sha256)
        .where(Attachment.application_id.in_(ids), StoredFile.text.is_not(None))
        .order_by(Attachment.id.desc())
    )
    found: dict[int, list[str | None]] = {}
    for application_id, content in session.execute(carried):
        found.setdefault(application_id, []).append(content)
    return found


def _tags(session: Session, ids: Sequence[int]) -> Mapping[int, Sequence[str]]:
    worn = select(ApplicationTag.application_id, Tag.key).join(Tag, Tag.id == ApplicationTag.tag_id)
    found: dict[int, list[str]] = {}
    for application_id, key in session.execute(worn.where(ApplicationTag.application_id.in_(ids))):
        found.setdefault(application_id, []).append(key)
    return found


def _keep(session: Session, ready: Sequence[_Ready]) -> None:
    """Write the entries of those that still are what they were made of."""
    marks = {one.application_id: one.mark for one in ready}
    still = select(Application.id, Application.unindexed).where(Application.id.in_(marks)).order_by(Application.id)
    locked = session.execute(still.with_for_update(key_share=True)).all()
    valid = {number for number, mark in locked if mark == marks[number]}
    kept = [one for one in ready if one.application_id in valid]
    # One that was completed since it was indexed last stands under another number now.
    search.remove(session, (-one.application_id for one in kept if one.is_completed))
    search.put(session, (one.entry for one in sorted(kept, key=lambda one: one.entry.number)))
    count_choices(session, (choice for one in kept for choice in one.choices))
    session.execute(
        update(Application)
        .where(Application.id.in_(valid))
        .values(unindexed=None)
        .execution_options(synchronize_session=False)
    )
