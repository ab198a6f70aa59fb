"""A hierarchical question: from Talroo's flat list to a tree of any depth (talroo-contract §1, `hierarchicalOptions`).

An entry is asked when the answer to the question its condition names is the condition's value. What cannot be
placed by that rule (no such question, conditions in a circle) is kept right under the root, with a note.
Every question is planted here: one without sub-questions is a tree of its root alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from dashboard.talroo import wire
from dashboard.talroo.answer_sheet import Question, State, Stray
from dashboard.talroo.answers import (
    KINDS,
    MAX_ID,
    PRESENTATIONAL,
    Definition,
    Reply,
    compact,
    define,
    files_in,
    is_empty,
    is_true,
    kind_of,
    looks_like_file,
    question_hint,
    raw_text,
    reply,
    shown,
)
from dashboard.talroo.wire import Json

_ROOT: Final = 0
_LONGEST_NAME: Final = 200
_MOST_VALUES_NAMED: Final = 5

NO_CONDITION: Final = "Talroo did not say when this question is asked."
UNKNOWN_PARENT: Final = "The question that decides whether this one is asked is not among the questions."
CIRCLE: Final = "The conditions of this question run in a circle, so nobody can tell when it is asked."
UNEXPECTED: Final = "An answer came, although by its condition this question is not asked."
NO_ANSWER: Final = "Required, but no answer came."
UNKNOWN_KIND: Final = "This type of question is new to the dashboard; the answer is shown as it came."


@dataclass(frozen=True, slots=True)
class _Condition:
    """Asked if the answer to `key` is one of `values` (raw text; empty: it does not say which)."""

    key: str
    values: tuple[str, ...]


@dataclass(slots=True, eq=False)
class _Node:
    """A question while its place and its state are being found. `parent` is a position in the list of nodes."""

    definition: Definition
    conditions: tuple[_Condition, ...] = ()
    met: bool = False
    parent: int = _ROOT
    undecided: bool = False
    children: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    words: str = ""
    reply: Reply | None = None
    state: State = State.NOT_SHOWN


def plant(root: Definition, answer: Json, place: str) -> tuple[Question, tuple[Stray, ...]]:
    """The question `root` with all its sub-questions, and the answers that none of them claims.

    `answer` is an object by question id for a hierarchical question (a bare value answers the root);
    `place` numbers what has no name. Takes any JSON and raises nothing.
    """
    entries = entries_of(root.fields)
    nodes = [_Node(root, met=True), *(_node(entry, f"{place}.{n}") for n, entry in enumerate(entries, 1))]
    by_key = answers_by_key(root.fields, answer)
    sent: dict[str, Json] = answer if by_key else {} if root.key is None else {root.key: answer}
    if not by_key and root.key is None:
        nodes[_ROOT].reply = reply(root, answer)
    _place(nodes, sent)
    order = _settle(nodes)
    claimed = {node.definition.key for node in nodes}
    strays = tuple(_stray(root, key, value) for key, value in sent.items() if key not in claimed)
    return _grown(nodes, order), strays


def entries_of(fields: dict[str, Json]) -> list[Json]:
    """The sub-questions a definition lists, as they came, each followed by those it lists itself."""
    entries: list[Json] = []
    ahead = _listed(fields)
    while ahead:
        entries.append(ahead.pop())
        ahead.extend(_listed(entries[-1]))
    return entries


def _listed(value: Json) -> list[Json]:
    listed = wire.mapping(value).get("hierarchicalOptions")
    return listed[::-1] if isinstance(listed, list) else [] if is_empty(listed) else [listed]


def answers_by_key(fields: dict[str, Json], answer: Json) -> bool:
    """Whether an answer is an object by question id, rather than the answer to the root alone."""
    if not isinstance(answer, dict):
        return False
    return kind_of(fields) == "hierarchical" or (bool(_listed(fields)) and not looks_like_file(answer))


def _node(entry: Json, place: str) -> _Node:
    value = wire.mapping(entry).get("condition")
    conditions = (_condition(item) for item in (value if isinstance(value, list) else [value]))
    return _Node(define(entry, place), tuple(condition for condition in conditions if condition))


def _condition(value: Json) -> _Condition | None:
    fields = wire.mapping(value)
    key = raw_text(fields.get("id"))
    return None if key is None else _Condition(key, tuple(_texts(fields.get("value"))))


def _texts(value: Json) -> list[str]:
    texts = (raw_text(item) for item in (value if isinstance(value, list) else [value]))
    return [text for text in texts if text is not None]


def _place(nodes: list[_Node], sent: dict[str, Json]) -> None:
    """Find every node's condition, parent and answer."""
    said: dict[str, frozenset[str]] = {key: frozenset(_texts(value)) for key, value in sent.items()}
    for node in nodes[1:]:
        node.met = any(not said.get(c.key, frozenset()).isdisjoint(c.values) for c in node.conditions)
    holders = _holders(nodes)
    for number, node in enumerate(nodes[1:], 1):
        _choose_parent(nodes, number, node, holders)
    _break_circles(nodes)
    for key, numbers in holders.items():
        if key in sent:
            _hand_out(nodes, numbers, sent[key])


def _holders(nodes: list[_Node]) -> dict[str, list[int]]:
    """Which nodes carry an id, those whose condition is met first: one id may stand in several branches."""
    holders: dict[str, list[int]] = {}
    for number in sorted(range(len(nodes)), key=lambda number: not nodes[number].met):
        key = nodes[number].definition.key
        if key is not None:
            holders.setdefault(key, []).append(number)
    return holders


