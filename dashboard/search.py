"""One index for every list: the words an application is found by, and whatever else lists can be narrowed by.

Both databases index the same tokens (`tokens`). Any combination of words and terms is one question to one index: FTS5
on SQLite, a `tsvector` on PostgreSQL.

An entry's number is its application's place in the inbox (`Application.inbox_no`), so that the index hands out what it
finds in the list's order. An incomplete application, which has no place, has its id below zero.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    String,
    TextualSelect,
    bindparam,
    column,
    func,
    select,
    table,
    text,
)
from sqlalchemy.orm import Session

from dashboard import tokens
from dashboard.database import UTCDateTime
from dashboard.models import Application
from dashboard.paging import Place
from dashboard.talroo.payload import Facts

TABLE: Final = "application_search"
MAX_TERMS: Final = 8

LOOKED_THROUGH: Final = 1_500
"""On PostgreSQL, whose index knows no order and reads all that match: of so many of the newest, those are counted."""
WALKED_THROUGH: Final = 16 * LOOKED_THROUGH
"""Where as large a share of so many would be enough, the list is gone through in its order; else the index is asked."""

_PHONE: Final = re.compile(r"[\s()+./-]*(?:[0-9][\s()+./-]*){4,}")


@dataclass(frozen=True, slots=True)
class Entry:
    """What the index holds of one application."""

    number: int
    words: Sequence[str]
    facts: Sequence[str]
    state: Sequence[str]


# --- writing --------------------------------------------------------------------------------------------------------


def mark() -> int:
    """For `Application.unindexed`: who indexed something older sees that it changed meanwhile."""
    return secrets.randbelow(2**31 - 1) + 1


def put(session: Session, entries: Iterable[Entry]) -> None:
    """Put entries into the index, in place of what was there under their numbers."""
    dialect = session.get_bind().dialect.name
    if rows := [_row(dialect, entry) for entry in entries]:
        session.execute(_PUT_POSTGRESQL if dialect == "postgresql" else _PUT_SQLITE, rows)


def remove(session: Session, numbers: Iterable[int]) -> None:
    """Take entries out; there need not be any."""
    key = "number" if session.get_bind().dialect.name == "postgresql" else "rowid"
    if rows := [{"number": number} for number in numbers]:
        session.execute(text(f"DELETE FROM {TABLE} WHERE {key} = :number"), rows)  # noqa: S608


def is_known(session: Session, term_known: str) -> bool:
    """Whether any entry has this term."""
    query = Query(terms=((term_known,),))
    dialect = session.get_bind().dialect.name
    matches = "words @@ CAST(:match AS tsquery)" if dialect == "postgresql" else f"{TABLE} MATCH :match"
    found = text(f"SELECT 1 FROM {TABLE} WHERE {matches} LIMIT 1")  # noqa: S608
    return session.scalar(found, {"match": expression(query, dialect, 0)}) is not None


def restate(session: Session, states: Iterable[tuple[int, Sequence[str]]]) -> None:
    """Replace what people decided in entries that are there, by number; the rest of them stays as it is."""
    if session.get_bind().dialect.name == "postgresql":
        statement, rows = _RESTATE_POSTGRESQL, [{"number": n, "state": list(state)} for n, state in states]
    else:
        statement, rows = _RESTATE_SQLITE, [{"number": n, "state": " ".join(state)} for n, state in states]
    if rows:
        session.execute(statement, rows)


def _row(dialect: str, entry: Entry) -> dict[str, object]:
    if dialect == "postgresql":
        return {"number": entry.number, "words": list(dict.fromkeys([*entry.words, *entry.facts, *entry.state]))}
    parts = {"words": entry.words, "facts": entry.facts, "state": entry.state}
    return {"number": entry.number} | {name: " ".join(tokens) for name, tokens in parts.items()}


_PUT_SQLITE: Final = text(
    f"INSERT OR REPLACE INTO {TABLE} (rowid, words, facts, state) VALUES (:number, :words, :facts, :state)"  # noqa: S608
)
_PUT_POSTGRESQL: Final = text(
    f"INSERT INTO {TABLE} (number, words) VALUES (:number, array_to_tsvector(CAST(:words AS text[])))"  # noqa: S608
    " ON CONFLICT (number) DO UPDATE SET words = excluded.words"
)
_RESTATE_SQLITE: Final = text(f"UPDATE {TABLE} SET state = :state WHERE rowid = :number")  # noqa: S608
_RESTATE_POSTGRESQL: Final = text(
    f"UPDATE {TABLE} SET words = array_to_tsvector(ARRAY("  # noqa: S608
    "SELECT token FROM unnest(tsvector_to_array(words)) AS token"
    f" WHERE left(token, {len(tokens.STATE)}) <> '{tokens.STATE}')"
    " || CAST(:state AS text[])) WHERE number = :number"
)


# --- asking ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked of the index: a word that begins with each word `typed`, and one term of each group.

    `since`, `before`: the exact times of applying, which terms know by the day only. `called`: how words of the name,
    email address or phone number begin, each as `words` folds it.
    """

    typed: str = ""
    terms: tuple[tuple[str, ...], ...] = ()
    called: tuple[str, ...] = ()
    since: datetime | None = None
    before: datetime | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it asks for nothing, so that everything matches."""
        return not (self.terms or self.called or self.typed_words)

    @property
    def typed_words(self) -> list[str]:
        if is_phone(self.typed):
            digits = "".join(character for character in self.typed if character.isdigit())
            return [digits[1:] if len(digits) == 11 and digits[0] == "1" else digits[: tokens.MAX_WORD]]
        return tokens.words([self.typed])[:MAX_TERMS]


def sought(typed: str, problems: list[str]) -> str:
    """What was typed, or nothing where no word is in it: everybody would match, and that is told in `problems`."""
    if typed and not Query(typed).typed_words:
        problems.append(f"Nothing to search for in “{typed}”: type a name, an address, a number or a word.")
        return ""
    return typed


def found(
    query: Query, dialect: str, *, after: Place | None, limit: int, oldest: bool = False, best_first: bool = False
) -> TextualSelect:
    """The numbers that match, in order, as rows of `part` and `number`.

    `best_first`: those whose name, email address or phone number has all that was typed stand first (part 1), then
    the others (part 2), each newest first. Otherwise everything is part 0.
    """
    parts = [1, 2] if best_first and query.typed_words else [0]
    if after:
        parts = [part for part in parts if part >= after.part] or parts[-1:]
    pieces: list[str] = []
    values: dict[str, Any] = {"limit": limit} | _times(query)
    for part in parts:
        begun = after if after and after.part == part else None
        values |= {f"match{part}": expression(query, dialect, part), f"from{part}": begun.number if begun else None}
        pieces.append(_piece(dialect, part, oldest=oldest, query=query, begins=begun is None))
    known = {name: value for name, value in values.items() if value is not None}
    return text(" UNION ALL ".join(pieces)).bindparams(*_bound(known)).columns(part=Integer, number=Integer)


def terms_of_newest(session: Session, query: Query, most: int) -> set[str]:
    """The terms that the newest `most` of those that match have among them."""
    dialect = session.get_bind().dialect.name
    newest = found(query, dialect, after=None, limit=most).subquery("newest")
    parts = [column(name, String) for name in ("words", "facts", "state")]
    index = table(TABLE, column("number", Integer), column("rowid", Integer), *parts)
    told: Any
    if dialect == "postgresql":
        each = select(func.unnest(func.tsvector_to_array(index.c.words)).label("token"))
        tokens = each.join(newest, newest.c.number == index.c.number).subquery("token")
        told = select(tokens.c.token).distinct().where(func.left(tokens.c.token, 2) == "__")
    else:
        told = select(index.c.facts + " " + index.c.state).join(newest, newest.c.number == index.c.rowid)
    return {token for line in session.scalars(told) for token in line.split()}


def part_of(query: Query, facts: Application | Facts) -> int:
    """In which part somebody stands of a list that has the best first, see `found`; 0 where nothing was typed."""
    who, typed = tokens.words(tokens.who(facts)), query.typed_words
    if not typed:
        return 0
    return 1 if all(any(word.startswith(one) for word in who) for one in typed) else 2


def total(query: Query, dialect: str, limit: int) -> Any:
    """How many match, counted no further than `limit`: a scalar to select."""
    exactly = _exactly(query, dialect)
    if dialect == "postgresql":
        counting = _counting_on_postgresql(exactly)
    else:
        few = f"SELECT 1 FROM {TABLE} WHERE {TABLE} MATCH :match AND rowid > 0{exactly} LIMIT :most"  # noqa: S608
        counting = f"SELECT count(*) FROM ({few}) AS few"  # noqa: S608
    values = {"match": expression(query, dialect, 0), "most": limit} | _times(query)
    return text(counting).bindparams(*_bound(values)).columns(column("total", Integer)).scalar_subquery()


def _counting_on_postgresql(exactly: str) -> str:
    number = "number > 0"
    matching = f"words @@ CAST(:match AS tsquery){exactly}"
    walked = _walk("1", number, "DESC", matching, "sampled", ":most")
    return (
        f"WITH sampled AS MATERIALIZED ({_sample(number, 'DESC', matching)}),"  # noqa: S608
        f" walked AS MATERIALIZED (SELECT count(*) AS n FROM ({walked}) AS few)"
        " SELECT CASE WHEN (SELECT n FROM walked) >= :most THEN :most ELSE (SELECT count(*) FROM"
        f" (SELECT 1 FROM {TABLE} WHERE words @@ {_hidden('match')} AND {number}{exactly} LIMIT :most) AS few) END"
    )


def later(query: Query, dialect: str, number: int, limit: int) -> Any:
    """How many match beyond a place, counted no further than `limit`: a scalar to select.

    Few have come since somebody opened a list: they are gone through, on PostgreSQL the first `LOOKED_THROUGH`.
    """
    exactly = _exactly(query, dialect)
    if dialect == "postgresql":
        newer = f"SELECT number, words FROM {TABLE} WHERE number > :beyond ORDER BY number LIMIT {LOOKED_THROUGH}"  # noqa: S608
        few = f"SELECT 1 FROM ({newer}) AS newer WHERE words @@ CAST(:match AS tsquery){exactly} LIMIT :most"  # noqa: S608
    else:
        few = f"SELECT 1 FROM {TABLE} WHERE {TABLE} MATCH :match AND rowid > :beyond{exactly} LIMIT :most"  # noqa: S608
    values = {"match": expression(query, dialect, 0), "beyond": number, "most": limit} | _times(query)
    counting = text(f"SELECT count(*) FROM ({few}) AS few")  # noqa: S608
    return counting.bindparams(*_bound(values)).columns(column("total", Integer)).scalar_subquery()


def _sample(where: str, order: str, matching: str) -> str:
    """How many of the first `LOOKED_THROUGH` match, as `n`."""
    first = f"SELECT number, words FROM {TABLE} WHERE {where} ORDER BY number {order} LIMIT {LOOKED_THROUGH}"  # noqa: S608
    return f"SELECT count(*) AS n FROM ({first}) AS gone_through WHERE {matching}"  # noqa: S608


def _walk(columns: str, where: str, order: str, matching: str, sample: str, limit: str) -> str:
    """The first `limit` that match, found by going through the list; none where `sample` says it would not be soon."""
    enough = f"(SELECT n FROM {sample}) * {WALKED_THROUGH // LOOKED_THROUGH} >= {limit}"  # noqa: S608
    every = (
        f"SELECT number, words FROM {TABLE} WHERE {where} AND {enough} ORDER BY number {order} LIMIT {WALKED_THROUGH}"  # noqa: S608
    )
    return f"SELECT {columns} FROM ({every}) AS gone_through WHERE {matching} LIMIT {limit}"  # noqa: S608


def expression(query: Query, dialect: str, part: int) -> str:
    """The question in the database's own language; `part` as in `found`."""
    typed = query.typed_words
    groups = [_any_of(group, dialect) for group in query.terms]
    groups += [_beginning(tokens.WHO + word, dialect) for word in query.called]
    anywhere = [_beginning(word, dialect) for word in typed]
    who = [_beginning(tokens.WHO + word, dialect) for word in typed]
    both = " & " if dialect == "postgresql" else " AND "
    if part == 1:
        return both.join(who + groups)
    everything = both.join(anywhere + groups)
    if part == 0:
        return everything
    without = both.join(who)
    return f"{everything} & !({without})" if dialect == "postgresql" else f"({everything}) NOT ({without})"


