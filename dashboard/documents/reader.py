"""The child process: limits itself, reads one file from stdin, answers on stdout, ends.

Started by `child.py`, which hands `main` a line of JSON: `{"verb", "mime", "limits", …}`. The answer is a line of JSON
`{"size", "pages", "problem", "shortened", "sheets"}` and then `size` bytes: UTF-8 text or a PNG.
"""

from __future__ import annotations

import importlib
import json
import math
import os
import resource
import signal
import sys
from collections.abc import Callable
from typing import Any, Final, NoReturn

from dashboard import filetypes
from dashboard.documents import confinement
from dashboard.documents.child import Answer, Limits
from dashboard.documents.problems import CRASHED, DAMAGED, TOO_LARGE, UNSUPPORTED, Unreadable

# Named, not imported: a plain text must not wait for a PDF library.
_READERS: Final = {
    ("text", filetypes.PDF): "pdf:text",
    ("text", filetypes.DOCX): "office:word_text",
    ("text", filetypes.DOCM): "office:word_text",
    ("text", filetypes.DOC): "old_word:text",
    ("text", filetypes.ODT): "office:open_text",
    ("text", filetypes.RTF): "plain:rich_text",
    ("text", filetypes.TEXT): "plain:text",
    ("text", filetypes.HTML): "plain:page_text",
    ("picture", filetypes.PDF): "pdf:picture",
    **{
        (verb, found): f"pictures:{function}"
        for verb, function in (("picture", "picture"), ("text", "wordless"))
        for found in (filetypes.PNG, filetypes.JPEG, filetypes.GIF, filetypes.WEBP, filetypes.BMP, filetypes.TIFF)
    },
}
_BY_MIME: Final = {(verb, found.mime): name for (verb, found), name in _READERS.items()}


def main(question: str) -> None:
    """Answer `question`; every outcome but a violent death is an answer."""
    out = _own_stdout()
    request = json.loads(question)
    limits = Limits(**request.pop("limits"))
    confine(limits)
    _write(out, _answer(request, limits))


def confine(limits: Limits) -> None:
    """Give up, for good, what reading a file does not need."""
    # The clock again, in case the parent dies before it can end us.
    signal.setitimer(signal.ITIMER_REAL, limits.wall_seconds + 1)
    cpu = max(1, math.ceil(limits.cpu_seconds))
    for what, soft, hard in (
        (resource.RLIMIT_AS, limits.memory_bytes, limits.memory_bytes),
        (resource.RLIMIT_CPU, cpu, cpu + 1),
        (resource.RLIMIT_FSIZE, 0, 0),
        (resource.RLIMIT_CORE, 0, 0),  # a core file would hold the applicant's words
        (resource.RLIMIT_NOFILE, 64, 64),
        (resource.RLIMIT_NPROC, 0, 0),
    ):
        resource.setrlimit(what, (soft, hard))
    confinement.confine(confinement.libraries())


def _own_stdout() -> int:
    # Libraries in C print; what they print must not get between the answer's bytes.
    own = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return own


def _answer(request: dict[str, Any], limits: Limits) -> Answer:
    try:
        read = _reader(request.pop("verb"), request.pop("mime"))
        return read(sys.stdin.buffer.read(), limits, **request)
    except Unreadable as problem:
        return Answer(problem=problem.code, pages=problem.pages, sheets=problem.sheets)
    except MemoryError:
        return Answer(problem=TOO_LARGE)
    except RecursionError:
        return Answer(problem=CRASHED)
    except Exception:
        return Answer(problem=DAMAGED)


def _reader(verb: str, mime: str) -> Callable[..., Answer]:
    name = _BY_MIME.get((verb, mime))
    if name is None:
        raise Unreadable(UNSUPPORTED)
    module, _, function = name.partition(":")
    found: Callable[..., Answer] = getattr(importlib.import_module(f"dashboard.documents.{module}"), function)
    return found


def _write(out: int, answer: Answer) -> NoReturn:
    header: dict[str, object] = {"size": len(answer.payload), "pages": answer.pages}
    header |= {"problem": answer.problem, "shortened": answer.shortened, "sheets": answer.sheets}
    rest = memoryview(json.dumps(header).encode() + b"\n" + answer.payload)
    while rest:
        rest = rest[os.write(out, rest) :]
    os._exit(0)  # nothing to tidy up, and a library's tidying up may crash