def _hand_out(nodes: list[_Node], numbers: list[int], value: Json) -> None:
    """Give an answer to the nodes with its id whose condition is met, or else to the first of them."""
    for number in numbers:
        if nodes[number].met or number == numbers[0]:
            nodes[number].reply = reply(nodes[number].definition, value)


def _choose_parent(nodes: list[_Node], number: int, node: _Node, holders: dict[str, list[int]]) -> None:
    parents = [_other(holders.get(condition.key, ()), number) for condition in node.conditions]
    known = [parent for parent in parents if parent is not None]
    node.parent = known[0] if known else _ROOT
    node.words = _in_words(node.conditions, parents, nodes)
    if not known:
        node.undecided = True
        own = any(condition.key == node.definition.key for condition in node.conditions)
        node.notes.append(CIRCLE if own else UNKNOWN_PARENT if node.conditions else NO_CONDITION)
    elif not any(condition.values for condition in node.conditions):
        node.undecided = True
        node.notes.append(NO_CONDITION)


def _other(numbers: Sequence[int], number: int) -> int | None:
    return next((other for other in numbers[:2] if other != number), None)


def _break_circles(nodes: list[_Node]) -> None:
    """Hang every member of a circle on the root. Whatever hangs on a member stays where it is."""
    walked_in = [_ROOT] * len(nodes)
    for start in range(1, len(nodes)):
        number = start
        while number != _ROOT and not walked_in[number]:
            walked_in[number] = start
            number = nodes[number].parent
        while walked_in[number] == start and nodes[number].parent != _ROOT:
            node = nodes[number]
            number, node.parent = node.parent, _ROOT
            node.undecided = True
            node.notes.append(CIRCLE)


def _settle(nodes: list[_Node]) -> list[int]:
    """Decide every node's state; the order in which that was done, parents before children."""
    for number, node in enumerate(nodes[1:], 1):
        nodes[node.parent].children.append(number)
    nodes[_ROOT].state = State.ANSWERED if _is_answered(nodes[_ROOT]) else State.EMPTY
    order: list[int] = []
    ahead = [_ROOT]
    while ahead:
        number = ahead.pop()
        order.append(number)
        ahead.extend(nodes[number].children)
        if number != _ROOT:
            _decide(nodes[number], nodes[nodes[number].parent])
    return order


def _decide(node: _Node, parent: _Node) -> None:
    expected = node.met and parent.state is not State.NOT_SHOWN and not node.undecided
    if _is_answered(node):
        node.state = State.ANSWERED
        if not expected and not node.undecided:
            node.notes.append(UNEXPECTED)
    elif node.reply is not None or expected:
        node.state = State.EMPTY


def _is_answered(node: _Node) -> bool:
    return node.reply is not None and bool(node.reply.answers)


def _grown(nodes: list[_Node], order: list[int]) -> Question:
    """The finished root: leaves first, because a finished question holds its children."""
    finished: dict[int, Question] = {}
    for number in reversed(order):
        node = nodes[number]
        finished[number] = _question(node, tuple(finished.pop(child) for child in node.children))
    return finished[_ROOT]


def _question(node: _Node, children: tuple[Question, ...]) -> Question:
    definition, given = node.definition, node.reply or Reply(is_file=node.definition.kind == "file")
    presentational = definition.kind in PRESENTATIONAL and node.state is not State.ANSWERED
    required = is_true(definition.fields.get("required"))
    unasked = node.state is State.NOT_SHOWN and all(child.not_asked for child in children)
    remarks = {
        UNKNOWN_KIND: bool(definition.kind) and definition.kind not in KINDS,
        NO_ANSWER: required and node.state is State.EMPTY and not presentational,
    }
    return Question(
        id=definition.id,
        kind=definition.kind,
        text=definition.text,
        required=required,
        state=None if presentational and node.state is State.EMPTY else node.state,
        presentational=presentational,
        choices=tuple(option.label for option in definition.options.values()),
        answers=given.answers,
        condition=node.words,
        hint=question_hint(definition),
        notes=(*node.notes, *given.notes, *(remark for remark, holds in remarks.items() if holds)),
        qualifies=given.qualifies,
        disqualifies=given.disqualifies,
        is_file=given.is_file,
        file_name=given.file_name,
        date=given.date,
        children=children,
        not_asked=1 + sum(child.not_asked for child in children) if unasked else 0,
    )


def _in_words(conditions: Iterable[_Condition], parents: Iterable[int | None], nodes: list[_Node]) -> str:
    """A condition as a recruiter reads it: Asked only if “Do you have an RN licence?” is Yes."""
    parts = (
        _clause(condition, None if parent is None else nodes[parent].definition)
        for condition, parent in zip(conditions, parents, strict=True)
    )
    words = " or ".join(parts)
    return f"Asked only if {words}" if words else ""


def _clause(condition: _Condition, parent: Definition | None) -> str:
    name = parent.text if parent else condition.key
    raw = condition.values[:_MOST_VALUES_NAMED]
    labels = [shown(parent.label(value) if parent else value, _LONGEST_NAME) or "empty" for value in raw]
    labels.extend(["another"] if len(condition.values) > len(raw) else [])
    wanted = f"is {' or '.join(labels)}" if labels else "has a certain answer"
    return f"“{shown(name, _LONGEST_NAME)}” {wanted}"


def _stray(root: Definition, key: str, value: Json) -> Stray:
    text = compact(value) if not is_empty(value) else ""
    return Stray(shown(key, MAX_ID), text, root.text, is_file=bool(files_in("", value)))
