"""How many exports somebody may make within an hour: tables, archives, and all that is stored of a person."""

from __future__ import annotations

from flask_login import current_user

from dashboard.audit_actions import Action
from dashboard.clock import utcnow
from dashboard.extensions import db
from dashboard.services import audit, throttle
from dashboard.services.throttle import ExportsThrottled
from dashboard.web.edge import acting, another_site_asks, settings, writing


class NotWished(Exception):
    """Another site had the browser ask for an export: its files would lie on the disk of somebody who wanted none."""


def count() -> None:
    """Count one that is about to begin. Commits, unless another site asks for it.

    Raises `NotWished` and `ExportsThrottled`, which `errors` answers.
    Of those that are refused only the first is noted: whoever goes on asking shall not fill the log.
    """
    if another_site_asks():
        raise NotWished
    most, now = settings().exports_per_hour, utcnow()
    if not most:
        return
    writer = writing()
    try:
        throttle.begin_export(writer, current_user.id, most=most, now=now)
    except ExportsThrottled as throttled:
        if throttled.is_first:
            audit.note(writer, Action.EXPORTS_STOPPED, at=now, **acting())
        db.session.commit()
        raise
    db.session.commit()
