"""What the catalogue plays: one row an event, told in the order it happens. Only data; `applications` performs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dashboard.sandbox.envelopes import COMPLETED, STARTED

WITHDRAWN: Final = "platform:JobApplication:withdrawn:v1"
"""An event type nobody has heard of."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One event.

    `job`: a reference in `jobs.JOBS`. `name`: a row of `people.CAST`, else a made-up name. `file`: one of
    `attachments.KINDS`. `who`: rows with the same mark are the same person. `extras`: rows of
    `questionnaires.EXTRAS`. `twist`: what is odd about the payload, a row of `applications.TWISTS`.
    """

    job: str
    file: str = "pdf"
    name: str | None = None
    who: str | None = None
    qualified: bool = True
    nested: bool = True
    skips: bool = False
    deep: bool = False
    extras: tuple[str, ...] = ()
    letter: str = "pdf"
    twist: str | None = None
    kind: str = COMPLETED


SCENES: Final = (
    Scene("PF-1042", "pdf-photo", extras=("letter",)),
    Scene("HV-201", "docx", name="vietnamese"),
    Scene("WB/7731", "none"),
    Scene("SRMC-RN-09", "pdf", name="accents", deep=True),
    Scene("SRMC-RN-09", "none", who="returning", kind=STARTED),
    Scene("bbfl 0077", "jpeg", name="apostrophe", deep=True, extras=("inspection",)),
    Scene("CK-LINE-4", "png", nested=False),
    Scene("NG-3310", "rtf", name="nordic"),
    Scene("PF-1090", "none", skips=True),
    Scene("HV-230", "txt", who="busy"),
    Scene("PF-1055", "truncated", nested=False),
    Scene("WB/7740", "pdf", name="long", letter="docx", extras=("letter",)),
    Scene("SRMC-CNA-31", "docx", name="polish", qualified=False),
    Scene("bbfl 0081", "pdf", twist="numbers"),
    Scene("HV-214", "pdf", name="capitals", nested=False),
    Scene("SRMC-RN-09", "pdf", who="returning", deep=True, twist="completes-started"),
    Scene("PF-1042", "wrong-hash", name="small"),
    Scene("PF-1042", "pdf", qualified=False, skips=True),
    Scene("CK-LINE-4", "docx", name="chinese"),
    Scene("PF-1090", "none", who="busy", twist="no-address"),
    Scene("NG-3310", "broken-base64"),
    Scene("HV-201", "docx", name="arabic", nested=False),
    Scene("WB/7731", "txt", name="hebrew"),
    Scene("bbfl 0077", "pdf-photo", qualified=False, extras=("inspection",)),
    Scene("SRMC-RN-09", "pdf", deep=True, nested=False, extras=("stars",)),
    Scene("HV-230", "none", kind=STARTED),
    Scene("PF-1055", "html"),
    Scene("HV-214", "docx", name="japanese"),
    Scene("PF-1042", "pdf", name="only-one"),
    Scene("bbfl 0081", "pdf", who="busy", twist="strings"),
    Scene("SRMC-CNA-31", "empty", name="korean"),
    Scene("CK-LINE-4", "rtf", name="markup"),
    Scene("WB/7740", "none", twist="no-questions"),
    Scene("PF-1090", "pdf", name="no-last", nested=False),
    Scene("NG-3310", "pdf", twist="no-click"),
    Scene("HV-201", "png", qualified=False),
    Scene("bbfl 0077", "none", kind=WITHDRAWN),
    Scene("PF-1042", "pdf", deep=True, twist="sent-again", extras=("letter",)),
    Scene("WB/7731", "no-data", name="spaces"),
    Scene("SRMC-RN-09", "docx", qualified=False, deep=True),
    Scene("HV-214", "pdf", name="emoji", twist="unknown-fields"),
    Scene("bbfl 0081", "odd-name", skips=True, nested=False),
    Scene("PF-1055", "pdf", deep=True, extras=("stars", "letter"), letter="png"),
    Scene("HV-230", "pdf", twist="lost-zero"),
    Scene("CK-LINE-4", "pdf"),
    Scene("WB/7740", "none", kind=STARTED),
    Scene("PF-1042", "docx", who="busy", deep=True),
    Scene("NG-3310", "pdf-photo", nested=False),
    Scene("SRMC-CNA-31", "rtf", deep=True),
    Scene("HV-201", "none", twist="empty-questions"),
    Scene("bbfl 0077", "pdf", deep=True, extras=("letter",), letter="truncated"),
    Scene("PF-1090", "jpeg", nested=False),
    Scene("WB/7731", "pdf"),
    Scene("SRMC-RN-09", "pdf-photo", name="accents", extras=("letter",), letter="wrong-hash"),
    Scene("HV-214", "txt", qualified=False),
    Scene("PF-1055", "docx"),
    Scene("CK-LINE-4", "pdf", deep=True),
    Scene("PF-1042", "pdf"),
)
