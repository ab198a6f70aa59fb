"""The words of a reminder: merge fields such as `{first_name}`, and what each stands for with one applicant.

People's text is never a format string: only the names in `FIELDS` mean something, and `{{` is a brace.
`{first_name|there}` says what stands there where the value is not known.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from dashboard.mail_address import ascii_host
from dashboard.models import Application, FollowUp, Job, JobFollowUp

FIELDS: Final[Mapping[str, str]] = {
    "first_name": "first name",
    "last_name": "last name",
    "job_title": "job title",
    "company": "company",
    "job_place": "job location",
    "apply_link": "apply link",
    "missing": "what is still missing",
}
"""Merge field → what it stands for."""

LONGEST_NAME: Final = 60
LONGEST_FACT: Final = 200
LONGEST_ADDRESS: Final = 2_000
PLACE_OF_REFERENCE: Final = "{job_reference}"
TALROO_HOSTS: Final = ("jobs2careers.com", "talroo.com")

_PIECE: Final = re.compile(r"\{\{|\}\}|\{[^{}\n]*\}|[{}]")
_JOINERS: Final = "\u200c\u200d"
"""Letters of some scripts, and emoji, are joined or kept apart by these, which do not show themselves."""
_IN_NAMES: Final = frozenset(f" '’‘-.,{_JOINERS}")
# "St. John", "J.R.", "Quill Jr., Ada", but not "evil.io".
_DOT_IN_NAME: Final = re.compile(r"(?:(?<=\w\w)\.|\.(?!\w(?:\.|$)))(?![ ,]|$)")
_LINK: Final = re.compile(r"@|=\?|://|\b(?:https?|mailto|tel|sms):|\bwww\.", re.IGNORECASE)
_DOTTED: Final = re.compile(r"\w+(?:[.\u3002]\w+)+")
# "U.S.", "R.N.", "18.50", "B.Sc": no link, however it is looked at.
_NO_LINK: Final = re.compile(
    r"(?:[^\W\d_]\.)+[^\W\d_]|\d+\.\d+|[bm]\.(?:sc|ed|eng|tech)|(?:ph|ed|psy|pharm)\.d|(?:asp|vb)\.net|node\.js",
    re.IGNORECASE,
)


class BadWords(ValueError):
    """A text that cannot be merged; the message says what to change."""


class BadAddress(ValueError):
    """An apply address that cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Merged:
    """`missing`: the merge fields, in words, for which there is neither a value nor a fallback."""

    text: str
    missing: tuple[str, ...]


def problem_with(text: str) -> str | None:
    """Why `text` cannot be used in a template, in words; None where it can."""
    try:
        fields_in(text)
    except BadWords as problem:
        return str(problem)
    return None


def fields_in(text: str) -> tuple[str, ...]:
    """The merge fields `text` uses, in order, each once. Raises `BadWords`."""
    return tuple(dict.fromkeys(field.name for field in _fields(text)))


def merge(text: str, values: Mapping[str, str | None]) -> Merged:
    """`text` with the value of each merge field in its place. Raises `BadWords` for a field there is not."""
    unknown = (FIELDS[field.name] for field in _fields(text) if not (values.get(field.name) or field.fallback))
    return Merged(_PIECE.sub(lambda found: _replaced(found[0], values), text), tuple(dict.fromkeys(unknown)))


def values_for(
    application: Application,
    follow_up: FollowUp | None,
    job_settings: JobFollowUp | None,
    usual_apply_url: str | None = None,
) -> dict[str, str | None]:
    """What each merge field stands for with this applicant; None where it is not known.

    `usual_apply_url`: for jobs without an address of their own; see `Rules.apply_url`.
    """
    job = application.job
    return {
        "first_name": _name(application.first_name),
        "last_name": _name(application.last_name),
        "job_title": _fact(job.title) if job else None,
        "company": _fact(job.company) if job else None,
        "job_place": _fact(job.place) if job else None,
        "apply_link": apply_link(job, job_settings, usual_apply_url),
        "missing": _listed(follow_up.missing) if follow_up else None,
    }


