"""The logs: one line for each thing that happened, with where and in which request. Ids only, never what anybody sent.

`configure` is for processes; what is logged by a library's or Python's own logger takes the same way. A message of
ours is made of ids and types. What an exception says stays out, and so does what a library puts into its message: both
quote addresses, names and bodies.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
import traceback
from collections.abc import MutableMapping
from datetime import UTC, datetime
from logging.handlers import WatchedFileHandler
from typing import Any, Final, TextIO

import structlog
from structlog.stdlib import BoundLogger, ProcessorFormatter

from dashboard import request_id

OURS: Final = "dashboard"

Line = MutableMapping[str, Any]


structlog.configure(
    processors=[structlog.stdlib.filter_by_level, ProcessorFormatter.wrap_for_formatter],
    wrapper_class=BoundLogger,
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)


def without_contents(problem: BaseException) -> str:
    """The type and the traceback of `problem`. Its message stays out: a database's quotes the applicant's own words."""
    return f"{type(problem).__name__}\n{''.join(traceback.format_tb(problem.__traceback__))}"


def lines(name: str) -> BoundLogger:
    """A logger whose lines have values by name: `log.info("sent", channel="conversion", outbound=7)`."""
    found: BoundLogger = structlog.stdlib.get_logger(name).bind()
    return found


def configure(form: str | None = None, level: str = "info", file: str | None = None) -> None:
    """Have everything of this process logged: on standard error, as `json` or `text`, or as suits who reads there.

    With a `file` it goes there, and standard error has warnings alone, in words. Begins the work that commands do.
    """
    on_terminal = sys.stderr.isatty()
    handlers = [_on_stderr(sys.stderr, "text" if file else form or ("text" if on_terminal else "json"))]
    if file:
        handlers[0].setLevel(logging.WARNING)
        handlers.append(_formatted(WatchedFileHandler(file, encoding="utf-8"), form or "json"))
    root = logging.getLogger()
    root.handlers[:] = handlers
    chosen = logging.getLevelNamesMapping()[level.upper()]
    logging.getLogger(OURS).setLevel(chosen)
    root.setLevel(max(chosen, logging.WARNING))
    sys.excepthook = lambda kind, problem, trace: _unforeseen(problem)
    threading.excepthook = lambda told: _unforeseen(told.exc_value) if told.exc_value else None
    request_id.begin()


def _on_stderr(stream: TextIO, form: str) -> logging.Handler:
    return _formatted(logging.StreamHandler(stream), form)


def _formatted(handler: logging.Handler, form: str) -> logging.Handler:
    last = _as_json if form == "json" else _as_text
    handler.setFormatter(
        ProcessorFormatter(foreign_pre_chain=[_of_others], processors=[_told, last], pass_foreign_args=True)
    )
    return handler


def _unforeseen(problem: BaseException) -> None:
    if isinstance(problem, KeyboardInterrupt):
        return
    logging.getLogger(OURS).critical("a thread ended by an unforeseen error: %s", without_contents(problem))


# --- a line, step by step ---------------------------------------------------------------------------------------------


def _of_others(_logger: Any, _name: str, line: Line) -> Line:
    """What Python's own loggers were told. A library's message is told without what was put into it."""
    record: logging.LogRecord = line["_record"]
    arguments = line.pop("positional_args", None)
    if record.name.partition(".")[0] != OURS:
        line["event"] = record.msg if arguments and isinstance(record.msg, str) else "a library has something to say"
        line["place"] = f"{record.module}:{record.lineno}"
    return line


def _told(_logger: Any, _name: str, line: Line) -> Line:
    """The line with what stands in each, in one order."""
    record: logging.LogRecord = line.pop("_record")
    line.pop("_from_structlog", None)
    found: dict[str, Any] = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "event": line.pop("event"),
        "request_id": line.pop("request_id", None) or request_id.current(),
    }
    problem = line.pop("exc_info", None)
    if problem:
        problem = sys.exc_info() if problem is True else problem
        caught = problem if isinstance(problem, BaseException) else problem[1]
        if caught is not None:
            line["exception"] = without_contents(caught)
    line.pop("stack_info", None)
    return {**found, **line}


_BREAKS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""What would begin a line of its own, or move a terminal's cursor."""
_JSON: Final = json.JSONEncoder(
    ensure_ascii=True, separators=(",", ":"), check_circular=False, default=lambda value: type(value).__name__
).encode
"""Made once: what `json.dumps` makes anew for each line."""


def _as_json(_logger: Any, _name: str, line: Line) -> str:
    return _JSON(dict(line))


def _as_text(_logger: Any, _name: str, line: Line) -> str:
    time, level, logger, event, request = (
        line.pop(name) for name in ("time", "level", "logger", "event", "request_id")
    )
    trace = line.pop("exception", None)
    rest = "".join(f" {name}={value}" for name, value in line.items() if value is not None)
    told = f"{time[11:19]} {level:<7} {logger.removeprefix(f'{OURS}.')}: {event}{rest} [{request}]"
    told = _BREAKS.sub("\N{REPLACEMENT CHARACTER}", told)
    return f"{told}\n{trace}" if trace else told
