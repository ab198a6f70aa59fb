"""What a delivery says, field by field: a bad field flags itself and leaves the rest readable (talroo-contract §1, §5).

To take in another field: a line in `FIELDS`, an attribute on `Facts`, a column on the model, a migration.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

from dashboard.talroo import progress, questions
from dashboard.talroo.progress import NOTHING, Progress
from dashboard.talroo.wire import Json, Number, mapping, text

APPLICATION_TYPE: Final = re.compile(r"platform:JobApplication:(completed|started):v([0-9]+)", re.ASCII)
KNOWN_VERSIONS: Final = {("completed", "2"), ("started", "1")}
PULLED: Final = "pulled"
"""`Delivery.source` of what the Platform API listed; what Talroo sent by itself is `pushed`."""
MAX_ID: Final = 255
MAX_TYPE: Final = 255


class NotUnderstood(ValueError):
    """This is not an application we can file. The message tells a person why; the delivery is kept whole."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """The outside of a delivery. Everything may be missing; `data` is then empty."""

    event_id: str | None
    event_type: str | None
    event_at: datetime | None
    data: Mapping[str, Json]


class _Row:
    """Facts that go into columns of the same names."""

    __slots__ = ()
    __dataclass_fields__: ClassVar[dict[str, Any]]

    def as_row(self) -> dict[str, Any]:
        """Column name → value. (`dataclasses.asdict` copies every value deeply, which takes as long as an INSERT.)"""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True, slots=True)
class JobFacts(_Row):
    reference: str | None = None
    talroo_reference: str | None = None
    talroo_job_id: str | None = None
    source_id: str | None = None
    title: str | None = None
    company: str | None = None
    city: str | None = None
    state: str | None = None
    zipcode: str | None = None


@dataclass(frozen=True, slots=True)
class Facts(_Row):
    """What a delivery tells of an application, None where it does not say; times aware, in UTC."""

    tlr_application_id: str | None = None
    tlr_sid: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    phone: str | None = None
    address: str | None = None
    city: str | None = None
    state: str | None = None
    zipcode: str | None = None
    qualified: bool | None = None
    started_at: datetime | None = None
    applied_at: datetime | None = None
    campaign_id: str | None = None
    segment_id: str | None = None
    redirect_url: str | None = None
    user_agent: str | None = None


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file as it was sent. `question_id`: None for the résumé; `data`: the base64 or its reference, any JSON."""

    question_id: str | None
    file_name: str | None
    declared_type: str | None
    declared_sha256: str | None
    data: Json


@dataclass(frozen=True, slots=True)
class Submission:
    """One application as one delivery tells it."""

    talroo_id: str
    completed: bool
    as_of: datetime | None
    facts: Facts
    job: JobFacts
    files: tuple[SentFile, ...]
    has_answers: bool
    disqualified_by: str | None
    flags: tuple[str, ...]
    progress: Progress = NOTHING
    """How far an unfinished one came; nobody asks it of a completed one."""


def envelope(document: Json) -> Envelope:
    """The outside of any JSON document. Never raises."""
    outer = mapping(document)
    event_id = _identifier(outer.get("id"))
    event_type = text(outer.get("type"))
    return Envelope(
        event_id=event_id,
        event_type=event_type[:MAX_TYPE] if event_type else None,
        event_at=_time_or_none(outer.get("createdAt")),
        data=mapping(outer.get("data")),
    )


def item(document: Json) -> Envelope:
    """The outside of an item of the Platform API's list, which comes bare or in an event's envelope. Never raises."""
    outer = mapping(document)
    if isinstance(outer.get("data"), dict) and not outer.keys() & _OF_AN_APPLICATION:
        return envelope(outer)
    return Envelope(None, None, None, outer)


def outside(document: Json, *, source: str) -> Envelope:
    """The outside of a delivery that was `pushed` or `pulled`. Never raises."""
    return item(document) if source == PULLED else envelope(document)


def submission(outer: Envelope) -> Submission:
    """The application inside a pushed event.

    Raises `NotUnderstood` for another type of event and where nothing identifies the application.
    """
    flags: list[str] = []
    if outer.event_type is None:
        flags.append("The event names no type; it was read as an application.")
        completed = _flag(outer.data.get("completed")) is not False
    else:
        match = APPLICATION_TYPE.fullmatch(outer.event_type)
        if not match:
            raise NotUnderstood("The event's type is not a job application's.")
        if match.groups() not in KNOWN_VERSIONS:
            flags.append(f"The event type {outer.event_type[:100]} is newer than this dashboard knows.")
        completed = match[1] == "completed"
    return _submission(outer.data, completed=completed, as_of=outer.event_at, flags=flags)


