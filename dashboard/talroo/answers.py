"""One question and the answer to it, in words (talroo-contract §1, the table of question types).

Labels stand in for values, and whatever cannot be understood is shown as it was sent: an answer is never lost
because a definition is broken.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from dashboard.talroo import wire
from dashboard.talroo.answer_sheet import Answer
from dashboard.talroo.formats import complaints, hint
from dashboard.talroo.wire import Json

MAX_ID: Final = 500
MAX_QUESTION: Final = 2_000
MAX_ANSWER: Final = 20_000
MAX_COMPACT: Final = 2_000

TYPED: Final = frozenset({"text", "textarea", "date"})
CHOSEN: Final = frozenset({"select", "multiselect", "hierarchical"})
PRESENTATIONAL: Final = frozenset({"pagebreak", "information"})
KINDS: Final = TYPED | CHOSEN | PRESENTATIONAL | {"file"}

_TRUE: Final = frozenset({"true", "1"})
_ISO_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_FILE_FIELDS: Final = frozenset({"fileName", "contentType", "contentSha256", "data"})
_NO_NAME: Final = "File without a name"


@dataclass(frozen=True, slots=True)
class Option:
    """One choice. `value` is the raw text that an answer carries."""

    value: str
    label: str
    correct: bool


@dataclass(frozen=True, slots=True, eq=False)
class Definition:
    """A question as Talroo defines it. `key`: its raw id, None where it has none; `id` is fit to be shown."""

    fields: dict[str, Json]
    key: str | None
    id: str
    kind: str
    text: str
    options: dict[str, Option]
    can_qualify: bool

    def label(self, value: str) -> str:
        """The words for one raw value of an answer."""
        option = self.options.get(value)
        return option.label if option else shown(value, MAX_ANSWER)


@dataclass(frozen=True, slots=True)
class Reply:
    """What was answered to one question. No answers: it was left empty."""

    answers: tuple[Answer, ...] = ()
    notes: tuple[str, ...] = ()
    file_name: str = ""
    is_file: bool = False
    date: datetime.date | None = None

    @property
    def qualifies(self) -> bool:
        return any(answer.qualifying for answer in self.answers)

    @property
    def disqualifies(self) -> bool:
        """Answered, where some choice would have qualified, and none of those was chosen."""
        return not self.qualifies and any(answer.qualifying is False for answer in self.answers)


def raw_text(value: Json) -> str | None:
    """A scalar as text exactly as it was sent, to be compared; None for null, objects and arrays."""
    return value if isinstance(value, str) else wire.text(value)


def is_true(value: Json) -> bool:
    """Whether a flag is set: true, "true", 1 or "1"."""
    text = raw_text(value)
    return text is not None and text.strip().lower() in _TRUE


def shown(text: str, most: int) -> str:
    """`text` cleaned and at most `most` characters long, with an ellipsis where it was cut."""
    return wire.clean(text) if len(text) <= most else wire.clean(text[: most - 1]) + "…"


def define(value: Json, place: str) -> Definition:
    """Read the definition of a question, whatever it is. `place` ("3", "3.2") names what has no name of its own."""
    fields = wire.mapping(value)
    key = raw_text(fields.get("id"))
    name = shown(key, MAX_ID) if key else ""
    kind = kind_of(fields)
    options: dict[str, Option] = {}
    for option in _options(fields.get("options")):
        options.setdefault(option.value, option)
    return Definition(
        fields=fields,
        key=key,
        id=name or f"question-{place}",
        kind=kind,
        text=_words(fields.get("question") if fields else value) or name or f"Question {place}",
        options=options,
        can_qualify=any(option.correct for option in options.values()),
    )


def kind_of(fields: dict[str, Json]) -> str:
    """The type of a question: one of `KINDS`, or as it was sent."""
    kind = (raw_text(fields.get("type")) or "").strip()
    return kind.lower() if kind.lower() in KINDS else shown(kind, 100)


def reply(definition: Definition, value: Json) -> Reply:
    """The answer `value` to a question, in words."""
    if is_empty(value):
        return Reply(is_file=definition.kind == "file")
    if definition.kind == "file" or files_in(definition.kind, value):
        return _file_reply(value)
    if definition.options or definition.kind not in TYPED:
        return _chosen_reply(definition, value if isinstance(value, list) else [value])
    return _typed_reply(definition, value)


def is_empty(value: Json) -> bool:
    """Whether nothing was answered: null, only white space, an empty object, an array of nothing."""
    if isinstance(value, str):
        return not value or value.isspace()
    if isinstance(value, list):
        return all(item is None or item == "" for item in value)
    return value is None or value == {}


def looks_like_file(value: Json) -> bool:
    """Whether an answer is a file object, under whatever type of question it came."""
    return isinstance(value, dict) and len(value.keys() & _FILE_FIELDS) > 1


def files_in(kind: str, value: Json) -> list[dict[str, Json]]:
    """The file objects an answer is made of. To a `file` question every object is one."""
    parts = value if isinstance(value, list) else [value]
    return [part for part in parts if isinstance(part, dict) and part and (kind == "file" or looks_like_file(part))]


def question_hint(definition: Definition) -> str:
    """What may be typed, such as "A whole number, from 0 to 80"; empty for choices and files."""
    free = not definition.options and (definition.kind in TYPED or definition.kind not in KINDS)
    return hint(definition.fields) if free else ""


def compact(value: Json) -> str:
    """Any JSON as one line of at most `MAX_COMPACT` characters; a file shows its name, not its content."""
    pieces: list[str] = []
    length = 0
    for piece in _pieces(value):
        pieces.append(piece)
        length += len(piece)
        if length > MAX_COMPACT:
            break
    return shown("".join(pieces), MAX_COMPACT)


def _words(value: Json) -> str:
    if is_empty(value):
        return ""
    text = raw_text(value)
    return compact(value) if text is None else shown(text, MAX_QUESTION)


def _options(value: Json) -> Iterator[Option]:
    for item in value if isinstance(value, list) else ():
        fields = item if isinstance(item, dict) else {"value": item}
        label = raw_text(fields.get("label"))
        chosen = raw_text(fields.get("value"))
        raw = label if chosen is None else chosen
        if raw is not None:
            yield Option(raw, shown(label or raw, MAX_QUESTION), is_true(fields.get("correct")))


def _chosen_reply(definition: Definition, values: Sequence[Json]) -> Reply:
    answers = tuple(_choice(definition, value) for value in values if not is_empty(value))
    notes = [_cut_note(value) for value in values if isinstance(value, str) and len(value) > MAX_ANSWER]
    if len(values) == 1 and not definition.options and definition.kind not in KINDS:
        notes.extend(complaints(definition.fields, raw_text(values[0]) or ""))
    return Reply(answers, tuple(notes))


def _choice(definition: Definition, value: Json) -> Answer:
    text = raw_text(value)
    option = None if text is None else definition.options.get(text)
    qualifying = (option is not None and option.correct) if definition.can_qualify else None
    if option:
        return Answer(option.label, qualifying)
    known = not definition.options and definition.kind not in CHOSEN
    return Answer(compact(value) if text is None else shown(text, MAX_ANSWER), qualifying, known)


def _typed_reply(definition: Definition, value: Json) -> Reply:
    text = raw_text(value)
    if text is None:
        return Reply((Answer(compact(value)),), ("The answer is not plain text; it is shown as it came.",))
    notes = complaints(definition.fields, text)
    if len(text) > MAX_ANSWER:
        notes.append(_cut_note(text))
    date = _date(text) if definition.kind == "date" else None
    if definition.kind == "date" and date is None:
        notes.append("The answer is not a date of the form YYYY-MM-DD.")
    return Reply((Answer(shown(text, MAX_ANSWER)),), tuple(notes), date=date)


def _file_reply(value: Json) -> Reply:
    files = value if isinstance(value, list) else [value]
    answers = tuple(Answer(_file_name(file)) for file in files if not is_empty(file))
    broken = any(not isinstance(file, dict) for file in files)
    notes = ("The answer is not a file; it is shown as it came.",) if broken else ()
    return Reply(answers, notes, file_name=answers[0].text if answers else "", is_file=True)


def _file_name(file: Json) -> str:
    if isinstance(file, dict):
        return shown(raw_text(file.get("fileName")) or _NO_NAME, 255)
    # Long text in place of a file object is the file's own base64, which tells nobody anything.
    text = raw_text(file)
    return compact(file) if text is None else shown(text, 200)


def _date(text: str) -> datetime.date | None:
    if not _ISO_DATE.fullmatch(text.strip()):
        return None
    try:
        return datetime.date.fromisoformat(text.strip())
    except ValueError:
        return None


def _cut_note(text: str) -> str:
    return f"The answer has {len(text):,} characters; only the first {MAX_ANSWER:,} are shown."


def _pieces(value: Json) -> Iterator[str]:
    """The words of `value`, in order, with an explicit stack: what arrives may be nested to any depth."""
    stack: list[Iterator[tuple[str, Json]]] = [iter((("", value),))]
    closing = [""]
    first = True
    while stack:
        item = next(stack[-1], None)
        if item is None:
            stack.pop()
            yield closing.pop()
            first = False
            continue
        name, inner = item
        yield ("" if first else ", ") + name
        first = isinstance(inner, dict | list) and not looks_like_file(inner)
        if not first:
            yield _scalar(inner)
            continue
        brackets = ("", "") if len(stack) == 1 else ("{", "}") if isinstance(inner, dict) else ("[", "]")
        yield brackets[0]
        stack.append(_members(inner))
        closing.append(brackets[1])


def _members(value: Json) -> Iterator[tuple[str, Json]]:
    if isinstance(value, dict):
        return ((f"{shown(key, 100)}: ", inner) for key, inner in value.items())
    return (("", inner) for inner in value)


def _scalar(value: Json) -> str:
    if isinstance(value, dict):
        return f"file “{_file_name(value)}”"
    text = raw_text(value)
    return "nothing" if text is None else shown(text, MAX_COMPACT)
