"""The page of one application: everything that is shown of it, gathered."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

from flask import render_template

from dashboard import queries
from dashboard.clock import utcnow
from dashboard.models import Application, Outbound
from dashboard.models.outbound import State
from dashboard.services import reading as reading_verbs
from dashboard.services import reporting
from dashboard.stages import REJECTION_REASONS, Stage, still_true
from dashboard.web.edge import reading, reporting_rules


def page(application: Application, typed: Mapping[str, str] = MappingProxyType({})) -> str:
    """An application's page. `typed`: what a refused form held, so that nobody has to write it again."""
    return render_template(
        "applications/show.html",
        sheet=reading_verbs.answers(application),
        click=reading_verbs.click(reading(), application),
        others=queries.others_of(reading(), application),
        timeline=reading_verbs.timeline(reading(), application, now=utcnow()),
        **context(application, typed),
    )


def context(application: Application, typed: Mapping[str, str] = MappingProxyType({})) -> dict[str, object]:
    """What `_outcome.html` shows of an application."""
    now = utcnow()
    rules = reporting_rules()
    reporting_stages = [stage for stage in Stage if stage in rules.conversions or stage in rules.dispositions]
    report = reporting.conversion_of(reading(), application, rules)
    return {
        "application": application,
        "stages": list(Stage),
        "now": now,
        "typed": typed,
        "tells": [(stage, _told_at(application, stage)) for stage in reporting_stages],
        "will_send": reporting.in_words(reading(), application, Stage.HIRED, rules),
        "report": report if report and _concerns(report, application) else None,
        "taken_back": bool(report and report.stage and not still_true(Stage(report.stage), Stage(application.stage))),
        "is_reported": application.stage in rules.conversions,
        "rejection_reasons": REJECTION_REASONS,
        "seconds_left": max(0, math.ceil((report.due_at - now).total_seconds())) if report else 0,
    }


def _told_at(application: Application, stage: Stage) -> str:
    """What moving to `stage` tells Talroo, without what it does not."""
    words = reporting.in_words(reading(), application, stage, reporting_rules())
    return words.removeprefix("no conversion configured; ").removesuffix("; disposition: none configured")


def _concerns(report: Outbound, application: Application) -> bool:
    """A cancelled report is worth a line only while somebody may wonder whether it went out."""
    return report.state != State.CANCELLED or application.stage != Stage.HIRED