def narrow(statement: Select[Any], asked: str, dialect: str) -> Select[Any]:
    """Only applications, complete or not, that hold a word beginning with each word of `asked`."""
    query = Query(asked)
    if not query.typed_words:
        return statement
    if dialect == "postgresql":
        matching = text(f"SELECT number FROM {TABLE} WHERE words @@ CAST(:match AS tsquery)")  # noqa: S608
    else:
        matching = text(f"SELECT rowid FROM {TABLE} WHERE {TABLE} MATCH :match")  # noqa: S608
    numbers = matching.bindparams(match=expression(query, dialect, 0)).columns(column("number", Integer))
    return statement.where(entry_number().in_(numbers))


def called(query: Query, dialect: str, limit: int) -> TextualSelect:
    """The numbers of `limit` applications, complete or not, that the index finds, the greatest first.

    Few have to match: what is asked of whom, as `Query.called`, or more.
    """
    match = expression(query, dialect, 0)
    if dialect == "postgresql":
        # With "+ 0" by the index of words: few are called so.
        found = (
            f"SELECT number FROM {TABLE} WHERE words @@ CAST(:match AS tsquery) ORDER BY number + 0 DESC LIMIT :most"  # noqa: S608
        )
    else:
        found = f"SELECT rowid AS number FROM {TABLE} WHERE {TABLE} MATCH :match ORDER BY rowid DESC LIMIT :most"  # noqa: S608
    return text(found).bindparams(match=match, most=limit).columns(number=Integer)


