"""What people are shown and given is noted in the audit log: here, once the answer is made and before it is sent.

A view says what it shows by `shown`, and what it hands out by `handed_out`. An answer that cannot be noted is not sent
(docs/decisions/0011-audit.md): whoever asks who has seen a person's data is told of everybody. Whether it was what they
wanted makes no difference: a form that is refused comes back on the whole page. Only `errors.page` shows nobody.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any, Final, TypeVar

from flask import Flask, g, request
from flask_login import current_user
from werkzeug.wrappers import Response

from dashboard import audit_list
from dashboard.audit_actions import Action
from dashboard.clock import utcnow
from dashboard.database import start_writing
from dashboard.logs import without_contents
from dashboard.models import Application, Attachment
from dashboard.services import audit
from dashboard.services.audit import Subject
from dashboard.web import errors
from dashboard.web.edge import acting, reading, storing, writing

log = logging.getLogger(__name__)

AHEAD: Final = "X-Fetched-Ahead"
"""The header of ours by which static/js/review.js says that it fetches a page to have it in memory.

Whoever asks can say so of any page: no entry is left out by it, and it is told as the browser's word."""

_ONE_LOOK: Final = timedelta(hours=1)
"""For how long what is fetched for a page, pictures of files and parts made anew, belongs to the look that is noted."""
_LOOKS: Final = (Action.APPLICATION_VIEWED, Action.FILE_VIEWED)

Item = TypeVar("Item")


def init_app(app: Flask) -> None:
    app.after_request(_note)


def shown(action: Action, subject: Subject | None = None, **details: Any) -> None:
    """Have it noted that whoever asks is shown this, unless an error is all they get. `details` as for `audit.note`."""
    g.setdefault(errors.TO_BE_NOTED, []).append((action, subject, details))


def application_shown(application: Application, **details: Any) -> None:
    """Everything about somebody; to nobody yet, says the browser, where a page is fetched ahead."""
    ahead = 1 if AHEAD in request.headers else None
    shown(Action.APPLICATION_VIEWED, Subject("application", application.public_id), ahead=ahead, **details)


def part_shown(application: Application) -> None:
    """What is put anew on somebody's page after a form; noted only where the look at the page is not.

    Whoever rates, tags and writes notes gets it each time: entries for all of them would bury the looks.
    """
    if not _has_looked(application.public_id):
        application_shown(application, page="team")


def kept_page_shown(application: Application) -> None:
    """A page says that it is open: if it was fetched ahead, it is shown only now."""
    last = audit_list.last_details(
        reading(), Action.APPLICATION_VIEWED, subject_id=application.public_id, actor_id=current_user.id
    )
    if last.get("ahead"):
        shown(Action.APPLICATION_VIEWED, Subject("application", application.public_id), from_memory=1)


def file_shown(attachment: Attachment, action: Action = Action.FILE_VIEWED) -> None:
    shown(action, Subject("file", attachment.public_id), application=attachment.application.public_id)


def picture_shown(attachment: Attachment) -> None:
    """A page of a file; noted only where the look at the file that it belongs to is not."""
    if not _has_looked(attachment.public_id, attachment.application.public_id):
        file_shown(attachment)


def _has_looked(*ids: str) -> bool:
    """Whether a look of the reader's at one of these is noted that still goes on."""
    since = utcnow() - _ONE_LOOK
    return audit_list.has_noted(reading(), _LOOKS, subject_ids=ids, actor_id=current_user.id, since=since)


def handed_out(
    what: str, items: Iterable[Item], *, counts: bool = True, subject: Subject | None = None, **details: Any
) -> Iterator[Item]:
    """`items`, of which a download is made while it is sent. Noted before the first, and again after the last.

    Only then is known how many they were, and whether whoever downloads them took them all.
    """
    shown(Action.EXPORTED, subject, what=what, **details)
    return _counted(what, items, counts=counts, by={**acting(), "subject": subject})


def _counted(what: str, items: Iterable[Item], *, counts: bool, by: Mapping[str, Any]) -> Iterator[Item]:
    number, whole = 0, 0
    try:
        for item in items:
            number += 1
            yield item
        whole = 1
    finally:
        sent = number if counts else None
        try:
            with storing() as session:
                start_writing(session)
                told: dict[str, Any] = {**by, "what": what, "whole": whole, "sent": sent}
                audit.note(session, Action.EXPORT_ENDED, at=utcnow(), **told)
                session.commit()
        except Exception as problem:
            # It is sent already, and that it began is noted.
            log.error("the end of an export could not be noted: %s", without_contents(problem))


def _note(response: Response) -> Response:
    """Write what was shown into the log: the answer's last word to the database, in a transaction of its own."""
    noted = g.pop(errors.TO_BE_NOTED, ())
    if not noted:
        return response
    try:
        session, now = writing(), utcnow()
        for action, subject, details in noted:
            audit.note(session, action, at=now, subject=subject, **acting(), **details)
        session.commit()
    except Exception as problem:
        response.close()
        return errors.answer(problem)
    return response
