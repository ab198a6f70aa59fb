"""Everything that belongs to one application, in one statement, however much of it there is.

A short list says what to read, each line a kind and the id of a row; every table is joined to its own lines of that
list. So what is read comes as the models it is, and a dozen questions cost one way to the database.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Integer,
    Row,
    Select,
    String,
    and_,
    bindparam,
    cast,
    func,
    literal,
    null,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import Session, aliased, contains_eager, undefer
from sqlalchemy.orm.attributes import set_committed_value

from dashboard import queries
from dashboard.models import (
    Activity,
    Application,
    ApplicationTag,
    Attachment,
    Delivery,
    FollowUp,
    Hold,
    Job,
    Note,
    Outbound,
    Role,
    Seen,
    StageChange,
    StoredFile,
    Tag,
    User,
)
from dashboard.permissions import Permission, allows
from dashboard.reach import REACH_OF, Reach, may_see, within
from dashboard.services.viewing import LOOKING

MOST: Final = 100
"""Rows of one kind, the newest."""
MOST_OTHERS: Final = 50
MOST_CHOICES: Final = 500
"""Colleagues, and tags, to choose from."""


@dataclass(slots=True)
class Record:
    """What belongs to one application, of each kind the newest first.

    `outbounds`: what it queued, and what was queued under the business keys that were asked for. `others`: the same
    person's other applications, as far as whoever asks may see them. `colleagues`: whom it can be given, who are those
    that may see it, by public id and email address. `kept`: how privacy keeps it, as `HoldKind`s.
    """

    changes: list[StageChange] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    activities: list[Activity] = field(default_factory=list)
    outbounds: list[Outbound] = field(default_factory=list)
    follow_ups: list[FollowUp] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    tags: list[Tag] = field(default_factory=list)
    looking: list[User] = field(default_factory=list)
    others: list[Application] = field(default_factory=list)
    colleagues: list[tuple[str, str]] = field(default_factory=list)
    tag_names: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)


def of(
    session: Session,
    application: Application,
    reach: Reach,
    *,
    now: datetime,
    viewer_id: int | None = None,
    keys: Iterable[str] = (),
) -> Record:
    """The record of an application, whose attachments are read with it. One statement.

    Of other applications it tells those within `reach`; the others it concerns stay unnamed.
    `viewer_id`: whoever asks is not among those who look at it. `keys`: business keys of what a move would queue.
    """
    asked = {
        "me": application.id,
        "talroo_id": application.talroo_id,
        "email": application.email_key,
        "phone": application.phone_key,
        "keys": list(keys),
        "viewer_id": viewer_id or 0,
        "looked_after": now - LOOKING,
        "job_id": application.job_id,
    }
    asked |= {"reach_of": reach.user_id} if reach.is_limited else {}
    rows = session.execute(_statement(is_limited=reach.is_limited), asked).all()
    record = Record(**{kind: _newest_first(rows, kind, position) for kind, position in _POSITIONS.items()})
    record.others.sort(key=lambda other: other.inbox_no or 0, reverse=True)
    record.tags.sort(key=lambda tag: tag.key)
    record.tag_names = sorted(_words(rows, "tag_names"))
    record.kept = sorted(set(_words(rows, "kept")))
    people = (one.partition(" ") for one in _words(rows, "colleagues"))
    record.colleagues = sorted(((public_id, email) for public_id, _, email in people), key=lambda one: one[1])
    set_committed_value(application, "attachments", record.attachments)
    return record


def _newest_first(rows: Sequence[Row[Any]], kind: str, position: int) -> list[Any]:
    """The rows of one kind, each once: what belongs to it for two reasons stands there twice."""
    found = {row.id: row[position] for row in rows if row.kind == kind}
    return [found[number] for number in sorted(found, reverse=True)]


def _words(rows: Sequence[Row[Any]], kind: str) -> list[str]:
    return [line for row in rows if row.kind == kind for line in (row.words or "").split("\n") if line]


# --- the statement, written once ------------------------------------------------------------------------------------

_ID: Final = bindparam("me", type_=Integer)
_Other: Final = aliased(Application, name="other")
_OtherJob: Final = aliased(Job, name="other_job")


def _line(kind: str, number: Any = None, user: Any = None, other: Any = None, words: Any = None) -> list[Any]:
    """One line's columns: its kind, the row's id, who did it, another application, words."""
    numbers = {"id": number, "user_id": user, "other_id": other}
    columns = [cast(null() if value is None else value, Integer).label(name) for name, value in numbers.items()]
    text = cast(null() if words is None else words, String)
    return [literal(kind, String).label("kind"), *columns, text.label("words")]


def _newest(kind: str, number: Any, *where: ColumnElement[bool], most: int = MOST, **more: Any) -> Select[Any]:
    # With "+ 0", rows are found by the condition's index and then sorted. A bare id would offer its own index as well,
    # on which somebody's few rows may lie behind everybody else's.
    found = select(*_line(kind, number, **more)).where(*where).order_by((number + 0).desc()).limit(most)
    return select(found.subquery())


def _together(kind: str, each: Any, *where: ColumnElement[bool]) -> Select[Any]:
    """Many short words as one line."""
    few = select(each.label("each")).where(*where).order_by(each).limit(MOST_CHOICES).subquery()
    return select(*_line(kind, words=func.aggregate_strings(few.c.each, "\n")))


def _lines(*, is_limited: bool) -> Iterator[Select[Any]]:
    yield _newest("changes", StageChange.id, StageChange.application_id == _ID, user=StageChange.user_id)
    yield _newest("notes", Note.id, Note.application_id == _ID, Note.removed_at.is_(None), user=Note.user_id)
    yield _newest(
        "activities", Activity.id, Activity.application_id == _ID, user=Activity.user_id, other=Activity.other_id
    )
    yield _newest("outbounds", Outbound.id, Outbound.application_id == _ID)
    yield _newest("outbounds", Outbound.id, Outbound.business_key.in_(bindparam("keys", expanding=True)))
    began, finished = FollowUp.application_id, FollowUp.completed_by_id
    yield _newest("follow_ups", FollowUp.id, or_(began == _ID, finished == _ID), other=began)
    yield _newest("deliveries", Delivery.id, Delivery.talroo_id == bindparam("talroo_id", type_=String))
    yield _newest("attachments", Attachment.id, Attachment.application_id == _ID)
    yield _newest("tags", ApplicationTag.tag_id, ApplicationTag.application_id == _ID)
    others = queries.others(MOST_OTHERS, is_limited=is_limited).with_only_columns(Application.id).subquery()
    yield select(*_line("others", others.c.id, other=others.c.id))
    yield _together("kept", Hold.kind, Hold.application_id == _ID, Hold.ended_at.is_(None))
    yield from _people()


def _people() -> Iterator[Select[Any]]:
    after = bindparam("looked_after", type_=Seen.last_at.type)
    others = Seen.user_id != bindparam("viewer_id", type_=Integer)
    yield _newest(
        "looking", Seen.user_id, Seen.application_id == _ID, Seen.last_at > after, others, most=5, user=Seen.user_id
    )
    roles = [role.value for role in Role if allows(role.value, Permission.APPLICATIONS)]
    may = (User.active.is_(True), User.role.in_(roles), may_see(bindparam("job_id", type_=Integer)))
    yield _together("colleagues", User.public_id + " " + User.email, *may)
    in_use = select(ApplicationTag.tag_id).where(ApplicationTag.tag_id == Tag.id).exists()
    yield _together("tag_names", Tag.name, in_use)


_MODELS: Final[dict[str, Any]] = {
    "changes": StageChange,
    "notes": Note,
    "activities": Activity,
    "outbounds": Outbound,
    "follow_ups": FollowUp,
    "deliveries": Delivery,
    "attachments": Attachment,
    "tags": Tag,
}
_COLUMNS: Final = ("kind", "id", "other_id", "words")
_POSITIONS: Final = {kind: len(_COLUMNS) + place for place, kind in enumerate((*_MODELS, "looking", "others"))}
"""Where in a row stands what it is read for."""


@cache
def _statement(*, is_limited: bool) -> Select[Any]:
    lines = union_all(*_lines(is_limited=is_limited)).subquery("line")
    found = select(*(lines.c[name] for name in _COLUMNS), *_MODELS.values(), User, _Other).select_from(lines)
    for kind, model in _MODELS.items():
        found = found.outerjoin(model, and_(lines.c.kind == literal(kind, String), lines.c.id == model.id))
    found = found.outerjoin(User, User.id == lines.c.user_id)
    found = found.outerjoin(StoredFile, StoredFile.sha256 == Attachment.sha256)
    is_other = _Other.id == lines.c.other_id
    found = found.outerjoin(_Other, is_other & within(_Other.job_id, REACH_OF) if is_limited else is_other)
    found = found.outerjoin(_OtherJob, _OtherJob.id == _Other.job_id)
    job = _Other.job.of_type(_OtherJob)
    others = [contains_eager(one.of_type(_Other)) for one in (Activity.other, FollowUp.application)]
    return found.options(
        *(contains_eager(user) for user in (StageChange.user, Note.user, Activity.user)),
        contains_eager(Attachment.content).options(undefer(StoredFile.text)),
        contains_eager(job),
        *(other.contains_eager(job) for other in others),
    )