def listed(outer: Envelope, *, fetched_at: datetime) -> Submission:
    """The application that an item of the list tells of, as it was at `fetched_at`.

    Raises `NotUnderstood` as `submission` does.
    """
    if outer.event_type is not None and not APPLICATION_TYPE.fullmatch(outer.event_type):
        raise NotUnderstood("The item's type is not a job application's.")
    if not outer.data:
        raise NotUnderstood("The item of the list holds no application data.")
    completed = is_completed(outer.data)
    flags = list(_absent(outer.data))
    if _flag(outer.data.get("completed")) is None:
        flags.append("The item does not say whether it is completed; the time of submission decided.")
    found = _submission(outer.data, completed=completed, as_of=outer.event_at or fetched_at, flags=flags)
    if not completed:
        return found
    # What was submitted changes no more. As of then, it fills gaps of what a push, signed and made later, has told.
    return replace(found, as_of=found.facts.applied_at or found.facts.started_at or found.as_of)


def started_at(outer: Envelope) -> datetime | None:
    """When the application was started, by which lists are sorted; None where that cannot be read."""
    return _time_or_none(outer.data.get("createdAt"))


def talroo_id(outer: Envelope) -> str | None:
    """`data.id`; None where it is missing or unreadable."""
    return _identifier(outer.data.get("id"))


def is_completed(data: Mapping[str, Json]) -> bool:
    """Whether an application is completed by its own word; where it says nothing, by having been submitted."""
    said = _flag(data.get("completed"))
    return _time_or_none(data.get("applicationTime")) is not None if said is None else said


def _absent(data: Mapping[str, Json]) -> Iterator[str]:
    """Whole parts that a pulled item lacks. (A pushed event without them is of another kind altogether.)"""
    for key, label in _CONTAINERS[:2]:
        if data.get(key) in (None, "", [], {}):
            yield f"{label} is missing in what Talroo lists."


def _submission(data: Mapping[str, Json], *, completed: bool, as_of: datetime | None, flags: list[str]) -> Submission:
    if not data:
        raise NotUnderstood("The event holds no application data.")
    identifier = _identifier(data.get("id"))
    if identifier is None:
        raise NotUnderstood("Nothing identifies the application: data.id is missing or unreadable.")
    flags += (f"{label} came in a form that cannot be read." for key, label in _CONTAINERS if _is_odd(data.get(key)))
    facts = Facts(**_read(Facts, data, flags))
    return Submission(
        talroo_id=identifier,
        completed=completed,
        as_of=as_of,
        facts=facts,
        job=JobFacts(**_read(JobFacts, data, flags)),
        files=tuple(_files(data, flags)),
        has_answers=questions.has_answers(data),
        # The reason is shown beside "not qualified" only, and finding it costs more than the rest of the facts.
        disqualified_by=questions.disqualification(data) if facts.qualified is False else None,
        flags=tuple(flags),
        progress=NOTHING if completed else progress.read(questions.read(data)),
    )


# --- fields -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Field:
    """Where a fact stands in `data` (tried in order), what people call it, how it is read, how much of it is kept."""

    belongs_to: type[Facts] | type[JobFacts]
    name: str
    paths: tuple[tuple[str, ...], ...]
    label: str
    read: Callable[[Json], Any] = text
    limit: int = 255


def _applicant(name: str, key: str, label: str, limit: int = 255) -> Field:
    return Field(Facts, name, (("applicant", key),), label, limit=limit)


def _job(name: str, *keys: str, label: str, limit: int = 255) -> Field:
    return Field(JobFacts, name, tuple(("job", key) for key in keys), label, limit=limit)


def _flag(value: Json) -> bool | None:
    """True or False, also where they came as text; None for anything else."""
    return {"true": True, "1": True, "false": False, "0": False}.get((text(value) or "").strip().lower())


def _time_or_none(value: Json) -> datetime | None:
    words = (text(value) or "").strip()
    try:
        if isinstance(value, Number) or (words.isascii() and words.isdigit()):
            number = float(words)
            moment = datetime.fromtimestamp(number / 1000 if number > 1e11 else number, UTC)
        else:
            moment = datetime.fromisoformat(words)
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return moment if 1990 <= moment.year <= 2200 else None