def is_phone(typed: str) -> bool:
    """Whether it reads as a telephone number."""
    return _PHONE.fullmatch(typed.strip()) is not None


def entry_number() -> ColumnElement[int]:
    """The number of an application's entry."""
    return func.coalesce(Application.inbox_no, -Application.id)


def _beginning(word: str, dialect: str) -> str:
    return f"'{word}':*" if dialect == "postgresql" else f'"{word}"*'


def _any_of(group: Sequence[str], dialect: str) -> str:
    quote, either = ("'", " | ") if dialect == "postgresql" else ('"', " OR ")
    return "(" + either.join(f"{quote}{one}{quote}" for one in group) + ")"


def _piece(dialect: str, part: int, *, oldest: bool, query: Query, begins: bool) -> str:
    """One part of a list as a SELECT."""
    key = "number" if dialect == "postgresql" else "rowid"
    order, beyond = ("ASC", ">") if oldest else ("DESC", "<")
    where = f"{key} > 0" + ("" if begins else f" AND {key} {beyond} :from{part}") + "{exactly}"
    exactly = _exactly(query, dialect)
    if dialect != "postgresql":
        asked = where.format(exactly=exactly)
        return (
            f"SELECT * FROM (SELECT {part} AS part, rowid AS number FROM {TABLE}"  # noqa: S608
            f" WHERE {TABLE} MATCH :match{part} AND {asked} ORDER BY rowid {order} LIMIT :limit)"
        )
    # Where many match, they are found soon by going through the list in order; where few do, by the index. What is
    # asked decides that, not the planner: it takes words for independent of each other, which people's answers are not.
    near, sample = f"near{part}", f"sampled{part}"
    matching = f"words @@ CAST(:match{part} AS tsquery){exactly}"
    first = where.format(exactly="")
    return (
        f"SELECT {part} AS part, number FROM (WITH {sample} AS MATERIALIZED ({_sample(first, order, matching)}),"  # noqa: S608
        f" {near} AS MATERIALIZED ({_walk('number', first, order, matching, sample, ':limit')}),"
        f" far AS MATERIALIZED (SELECT number FROM {TABLE} WHERE words @@ {_hidden(f'match{part}')}"
        f" AND {where.format(exactly=exactly)} AND (SELECT count(*) FROM {near}) < :limit"
        f" ORDER BY number + 0 {order} LIMIT :limit)"
        f" SELECT number FROM {near} WHERE (SELECT count(*) FROM {near}) >= :limit"
        f" UNION ALL SELECT number FROM far) AS part{part}"
    )


def _hidden(name: str) -> str:
    """A question that PostgreSQL's planner cannot see into: it then takes few to match, and asks the index."""
    return f"(SELECT CAST(:{name} AS tsquery))"


def _exactly(query: Query, dialect: str) -> str:
    key = f"{TABLE}.rowid" if dialect != "postgresql" else "number"
    asked = [" AND applied_at >= :since"] if query.since else []
    asked += [" AND applied_at < :before"] if query.before else []
    if not asked:
        return ""
    return f" AND EXISTS (SELECT 1 FROM application WHERE application.inbox_no = {key}{''.join(asked)})"  # noqa: S608


def _times(query: Query) -> dict[str, datetime]:
    asked = {"since": query.since, "before": query.before}
    return {name: value for name, value in asked.items() if value}


def _bound(values: dict[str, Any]) -> list[Any]:
    """Parameters of a text, times as the columns have them; its own, since a statement may hold several texts."""
    types = {name: UTCDateTime() if isinstance(value, datetime) else None for name, value in values.items()}
    return [bindparam(name, value, type_=types[name], unique=True) for name, value in values.items()]