def checked_apply_url(text: str) -> str:
    """`text` as a job's apply address. Raises `BadAddress`, saying why, for one that cannot or must not be used.

    Never an address through which Talroo counts clicks: following it could mint a new click that is paid for.
    """
    address = text.strip()
    host = ascii_host(_host(address) or "")
    if not host:
        raise BadAddress("Enter the whole link, starting with https://, as it stands in the browser.")
    if len(address) > LONGEST_ADDRESS:
        raise BadAddress(f"This link is longer than {LONGEST_ADDRESS:,} characters. Use a shorter one.")
    if any(host == known or host.endswith(f".{known}") for known in TALROO_HOSTS):
        raise BadAddress(
            "This link leads through Talroo, where opening it can count as a new click that you pay for. "
            "Use the link of the job's own apply page."
        )
    if "tlr_sid" in _decoded(address).lower():
        raise BadAddress("This link carries somebody's Talroo click ID (tlr_sid). Use it without that part.")
    return address


# --- merging --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Field:
    """A merge field as it stands in a text. `fallback` stands for a value that is not known; may be empty."""

    name: str
    fallback: str


def _fields(text: str) -> list[_Field]:
    return [field for piece in _PIECE.findall(text) if (field := _field(piece))]


def _field(piece: str) -> _Field | None:
    """The merge field that `piece` is; None for a doubled brace."""
    if piece in ("{{", "}}"):
        return None
    if len(piece) == 1:
        raise BadWords(f"There is a single {piece} in the text. To show a brace, write {piece * 2}.")
    name, bar, fallback = piece[1:-1].partition("|")
    if name not in FIELDS:
        known = ", ".join(f"{{{field}}}" for field in FIELDS)
        raise BadWords(f"There is no merge field {piece[:40]}. The fields are {known}.")
    if bar and not fallback.strip():
        raise BadWords(f"After the | in {piece[:40]}, write what to say to people without it.")
    return _Field(name, fallback.strip())


def _replaced(piece: str, values: Mapping[str, str | None]) -> str:
    field = _field(piece)
    return piece[0] if field is None else values.get(field.name) or field.fallback or f"[{FIELDS[field.name]}]"


# --- values ---------------------------------------------------------------------------------------------------------


# Anybody can put a stranger's email address and an advertisement for a name into an application form. What is no name,
# or would be a link in that stranger's mail, is not sent to them in our name: it counts as not known.


def _name(given: str | None) -> str | None:
    name = _one_line(given)
    is_one = any(map(str.isalpha, name)) and all(_is_in_names(character) for character in name)
    return name if is_one and len(name) <= LONGEST_NAME and not _DOT_IN_NAME.search(name) else None


def _is_in_names(character: str) -> bool:
    return character in _IN_NAMES or unicodedata.category(character)[0] in "LM"


def _fact(given: str | None) -> str | None:
    fact = _one_line(given)[:LONGEST_FACT]
    return fact if fact and not _has_link(fact) else None


def _has_link(text: str) -> bool:
    """Whether a mail program may make a link of a part of `text`, in whatever letters it is written."""
    plain = "".join(one for one in unicodedata.normalize("NFKC", text) if unicodedata.category(one)[0] not in "CM")
    return bool(_LINK.search(plain)) or not all(map(_NO_LINK.fullmatch, _DOTTED.findall(plain)))


def _one_line(given: str | None) -> str:
    kept = "".join(one if one.isprintable() or one in _JOINERS else " " for one in given or "")
    return " ".join(kept.split())


def _listed(parts: Sequence[str]) -> str | None:
    """ "phone", "phone and résumé", "phone, address and résumé"."""
    return " and ".join(part for part in (", ".join(parts[:-1]), *parts[-1:]) if part) or None


def apply_link(job: Job | None, job_settings: JobFollowUp | None, usual: str | None) -> str | None:
    """The job's own apply address, else what the `usual` one is for this job; None where neither can be used."""
    own = job_settings.apply_url if job_settings else None
    reference = quote(job.reference or "", safe="") if job else ""
    address = own or (usual or "").replace(PLACE_OF_REFERENCE, reference)
    if not own and not reference and usual and PLACE_OF_REFERENCE in usual:
        return None
    try:
        return checked_apply_url(address)
    except BadAddress:
        return None


def _host(address: str) -> str | None:
    """The host of a web address that can stand in a mail; None where it is none."""
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and (parts.port or 1) and "@" not in parts.netloc
    except ValueError:
        return None
    if not usable or not address.isprintable() or " " in address or "\\" in address:
        return None
    return (parts.hostname or "").rstrip(".") or None


def _decoded(address: str) -> str:
    """Percent signs undone, also where an address is packed into another's query, and that one once more."""
    for _ in range(3):
        address = unquote(address)
    return address
