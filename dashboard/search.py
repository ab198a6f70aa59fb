"""Finding applications by words: names, e-mail addresses, phone numbers, jobs and résumé texts.

Both databases index the same words, made here: folded to ASCII letters and digits, so that "Muñoz" is found by
"munoz" and Arabic names by their Latin spelling. The tables differ: FTS5 on SQLite, a `tsvector` on PostgreSQL.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from anyascii import anyascii
from sqlalchemy import Select, TextClause, text
from sqlalchemy.orm import Session

from dashboard.models import Application, Job
from dashboard.prepared import Prepared
from dashboard.talroo.payload import Facts, JobFacts

TABLE: Final = "application_search"
MAX_WORDS: Final = 4_000
MAX_WORD: Final = 40
MAX_TERMS: Final = 8

_WORD: Final = re.compile(r"[a-z0-9]+")
_PHONE: Final = re.compile(r"[\s()+./-]*(?:[0-9][\s()+./-]*){4,}")


def words(parts: Iterable[str | None]) -> list[str]:
    """The words to index: folded, in order, bounded in number and length."""
    found: list[str] = []
    for part in parts:
        if part:
            found += (word[:MAX_WORD] for word in _WORD.findall(anyascii(part).lower()))
            if len(found) >= MAX_WORDS:
                break
    return found[:MAX_WORDS]


def application_words(
    facts: Application | Facts, job: Job | JobFacts | None, texts: Iterable[str | None] = ()
) -> list[str]:
    """Everything `facts` (an application, or what a delivery tells of one) can be found by, with its files' texts."""
    person = (facts.first_name, facts.last_name, facts.email, *phone_forms(facts.phone))
    place = (facts.city, facts.state, facts.zipcode)
    offer = (job.title, job.company, job.reference, job.city, job.state, job.zipcode) if job else ()
    named = words([*person, *place, *offer])
    return (named + words(texts))[:MAX_WORDS]


def phone_forms(phone: str | None) -> tuple[str, ...]:
    """A phone number as people look for it: all its digits, without the country code, and its last seven."""
    digits = "".join(character for character in anyascii(phone or "") if character.isdigit())
    return tuple(dict.fromkeys(form for form in (digits, digits[-10:], digits[-7:]) if form))


def index(session: Session, application_id: int, found: Sequence[str]) -> None:
    """Put the words of an application into the index, in place of what was there."""
    _WRITE.first(session, _row(session.get_bind().dialect.name, application_id, found))


def index_many(session: Session, found: Iterable[tuple[int, Sequence[str]]]) -> None:
    """The same for many applications at once: their ids with their words."""
    dialect = session.get_bind().dialect.name
    rows = [_row(dialect, number, words) for number, words in found]
    if rows:
        session.execute(_write(dialect), rows)


def _row(dialect: str, application_id: int, found: Sequence[str]) -> dict[str, object]:
    # A tsvector keeps each word once: spare it the work.
    words: object = list(dict.fromkeys(found)) if dialect == "postgresql" else " ".join(found)
    return {"id": application_id, "words": words}


def _write(dialect: str) -> TextClause:
    return _WRITE_POSTGRESQL if dialect == "postgresql" else _WRITE_SQLITE


def narrow(statement: Select[Any], asked: str, dialect: str) -> Select[Any]:
    """Only applications that hold a word beginning with each word of `asked`."""
    terms = _terms(asked)
    if not terms:
        return statement
    if dialect == "postgresql":
        matching = text(f"SELECT application_id FROM {TABLE} WHERE words @@ CAST(:terms AS tsquery)")  # noqa: S608
        query = " & ".join(f"'{term}':*" for term in terms)
    else:
        matching = text(f"SELECT rowid FROM {TABLE} WHERE {TABLE} MATCH :terms")  # noqa: S608
        query = " ".join(f'"{term}"*' for term in terms)
    return statement.where(Application.id.in_(matching.bindparams(terms=query).columns(Application.id)))


def _terms(asked: str) -> list[str]:
    if _PHONE.fullmatch(asked.strip()):
        digits = "".join(character for character in asked if character.isdigit())
        return [digits[1:] if len(digits) == 11 and digits[0] == "1" else digits]
    return words([asked])[:MAX_TERMS]


_WRITE_SQLITE: Final = text(f"INSERT OR REPLACE INTO {TABLE} (rowid, words) VALUES (:id, :words)")  # noqa: S608
_WRITE_POSTGRESQL: Final = text(
    f"INSERT INTO {TABLE} (application_id, words) VALUES (:id, array_to_tsvector(CAST(:words AS text[])))"  # noqa: S608
    " ON CONFLICT (application_id) DO UPDATE SET words = excluded.words"
)
_WRITE: Final = Prepared(_write)
