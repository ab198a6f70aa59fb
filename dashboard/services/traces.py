"""Everybody whom the traces of one application lead to, in one statement.

A trace is a shared email address, a shared phone number, or what somebody linked; whoever is found has traces of
their own. Who of them is the same person is decided in `people`: some were parted.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from sqlalchemy import Integer, Select, String, bindparam, func, select, text, true
from sqlalchemy.orm import Session

from dashboard.models import Application, StageChange
from dashboard.reach import JOBS_SQL, REACH_OF, Reach, within

MOST: Final = 200
"""Applications looked at for one person. Who shares an address with more is no one person."""


@dataclass(frozen=True, slots=True)
class Found:
    """Whom the traces lead to, the application asked for first, then the newest. `more`: there were too many.

    `moves`: who moved each of them last, by its id; those never moved have none.
    """

    applications: tuple[Application, ...]
    moves: dict[int, StageChange]
    more: bool


def follow(session: Session, public_id: str, reach: Reach) -> Found | None:
    """From the completed application `public_id`; None where there is none. Only to those within `reach`."""
    statement = _statement(session.get_bind().dialect.name, is_limited=reach.is_limited)
    asked: dict[str, Any] = {"public_id": public_id} | ({"reach_of": reach.user_id} if reach.is_limited else {})
    rows = session.execute(statement, asked).all()
    rows = sorted(rows, key=lambda row: (row[0].public_id == public_id, row[0].arrived_at, row[0].id), reverse=True)
    moves = {application.id: move for application, move in rows if move}
    return Found(tuple(application for application, _ in rows[:MOST]), moves, len(rows) > MOST) if rows else None


@cache
def _statement(dialect: str, *, is_limited: bool) -> Select[Any]:
    sql = (_WALKS[dialect] + _NODES).replace(_WITHIN, f" AND (job_id IN ({JOBS_SQL})) IS TRUE" if is_limited else "")
    asked: list[Any] = [bindparam("public_id", type_=String), *([REACH_OF] if is_limited else [])]
    near = text(sql).bindparams(*asked).columns(id=Integer).subquery("near")
    last = select(func.max(StageChange.id)).where(
        StageChange.application_id == Application.id, StageChange.from_stage != StageChange.to_stage
    )
    columns: tuple[Any, ...] = (Application, StageChange)
    return (
        select(*columns)
        .select_from(Application)
        .outerjoin(StageChange, StageChange.id == last.correlate(Application).scalar_subquery())
        .where(
            Application.id.in_(select(near.c.id)),
            Application.is_finished(),
            within(Application.job_id, REACH_OF) if is_limited else true(),
        )
    )


# --- the walk: from an application to its address and number, from those to who else has them ------------------------
#
# Each node is walked to once, so that a number which two hundred share is asked for once, not two hundred times.
# Whoever asks reads no more nodes than make up `MOST` applications and one, and no more are walked to than are read.

_NODES: Final = f" SELECT id FROM (SELECT id FROM walk LIMIT {3 * (MOST + 1)}) AS node WHERE id IS NOT NULL"  # noqa: S608
_WITHIN: Final = " AND :within"
"""Where it stands, those beyond somebody's reach are not walked to."""
_NEWEST: Final = f"{_WITHIN} ORDER BY arrived_at DESC, id DESC LIMIT {MOST + 1}"
_WALKS: Final = {
    # One recursive term, which may look back where it stands.
    "postgresql": f"""
        WITH RECURSIVE walk (id, email, phone) AS (
            SELECT id, CAST(NULL AS varchar), CAST(NULL AS varchar)
                FROM application
                WHERE public_id = :public_id AND completed AND restricted_at IS NULL{_WITHIN}
            UNION
            SELECT step.id, step.email, step.phone FROM walk CROSS JOIN LATERAL (
                SELECT CAST(NULL AS integer) AS id, email_key AS email, NULL AS phone
                    FROM application WHERE id = walk.id
                UNION ALL SELECT NULL, NULL, phone_key FROM application WHERE id = walk.id
                UNION ALL SELECT high_id, NULL, NULL FROM person_link WHERE low_id = walk.id AND same
                UNION ALL SELECT low_id, NULL, NULL FROM person_link WHERE high_id = walk.id AND same
                UNION ALL (SELECT id, NULL, NULL FROM application
                    WHERE email_key = walk.email AND coalesce(completed, false) {_NEWEST})
                UNION ALL (SELECT id, NULL, NULL FROM application
                    WHERE phone_key = walk.phone AND coalesce(completed, false) {_NEWEST})
            ) AS step
        )""",  # noqa: S608
    # Several recursive terms, none of which may look back but in a condition.
    "sqlite": f"""
        WITH RECURSIVE walk (id, email, phone) AS (
            SELECT id, NULL, NULL FROM application
                WHERE public_id = :public_id AND completed AND restricted_at IS NULL{_WITHIN}
            UNION SELECT NULL, email_key, NULL FROM walk CROSS JOIN application AS one ON one.id = walk.id
            UNION SELECT NULL, NULL, phone_key FROM walk CROSS JOIN application AS one ON one.id = walk.id
            UNION SELECT high_id, NULL, NULL FROM walk CROSS JOIN person_link ON low_id = walk.id AND same
            UNION SELECT low_id, NULL, NULL FROM walk CROSS JOIN person_link ON high_id = walk.id AND same
            UNION SELECT one.id, NULL, NULL FROM walk CROSS JOIN application AS one ON one.id IN (
                SELECT id FROM application WHERE email_key = walk.email AND coalesce(completed, 0) {_NEWEST})
            UNION SELECT one.id, NULL, NULL FROM walk CROSS JOIN application AS one ON one.id IN (
                SELECT id FROM application WHERE phone_key = walk.phone AND coalesce(completed, 0) {_NEWEST})
        )""",  # noqa: S608
}
