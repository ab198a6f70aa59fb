"""What is pure and dear, made once for all the applications of a test process instead of once for each.

A test's application has routes, templates and statements like every other's, but Werkzeug, Jinja and SQLAlchemy keep
what they make of them with the map, the environment and the engine, which are the test's own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Final

from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache
from sqlalchemy import Engine
from sqlalchemy.util import LRUCache
from werkzeug.routing import Rule

from dashboard.extensions import db

Builder = Callable[..., tuple[str, str]]


def share_with(app: Flask) -> None:
    """Let `app` use what other applications of this process have made already."""
    app.jinja_env.bytecode_cache = _TEMPLATES
    with app.app_context():
        share_statements(db.engine)


def share_statements(engine: Engine) -> None:
    """Let `engine` use the SQL that others of its dialect have compiled."""
    engine.update_execution_options(compiled_cache=_statements_of(engine.dialect.name))


class _Templates(BytecodeCache):
    def __init__(self) -> None:
        self._made: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._made:
            bucket.bytecode_from_string(self._made[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._made[bucket.key] = bucket.bytecode_to_string()


class _Statements(LRUCache[Any, Any]):
    """SQLAlchemy's own cache; its keys begin with the dialect, of which each engine has one like the others."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(key[1:], default)

    def __setitem__(self, key: Any, compiled: Any) -> None:
        super().__setitem__(key[1:], compiled)


_TEMPLATES: Final = _Templates()


@cache
def _statements_of(dialect: str) -> _Statements:
    return _Statements(2_000)


def _share_routes() -> None:
    """Rules compile a Python function each to build their addresses. It is handed the rule it belongs to."""
    compile_builder = Rule._compile_builder
    made: dict[Any, Builder] = {}

    def compiled(rule: Rule, append_unknown: bool = True) -> Builder:
        if rule.defaults:  # what they become is up to the rule's converters
            return compile_builder(rule, append_unknown)
        key = (rule.rule, tuple(rule._trace), append_unknown)
        if key not in made:
            made[key] = compile_builder(rule, append_unknown)
        return made[key]

    Rule._compile_builder = compiled  # type: ignore[method-assign]


_share_routes()