FIELDS: Final = (
    Field(Facts, "tlr_application_id", (("tlrApplicationId",),), "Talroo's application id"),
    Field(Facts, "tlr_sid", (("tlrSid",),), "The click id"),
    _applicant("first_name", "firstName", "The first name", 500),
    _applicant("last_name", "lastName", "The last name", 500),
    _applicant("email", "emailAddress", "The email address", 500),
    _applicant("phone", "phone", "The phone number", 100),
    _applicant("address", "address", "The address", 1000),
    _applicant("city", "city", "The applicant's city"),
    _applicant("state", "state", "The applicant's state"),
    _applicant("zipcode", "zipcode", "The applicant's zip code", 100),
    Field(Facts, "qualified", (("qualified",),), "The qualified mark", _flag),
    Field(Facts, "started_at", (("createdAt",),), "The time the application was started", _time_or_none),
    Field(Facts, "applied_at", (("applicationTime",),), "The time the application was submitted", _time_or_none),
    Field(Facts, "campaign_id", (("campaignId",),), "The campaign id"),
    Field(Facts, "segment_id", (("segmentId",),), "The segment id"),
    Field(Facts, "redirect_url", (("redirectUrl",),), "The redirect address", limit=2000),
    Field(Facts, "user_agent", (("analytics", "userAgent"),), "The browser's name", limit=1000),
    _job("reference", "originalJobReference", "jobReference", "jobId", label="The job reference"),
    _job("talroo_reference", "jobReference", label="Talroo's job reference"),
    _job("talroo_job_id", "jobId", label="Talroo's job id"),
    _job("source_id", "sourceId", label="The source id"),
    _job("title", "title", label="The job title", limit=500),
    _job("company", "company", label="The company", limit=500),
    _job("city", "city", label="The job's city"),
    _job("state", "state", label="The job's state"),
    _job("zipcode", "zipcode", label="The job's zip code"),
)

_FIELDS_OF: Final = {kind: tuple(f for f in FIELDS if f.belongs_to is kind) for kind in (Facts, JobFacts)}
assert all({f.name for f in _FIELDS_OF[kind]} == {f.name for f in fields(kind)} for kind in _FIELDS_OF)


_OF_AN_APPLICATION: Final = {"job", "applicant", "tlrSid", "tlrApplicationId", "questionsAndAnswers"}
_CONTAINERS: Final = (("job", "The job"), ("applicant", "The applicant"), ("analytics", "The part on the browser"))


def _is_odd(container: Json) -> bool:
    return container not in (None, "", []) and not isinstance(container, dict)


def _read(kind: type[Facts] | type[JobFacts], data: Mapping[str, Json], flags: list[str]) -> dict[str, Any]:
    return {spec.name: _read_field(spec, data, flags) for spec in _FIELDS_OF[kind]}


def _read_field(spec: Field, data: Mapping[str, Json], flags: list[str]) -> Any:
    for path in spec.paths:
        raw = _dig(data, path)
        if raw is None or raw == "":
            continue
        value = spec.read(raw)
        if value is None:
            flags.append(f"{spec.label} came in a form that cannot be read.")
        elif isinstance(value, str):
            value = value.strip()
            if len(value) > spec.limit:
                flags.append(f"{spec.label} is cut: only its first {spec.limit} characters are shown.")
                value = value[: spec.limit]
        if value not in (None, ""):
            return value
    return None


def _dig(data: Mapping[str, Json], path: tuple[str, ...]) -> Json:
    value: Json = data
    for key in path:
        value = mapping(value).get(key)
    return value


def _identifier(value: Json) -> str | None:
    """An id as text; None where it is missing, blank, no scalar, or longer than any real one."""
    if isinstance(value, bool):
        return None
    words = (text(value) or "").strip()
    return words if words and len(words) <= MAX_ID else None


# --- files --------------------------------------------------------------------------------------------------------


def _files(data: Mapping[str, Json], flags: list[str]) -> Iterator[SentFile]:
    resume = mapping(data.get("applicant")).get("resume")
    if isinstance(resume, dict):
        if any(value not in (None, "") for value in resume.values()):
            yield _sent_file(None, resume)
    elif resume not in (None, "", []):
        flags.append("The résumé came in a form that cannot be read.")
    for question_id, answer in questions.file_answers(data):
        yield _sent_file(question_id, answer)


def _sent_file(question_id: str | None, answer: Mapping[str, Json]) -> SentFile:
    def short(key: str, limit: int) -> str | None:
        return (text(answer.get(key)) or "").strip()[:limit] or None

    return SentFile(
        question_id=question_id[:500] if question_id is not None else None,
        file_name=short("fileName", 500),
        declared_type=short("contentType", 255),
        declared_sha256=short("contentSha256", 255),
        data=answer.get("data"),
    )
