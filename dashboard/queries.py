"""Single things and jobs that somebody asked to see, as far as they may: read here, or a SELECT to go on from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import CTE, ColumnElement, Integer, Select, String, bindparam, exists, or_, select, union_all
from sqlalchemy.orm import InstrumentedAttribute, Session, joinedload

from dashboard.models import Application, Attachment, Delivery, Job, PersonLink
from dashboard.reach import REACH_OF, Reach, within


def _said(*, same: bool) -> tuple[Select[Any], Select[Any]]:
    """The ids of those that somebody said are the same person's as `me`, or somebody else's."""
    low, high, me = PersonLink.low_id, PersonLink.high_id, bindparam("me", type_=Integer)
    return (
        select(high.label("id")).where(low == me, PersonLink.same.is_(same)),
        select(low.label("id")).where(high == me, PersonLink.same.is_(same)),
    )


def _linked() -> CTE:
    """Those linked to `me`, with their keys.

    Read once whatever a planner thinks: without statistics, as in an empty installation's first minute, PostgreSQL
    expects one row everywhere, and read this anew for each pair of those with one number: 40 s where 300 share one.
    """
    keys = select(Application.id, Application.email_key, Application.phone_key)
    return keys.where(Application.id.in_(union_all(*_said(same=True)))).cte("linked").prefix_with("MATERIALIZED")


def _sharing(key: InstrumentedAttribute[str | None], linked: CTE) -> Select[Any]:
    """The ids of those that have a key of one linked to `me`, and were not parted from that one."""
    was_parted = exists().where(
        PersonLink.same.is_(False),
        or_(
            (PersonLink.low_id == linked.c.id) & (PersonLink.high_id == Application.id),
            (PersonLink.low_id == Application.id) & (PersonLink.high_id == linked.c.id),
        ),
    )
    return select(Application.id).join(linked, key == linked.c[key.key]).where(~was_parted)


def _newest(most: int, *has_key: ColumnElement[bool]) -> Select[Any]:
    """The ids of the newest with a key, which may stand for no address and so be ten thousand people's."""
    # As a bare column, the id would offer its own index, on which somebody's few may lie behind everybody else's.
    newest = select(Application.id).where(*has_key, Application.is_finished()).order_by((Application.id + 0).desc())
    return select(newest.limit(most).subquery())


def others(most: int, *, is_limited: bool) -> Select[Any]:
    """The same person's other applications as `me`, which has the keys `email` and `phone`: the newest `most`.

    The same email address or phone number, what people linked, and what shares one with that; never what they parted
    from it. The person's page (`services.people`) follows every trace.

    `is_limited`: only those within the reach of the user whose id is the parameter `reach_of`.
    """
    reached = [within(Application.job_id, REACH_OF)] if is_limited else []
    linked = _linked()
    ids = union_all(
        select(linked.c.id),
        _newest(most + 1, Application.email_key == bindparam("email", type_=String), *reached),
        _newest(most + 1, Application.phone_key == bindparam("phone", type_=String), *reached),
        _sharing(Application.email_key, linked),
        _sharing(Application.phone_key, linked),
    )
    near = ids.cte("near").prefix_with("MATERIALIZED")
    return (
        select(Application)
        .where(
            Application.id.in_(select(near.c.id)),
            Application.id.not_in(union_all(*_said(same=False))),
            Application.id != bindparam("me", type_=Integer),
            Application.is_finished(),
            *reached,
        )
        # As a bare column, its index would offer itself, and everybody would be walked through for one person.
        .order_by((Application.inbox_no + 0).desc())
        .limit(most)
    )


def application(session: Session, public_id: str, reach: Reach) -> Application | None:
    """One completed application within `reach`. Unfinished ones are `worklist.follow_up`'s."""
    found: Application | None = session.scalar(_one(public_id, reach))
    return found


def application_to_read(session: Session, public_id: str, reach: Reach) -> Application | None:
    """The same with all that its page shows of it: job, answers, click, whose turn it is."""
    answers = joinedload(Application.answers_from).load_only(Delivery.body, Delivery.source)
    shown = (answers, joinedload(Application.click), joinedload(Application.assigned_to))
    found: Application | None = session.scalar(_one(public_id, reach).options(*shown))
    return found


def _one(public_id: str, reach: Reach) -> Any:
    found = select(Application).where(Application.public_id == public_id, Application.is_finished())
    return found.where(reach.holds(Application.job_id))


def attachment(session: Session, public_id: str, reach: Reach) -> Attachment | None:
    """One file of an application within `reach`, finished or not."""
    found = select(Attachment).join(Attachment.application).where(Attachment.public_id == public_id)
    return session.scalar(found.where(Application.is_shown(), reach.holds(Application.job_id)))


def jobs_called(name: str) -> Select[Any]:
    """The jobs somebody means by `name`: a public id, or a reference or a title, which several may share."""
    return select(Job.id).where(or_(Job.public_id == name, Job.reference == name, Job.title == name))


_JOBS: Any = select(Job.public_id, Job.reference, Job.title, Job.company, Job.city)


def job_choices(session: Session, reach: Reach, chosen: str = "", limit: int = 500) -> list[tuple[str, str]]:
    """Jobs within reach to filter by: what goes into the address, and what people read.

    An option is a public id, because two companies may use the same reference. Where `chosen` is spelt otherwise, the
    one job it means is offered in that spelling, and what means several stands first, so that a list shows it chosen.
    """
    seen = _JOBS.where(reach.holds(Job.id)).order_by(Job.title, Job.company, Job.city, Job.id)
    choices = {public_id: job_words(*told) for public_id, *told in session.execute(seen.limit(limit))}
    return with_chosen(session, choices, chosen, reach)


def with_chosen(session: Session, choices: Mapping[str, str], chosen: str, reach: Reach) -> list[tuple[str, str]]:
    """`job_choices` where they are known already."""
    if not chosen or chosen in choices:
        return list(choices.items())
    meant = list(session.execute(_JOBS.where(Job.id.in_(jobs_called(chosen)), reach.holds(Job.id)).limit(2)))
    if len(meant) != 1:
        return [(chosen, chosen), *choices.items()]
    public_id, *told = meant[0]
    others = [(value, name) for value, name in choices.items() if value != public_id]
    return [(chosen, job_words(*told)), *others]


def job_words(reference: str, title: str | None, company: str | None, city: str | None) -> str:
    """A job as people tell it from the others."""
    return " · ".join(part for part in (title or f"Job {reference}", company, city) if part)
