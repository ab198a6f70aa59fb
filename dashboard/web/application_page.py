"""The page of one application: everything that is shown of it, gathered."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType

from flask import render_template
from flask_login import current_user

from dashboard import review_queue
from dashboard.choices import current_choices
from dashboard.clock import utcnow
from dashboard.database import public_id
from dashboard.highlight import Marks
from dashboard.models import Application, Outbound
from dashboard.models.activity import ActivityKind
from dashboard.models.outbound import State
from dashboard.services import reading as reading_verbs
from dashboard.services import record, reporting, whose
from dashboard.services.record import Record
from dashboard.stages import NEEDS_NOTE, REJECTION_REASONS, Stage
from dashboard.web import along, noting
from dashboard.web.edge import reading, reporting_rules


def page(
    application: Application,
    typed: Mapping[str, str] = MappingProxyType({}),
    team_typed: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """An application's page. `typed`: what a refused form held, so that nobody has to write it again.

    `team_typed`: the same of one of the team's forms.
    """
    noting.application_shown(application)
    asked = along.asked() or along.everybody()
    now, keys = utcnow(), reporting.keys(application, reporting_rules())
    found = record.of(reading(), application, current_user.reach, now=now, viewer_id=current_user.id, keys=keys)
    return render_template(
        "applications/show.html",
        queue=review_queue.around(reading(), asked, application),
        marks=Marks.of(asked.text),
        sheet=reading_verbs.answers(application),
        click=application.click,
        others=found.others,
        doubts=_doubts(application, found),
        looking=found.looking,
        keeping=found.kept,
        because=_because(application, found),
        **_team(application, found, now, team_typed),
        **context(application, typed, found.outbounds),
    )


def _doubts(application: Application, found: Record) -> dict[int, str]:
    """Of the person's other applications those that only a telephone joins to this one, which households share."""
    said = {one.other_id for one in found.activities if one.kind == ActivityKind.LINKED}
    return {
        other.id: whose.doubt(application, other)
        for other in found.others
        if other.email_key != application.email_key and other.id not in said
    }


def _because(application: Application, found: Record) -> str | None:
    """Why somebody who is rejected was, in words."""
    if application.stage != Stage.REJECTED:
        return None
    last = next((change for change in found.changes if change.to_stage == Stage.REJECTED), None)
    return REJECTION_REASONS.get(last.reason or "") if last else None


def team_part(application: Application, typed: Mapping[str, str] = MappingProxyType({})) -> str:
    """What changes on the page when colleagues rate, assign, tag or note."""
    noting.part_shown(application)
    now = utcnow()
    found = record.of(reading(), application, current_user.reach, now=now, viewer_id=current_user.id)
    part = _team(application, found, now, typed)
    return render_template("applications/_team_part.html", application=application, part=True, **part)


def _team(application: Application, found: Record, now: datetime, typed: Mapping[str, str]) -> dict[str, object]:
    return {
        "tags": found.tags,
        "tag_names": _tag_names(found),
        "colleagues": found.colleagues,
        "timeline": reading_verbs.history(application, found, now=now),
        "note_token": public_id(),
        "team_typed": typed,
    }


def _tag_names(found: Record) -> list[str]:
    """The tags to choose from: whoever is limited is shown those of whom they see."""
    if not current_user.reach.is_limited:
        return found.tag_names
    return [name for _, name in current_choices(reading(), None, current_user.reach).tags]


def context(
    application: Application,
    typed: Mapping[str, str] = MappingProxyType({}),
    concerned: Iterable[Outbound] | None = None,
) -> dict[str, object]:
    """What `_outcome.html` shows of an application. `concerned`: see `reporting.concerning`."""
    now, rules = utcnow(), reporting_rules()
    if concerned is None:
        concerned = reporting.concerning(reading(), application, rules)
    reporting_stages = [stage for stage in Stage if stage in rules.conversions or stage in rules.dispositions]
    report = reporting.conversion_of(application, concerned, rules)
    words = {stage: reporting.in_words(application, stage, rules, concerned) for stage in Stage}
    return {
        "application": application,
        "stages": list(Stage),
        "onward": Stage(application.stage).next,
        "now": now,
        "typed": typed,
        "tells": [(stage, words[stage].told) for stage in reporting_stages],
        "will_send": words[Stage.HIRED].all,
        "report": report if report and _concerns(report, application) else None,
        "taken_back": bool(report and report.is_taken_back(application.stage)),
        "is_reported": application.stage in rules.conversions,
        "rejection_reasons": REJECTION_REASONS,
        "needs_note": NEEDS_NOTE,
        "seconds_left": max(0, math.ceil((report.due_at - now).total_seconds())) if report else 0,
    }


def _concerns(report: Outbound, application: Application) -> bool:
    """A cancelled report is worth a line only while somebody may wonder whether it went out."""
    return report.state != State.CANCELLED or application.stage != Stage.HIRED
