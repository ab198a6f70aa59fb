"""Notes about applications, and who is told because they were named with @ in one.

A note that belongs to a move stays with the move; all others are here, and one timeline shows both. A note is never
overwritten unseen: whoever changes one says which edition they saw.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session, contains_eager, joinedload

from dashboard.database import insert_or_ignore, public_id
from dashboard.models import ActivityKind, Application, Mention, Note, Role, User
from dashboard.reach import Reach
from dashboard.services.activity import By, Done, Line, able_to_see, locked, may_see_applications, write_down
from dashboard.services.review import BadChange
from dashboard.talroo.wire import clean

MAX_NOTE: Final = 4_000
MAX_NAMES: Final = 20
"""How many people one note can name."""

_NAMED: Final = re.compile(r"(?<![\w.+%-])@([\w.+%'-]{1,64}(?:@[\w.-]{1,255})?)")


@dataclass(frozen=True, slots=True)
class Written(Done):
    """`changed`: the applications the note was written on. `told`: the email addresses of who is told of it.

    `strangers`: the names in it that nobody has, as they were written. `kept_out`: the email addresses of who is named
    and may not see it, and so is not told.
    """

    told: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()
    kept_out: tuple[str, ...] = ()


def write(session: Session, ids: Iterable[int], body: str, by: By, *, token: str = "") -> Written:
    """Write the same note on every application. The caller has begun to write, and commits.

    `token`: made with the form, so that what is sent twice is written once. Raises `BadChange` for an empty or too
    long note.
    """
    body = _body(body)
    token = token[:32] or public_id()
    named = mentioned(session, body)
    people = [user for user in named if user.id != by.user_id]
    statement = insert_or_ignore(session, Note, "application_id", "token")
    written: list[int] = []
    skipped: list[tuple[int, str]] = []
    applications = locked(session, ids)
    seen = {user.id: able_to_see(session, user, (one.id for one in applications)) for user in people}
    for application in applications:
        row = {
            "public_id": public_id(),
            "application_id": application.id,
            "token": token,
            "user_id": by.user_id,
            "at": by.at,
            "remote_addr": by.remote_addr,
            "body": body,
            "edits": 0,
        }
        note_id = session.execute(statement, row).scalar()
        if note_id is None:
            skipped.append((application.id, "Already has this note"))
        else:
            _tell(session, note_id, (user for user in people if application.id in seen[user.id]))
            written.append(application.id)
    told = tuple(user.email for user in people if seen[user.id] & set(written))
    kept_out = tuple(user.email for user in people if not seen[user.id])
    strangers = tuple(f"@{name}" for name in _names(body) if not any(_is_called(user, name) for user in named))
    return Written(tuple(written), tuple(skipped), told, strangers, kept_out)


def edit(session: Session, note: Note, body: str, by: By, *, seen: int) -> bool:
    """Put other words in place of one's own. False where somebody changed the note after edition `seen`.

    Raises `BadChange` for an empty or too long note, and for somebody else's.
    """
    body = _body(body)
    if note.user_id is None or note.user_id != by.user_id:
        raise BadChange("Only the person who wrote a note can change it. Add a new one instead.")
    if note.body == body and note.edits == seen:
        return True
    if not _change(session, note, seen, {"body": body, "edits": seen + 1, "edited_at": by.at}):
        return False
    here = note.application_id
    named = [user for user in mentioned(session, body) if user.id != by.user_id]
    _tell(session, note.id, (user for user in named if able_to_see(session, user, [here])))
    write_down(session, ActivityKind.NOTE_EDITED, by, [Line(note.application_id)])
    return True


def remove(session: Session, note: Note, by: By, *, seen: int) -> bool:
    """Take a note away, its words included; the timeline says that there was one. False as in `edit`.

    Raises `BadChange` where it is somebody else's; HR administrators may remove any.
    """
    if not _may_remove(session, note, by):
        raise BadChange("Only the person who wrote a note, or an HR administrator, can remove it.")
    if note.removed_at is not None:
        return True
    if not _change(session, note, seen, {"body": "", "edits": seen + 1, "removed_at": by.at}):
        return False
    session.execute(delete(Mention).where(Mention.note_id == note.id), execution_options=_UNSYNCHRONISED)
    write_down(session, ActivityKind.NOTE_REMOVED, by, [Line(note.application_id, before=f"by {note.actor}")])
    return True


def find(session: Session, public_id: str) -> Note | None:
    return session.scalar(select(Note).where(Note.public_id == public_id))


def mentioned(session: Session, body: str) -> Sequence[User]:
    """Whom a note names: "@dana" is everybody whose address begins with "dana@", "@dana@example.com" is one person.

    Only who may see applications; names nobody has stay text.
    """
    names = _names(body)
    if not names:
        return ()
    called = [
        User.email == name if "@" in name else User.email.startswith(f"{name}@", autoescape=True) for name in names
    ]
    found = session.scalars(select(User).where(or_(*called)).order_by(User.email).limit(5 * MAX_NAMES))
    return [user for user in found if may_see_applications(user)]


def _names(body: str) -> list[str]:
    """What is named with @, each once, without it."""
    return list(dict.fromkeys(name.rstrip(".-'").lower() for name in _NAMED.findall(body)))[:MAX_NAMES]


def _is_called(user: User, name: str) -> bool:
    return user.email == name if "@" in name else user.email.startswith(f"{name}@")


def unread_mentions(session: Session, user_id: int, reach: Reach, limit: int = 50) -> Sequence[Note]:
    """The notes that name the user and were not read yet, newest first, with their applications; those within reach."""
    return session.scalars(
        select(Note)
        .join(Mention, Mention.note_id == Note.id)
        .join(Application, Application.id == Note.application_id)
        .where(
            Mention.user_id == user_id,
            Mention.read_at.is_(None),
            Application.is_shown(),
            reach.holds(Application.job_id),
        )
        .order_by(Mention.note_id.desc())
        .options(contains_eager(Note.application).options(joinedload(Application.job)))
        .limit(limit)
    ).all()


def mentions_of(session: Session, user_id: int, reach: Reach, limit: int = 100) -> Sequence[Mention]:
    """Where notes name the user: those not read yet, then the others, the newest first; with their applications.

    Only on applications within reach.
    """
    return session.scalars(
        select(Mention)
        .join(Mention.note)
        .join(Note.application)
        .where(Mention.user_id == user_id, Application.is_shown(), reach.holds(Application.job_id))
        .order_by(Mention.read_at.is_not(None), Mention.note_id.desc())
        .options(contains_eager(Mention.note).contains_eager(Note.application).joinedload(Application.job))
        .limit(limit)
    ).all()


def read_mentions(session: Session, user_id: int, application_id: int, now: datetime) -> int:
    """Whoever opens an application has read what it says to them. How many mentions that were."""
    notes = select(Note.id).where(Note.application_id == application_id)
    read = session.execute(
        update(Mention)
        .where(Mention.user_id == user_id, Mention.read_at.is_(None), Mention.note_id.in_(notes))
        .values(read_at=now),
        execution_options=_UNSYNCHRONISED,
    )
    return int(read.rowcount)  # type: ignore[attr-defined]


_UNSYNCHRONISED: Final = {"synchronize_session": False}


def _body(typed: str) -> str:
    # A form counts the end of a line as one character and sends two.
    body = clean(typed.replace("\r\n", "\n").strip())
    if not body:
        raise BadChange("Enter a note first.")
    if len(body) > MAX_NOTE:
        raise BadChange(f"A note has at most {MAX_NOTE:,} characters; this one has {len(body):,}. Split it in two.")
    return body


def _change(session: Session, note: Note, seen: int, values: dict[str, object]) -> bool:
    changed = session.execute(
        update(Note).where(Note.id == note.id, Note.edits == seen, Note.removed_at.is_(None)).values(**values),
        execution_options=_UNSYNCHRONISED,
    )
    session.expire(note)
    return bool(changed.rowcount)  # type: ignore[attr-defined]


def _may_remove(session: Session, note: Note, by: By) -> bool:
    if by.user_id is None:
        return False
    user = session.get(User, by.user_id)
    return note.user_id == by.user_id or (user is not None and user.role == Role.HR_ADMIN)


def _tell(session: Session, note_id: int, people: Iterable[User]) -> None:
    """Who was told already stays told."""
    statement = insert_or_ignore(session, Mention, "note_id", "user_id")
    for user in people:
        session.execute(statement, {"note_id": note_id, "user_id": user.id})
