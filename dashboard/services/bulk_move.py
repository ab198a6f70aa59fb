"""Moving many applications to a stage at once, and moving them back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.models import Application, StageChange
from dashboard.services import forecast, review
from dashboard.services.activity import By, Done
from dashboard.services.reporting import Rules
from dashboard.services.review import Change, Wanted
from dashboard.stages import REJECTION_REASONS, Stage

Before = dict[str, Any]
"""How one application was, and by what it is known that nobody changed it since. Kept as JSON."""

CHANGED_SINCE: Final = "Somebody changed it since"
_NEVER: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Move:
    """To a stage, a rejection with its reason; somebody else's newer move is never overwritten."""

    name: ClassVar[str] = "stage"
    to: Stage
    reason: str | None = None
    note: str | None = None

    @property
    def arguments(self) -> dict[str, Any]:
        return {"to": self.to.value, "reason": self.reason, "note": self.note}

    @classmethod
    def read(cls, form: Mapping[str, str]) -> Move:
        """From `stage`, `reason` and `note`. Raises `BadChange` as `Change.read` does."""
        said = {name: form.get(name, "") for name in ("reason", "note")}
        change = Change.read(form.get("stage", ""), user_id=0, remote_addr="", at=_NEVER, **said)
        return cls(change.to, change.reason, change.note)

    def words(self, session: Session) -> str:
        return f"Move to {self.to.label}" + (f": {REJECTION_REASONS[self.reason]}" if self.reason else "")

    def idle(self, session: Session, applications: Sequence[Application]) -> set[int]:
        if self.reason or self.note:
            return set()
        return {application.id for application in applications if application.stage == self.to}

    def will_send(self, session: Session, applications: Sequence[Application], rules: Rules) -> tuple[str, ...]:
        return forecast.in_words(session, applications, self.to, rules)

    def remember(self, session: Session, applications: Sequence[Application], by: By) -> dict[int, Before]:
        reasons = _reasons(session, [one.id for one in applications if one.stage == Stage.REJECTED])
        return {
            application.id: {
                "stage": application.stage,
                "start_date": application.start_date,
                "reason": reasons.get(application.id),
                "version": application.stage_version + 1,
                "held": application.held_at is not None,
            }
            for application in applications
        }

    def do(self, session: Session, wanted: Sequence[Wanted], by: By, rules: Rules) -> Done:
        change = Change(self.to, by.user_id, by.remote_addr, by.at, reason=self.reason, note=self.note)
        moved = review.move(session, wanted, change, rules)
        there, what = self.to.label, "what you wrote" if self.note else "the reason"
        skipped = [(number, f"At {there} already") for number in moved.unchanged]
        skipped += [(number, f"At {there} already; {what} is in its history") for number in moved.noted]
        stages = select(Application.id, Application.stage).where(Application.id.in_(moved.overtaken))
        skipped += [
            (number, f"Changed by somebody since you looked; it is at {Stage(stage).label} now")
            for number, stage in session.execute(stages)
        ]
        return Done(moved.changed, tuple(skipped))

    def undo(
        self, session: Session, applications: Sequence[Application], before: Mapping[int, Before], by: By, rules: Rules
    ) -> dict[int, str]:
        ready: dict[tuple[Any, ...], list[Wanted]] = {}
        kept: dict[int, str] = {}
        for application in applications:
            was = before[application.id]
            if application.stage_version != was["version"]:
                kept[application.id] = f"{CHANGED_SINCE}; it is at {application.stage_label} now"
                continue
            back = (was["stage"], was["reason"], was["start_date"], was.get("held", False))
            ready.setdefault(back, []).append(Wanted(application.id, application.stage_version))
        for (stage, reason, start_date, held), wanted in ready.items():
            told = {"reason": reason, "start_date": start_date or "", "holds": held}
            review.move(session, wanted, Change(Stage(stage), by.user_id, by.remote_addr, by.at, **told), rules)
        return kept


def _reasons(session: Session, ids: Iterable[int]) -> dict[int, str | None]:
    """Why each was rejected, by id: as said with the rejection, or in a note since."""
    steps = session.execute(
        select(StageChange.application_id, StageChange.from_stage, StageChange.reason)
        .where(StageChange.application_id.in_(ids), StageChange.to_stage == Stage.REJECTED.value)
        .order_by(StageChange.id)
    )
    found: dict[int, str | None] = {}
    for application_id, before, reason in steps:
        found[application_id] = reason or (found.get(application_id) if before == Stage.REJECTED else None)
    return found
