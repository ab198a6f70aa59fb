"""Bodies as no sane sender makes them: Talroo's examples with parts replaced, removed, nested, repeated and damaged."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import count
from random import Random
from typing import Any, Final

from hypothesis import strategies as st

from tests.factories import PAYLOADS, payload

NAMES: Final = tuple(sorted(path.stem for path in PAYLOADS.glob("*.json")))
KNOWN_HASH: Final = "647d8685d767a6200661cc0b1a22666387867a62050a512a2183b450e3088416"

Path = tuple[str | int, ...]


def nested(depth: int, leaf: Any) -> Any:
    for number in range(depth):
        leaf = [leaf] if number % 2 else {"data": leaf}
    return leaf


ODD: Final = (
    *(None, True, False, 0, -1, 1.5, 10**60, float("nan"), float("-inf"), [], {}, [[]], [None], {"": None}),
    *(
        "",
        " ",
        "\0",
        "\ud83d",
        "a\u202eb",
        "x" * 3_000,
        "﷽" * 400,
        "<script>",
        "'; --",
        "%s{}",
        "0123",
        "1e400",
        "../../x",
    ),
    *("QUJD", "QR==", "QUJD\n", "sha256:" + KNOWN_HASH, "data", "2026-02-30T25:00:00Z", "9" * 500, "true", "١٢٣"),
    *({"data": "QUJD"}, {"fileName": "x", "data": "QUJDREVG"}, {"questionsAndAnswers": {"questionsAndAnswers": []}}),
    *(nested(60, "x"), nested(400, {"question": {"id": "x"}, "answer": "y"})),
)
KEYS: Final = (
    "id",
    "type",
    "data",
    "answer",
    "question",
    "options",
    "value",
    "condition",
    "resume",
    "\0",
    "\ud83d",
    "",
)

LAYOUTS: Final = (
    {},
    {"ensure_ascii": False},
    {"indent": 1},
    {"separators": (",", ":")},
    {"separators": (" ,\r\n", "\t: ")},
)
ENCODINGS: Final = (*["utf-8"] * 12, "utf-8-sig", "utf-16", "utf-16-be", "utf-32")
DAMAGES: Final[tuple[Callable[[bytes, int, bytes], bytes], ...]] = (
    lambda body, at, some: body[:at] + some + body[at + len(some) :],
    lambda body, at, some: body[:at] + some + body[at:],
    lambda body, at, _: body[:at],
    lambda body, at, _: body[:at] + body[at // 2 :],
)

_numbers: Final = count(1)

# One seed instead of a draw for every choice: what is tried is many times more for the time it takes. A failing seed is
# printed and can be tried again; that its body is not made smaller is the price.
_CHANCE: Final = st.randoms(use_true_random=True)


def changed_examples() -> st.SearchStrategy[bytes]:
    """An example with some of its parts changed; event and application are often new ones."""
    return _CHANCE.map(changed_example)


def damaged_examples() -> st.SearchStrategy[bytes]:
    """The same, with some of its bytes damaged."""
    return _CHANCE.map(damaged_example)


def changed_example(chance: Random) -> bytes:
    document = payload(chance.choice(NAMES))
    document["id"] = f"fuzz-{next(_numbers)}"
    document["data"]["id"] = f"fuzz-{chance.choice('abc')}-{chance.randrange(40)}"
    for _ in range(chance.randint(1, 6)):
        _change(document, chance)
    return json.dumps(document, **chance.choice(LAYOUTS)).encode(chance.choice(ENCODINGS), "surrogatepass")


def damaged_example(chance: Random) -> bytes:
    body = changed_example(chance)
    for _ in range(chance.randint(1, 4)):
        body = chance.choice(DAMAGES)(body, chance.randrange(len(body) + 1), chance.randbytes(chance.randrange(6)))
    return body


def _change(document: Any, chance: Random) -> None:
    paths = list(_paths(document))
    if not paths:
        return
    *way, last = chance.choice(paths)
    holder = document
    for step in way:
        holder = holder[step]
    action = chance.choice(["replace", "replace", "replace", "remove", "rename", "wrap", "nest", "repeat"])
    if action == "remove":
        del holder[last]
    elif action == "rename" and isinstance(holder, dict):
        holder[chance.choice(KEYS)] = holder.pop(last)
    else:
        old = holder[last]
        holder[last] = {"wrap": [old], "nest": {chance.choice(KEYS): old}, "repeat": [old, old]}.get(
            action, _odd(chance)
        )


def _odd(chance: Random) -> Any:
    if chance.random() < 0.1:
        return "".join(
            chr(chance.randrange(chance.choice((0x80, 0x800, 0x11000)))) for _ in range(chance.randrange(30))
        )
    # A copy, because a later change may reach into it and put it inside itself.
    return json.loads(json.dumps(chance.choice(ODD)))


def _paths(value: Any, path: Path = (), depth: int = 0) -> Iterator[Path]:
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in steps:
        yield (*path, step)
        if depth < 12:
            yield from _paths(inner, (*path, step), depth + 1)
