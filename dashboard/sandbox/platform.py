"""The fake Platform API: tokens, and a list that is searched, sorted and paged (talroo-contract §2)."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import operator
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from dashboard.sandbox.envelopes import Payload

_MAX_SIZE: Final = 200
_MAX_TOKENS: Final = 1000


class Refused(Exception):
    """A request this API does not take: the status and the words to answer with."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(slots=True)
class Tokens:
    """The tokens given out, each with the time it ends. `life` in seconds."""

    client_id: str
    client_secret: str
    life: int = 300
    clock: Callable[[], float] = time.monotonic
    _given: OrderedDict[str, float] = field(default_factory=OrderedDict)

    def grant(self, authorization: str | None, body: bytes) -> Payload:
        """The token reply. Raises `Refused`: 401 for a wrong client, 400 for any grant but CLIENT_CREDENTIALS."""
        expected = f"{self.client_id}:{self.client_secret}".encode()
        if not hmac.compare_digest(_basic(authorization), expected):
            raise Refused(401, "Unknown client.")
        asked = _json_object(body)
        if asked.get("grantType") != "CLIENT_CREDENTIALS":
            raise Refused(400, "grantType must be CLIENT_CREDENTIALS.")
        if asked.get("clientId", self.client_id) != self.client_id:
            raise Refused(401, "clientId is not the authenticated client.")
        token = secrets.token_urlsafe(32)
        self._given[token] = self.clock() + self.life
        if len(self._given) > _MAX_TOKENS:
            self._given.popitem(last=False)
        return {"accessToken": token, "tokenType": "Bearer", "expiresIn": self.life}

    def check(self, authorization: str | None) -> None:
        """Raises `Refused` 401 unless the header bears a token that still lives."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme != "Bearer" or self._given.get(token, 0.0) <= self.clock():
            raise Refused(401, "The access token is missing, unknown or has expired.")


def _basic(authorization: str | None) -> bytes:
    scheme, _, encoded = (authorization or "").partition(" ")
    try:
        return base64.b64decode(encoded, validate=True) if scheme == "Basic" else b""
    except (binascii.Error, ValueError):
        return b""


def _json_object(body: bytes) -> Payload:
    try:
        found = json.loads(body)
    except ValueError:
        raise Refused(400, "The body is not JSON.") from None
    if not isinstance(found, dict):
        raise Refused(400, "The body is not a JSON object.")
    return found


def listing(items: Iterable[Payload], query: Mapping[str, Sequence[str]]) -> Payload:
    """One page of `items` for the parameters `page`, `size`, `sort` (repeatable) and `search`.

    Raises `Refused` 400 for a parameter that cannot be read.
    """
    page, size = _count(query, "page", 0), _count(query, "size", 20)
    if not 1 <= size <= _MAX_SIZE:
        raise Refused(400, f"size must be 1 to {_MAX_SIZE}.")
    found = _sorted(_searched(items, query.get("search", ())), query.get("sort", ()))
    return {
        "content": found[page * size : (page + 1) * size],
        "number": page,
        "size": size,
        "totalPages": -(-len(found) // size),
        "totalElements": len(found),
    }


def _count(query: Mapping[str, Sequence[str]], name: str, default: int) -> int:
    given = query.get(name, (str(default),))[0]
    if not re.fullmatch(r"[0-9]{1,9}", given):
        raise Refused(400, f"{name} must be a whole number.")
    return int(given)


def _sorted(items: Iterable[Payload], orders: Sequence[str]) -> list[Payload]:
    found = list(items)
    for order in reversed(orders):
        name, _, direction = order.partition(",")
        if direction not in ("", "asc", "desc"):
            raise Refused(400, "sort must be field,asc or field,desc.")
        found.sort(key=lambda item: _sort_key(_value(item, name)), reverse=direction == "desc")
    return found


def _sort_key(value: Any) -> tuple[int, float, str]:
    """Nothing first, then numbers, then text: any two values can be compared."""
    if value is None:
        return 0, 0.0, ""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return 1, float(value), ""
    return 2, 0.0, _word(value)


_COMPARISON: Final = re.compile(r"""\s*([\w.]+)\s*(==|!=|>=|<=|=|>|<|~)\s*(?:"([^"]*)"|(\S+))\s*""")
_MEMBERSHIP: Final = re.compile(r"""\s*([\w.]+)\s*:\s*\(((?:\s*"[^"]*"\s*,?)+)\)\s*""")
_Compare = Callable[[Any, Any], bool]
_ORDER: Final[dict[str, _Compare]] = {">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le}


def _searched(items: Iterable[Payload], expressions: Sequence[str]) -> Iterable[Payload]:
    for expression in expressions:
        if expression.strip():
            items = filter(_condition(expression), items)
    return items


def _condition(expression: str) -> Callable[[Payload], bool]:
    if found := _MEMBERSHIP.fullmatch(expression):
        name, wanted = found[1], set(re.findall(r'"([^"]*)"', found[2]))
        return lambda item: _word(_value(item, name)) in wanted
    if not (found := _COMPARISON.fullmatch(expression)):
        # The real API's way to combine terms is not documented, so none is offered here (talroo-contract §5).
        raise Refused(400, "search takes one term: field, operator, value.")
    name, sign, given = found[1], found[2], found[4] if found[3] is None else found[3]
    return lambda item: _holds(_value(item, name), sign, given)


def _holds(value: Any, sign: str, given: str) -> bool:
    if sign in ("=", "=="):
        return _word(value) == given
    if sign == "!=":
        return _word(value) != given
    if sign == "~":
        return given.casefold() in _word(value).casefold()
    return value is not None and _ordered(value, sign, given)


def _ordered(value: Any, sign: str, given: str) -> bool:
    try:
        return _ORDER[sign](float(value), float(given))
    except (TypeError, ValueError):
        return _ORDER[sign](_word(value), given)


def _value(item: Payload, name: str) -> Any:
    """The field at a dotted path, such as `applicant.emailAddress`; None where there is none."""
    found: Any = item
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
