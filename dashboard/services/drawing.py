"""Pictures and words of files for people to look at: a few made at once, and the newest pictures kept in memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from threading import BoundedSemaphore, Lock
from typing import Final

from dashboard.documents import Extraction, Rendering, extract_text, problems, render_picture
from dashboard.filetypes import FileType

WIDTH: Final = 1_200
"""Pixels: sharp on a fine screen, and still readable twice as large."""
AT_ONCE: Final = 2
"""Processes for one web process that draw or read: whoever opens pages must not wait for the pictures of others."""
PATIENCE: Final = 20.0
KEPT_BYTES: Final = 16 * 1024 * 1024
_OVERHEAD: Final = 1_000

_Key = tuple[str, int]
"""A content's hash, and the page."""


class Drawings:
    """Draws pages. What was drawn is kept in memory only, for this process: it is applicants' data.

    A page that cannot be drawn is remembered as well, since finding that out takes longest.
    """

    def __init__(self, *, at_once: int = AT_ONCE, patience: float = PATIENCE, kept_bytes: int = KEPT_BYTES) -> None:
        self._turns = BoundedSemaphore(at_once)
        self._patience = patience
        self._room = kept_bytes
        self._kept: OrderedDict[_Key, Rendering] = OrderedDict()
        self._lock = Lock()

    def draw(self, sha256: str, page: int, file_type: FileType, content: Callable[[], bytes]) -> Rendering:
        """Page `page`, counted from 1, of the file with this hash; `content` fetches it where it must be drawn.

        Raises what `content` raises, and nothing for the file's sake.
        """
        key = (sha256, page)
        known = self._look_up(key)
        if known:
            return known
        if not self._turns.acquire(timeout=self._patience):
            return Rendering(problem=problems.sentence(problems.BUSY, file_type.label), temporary=True)
        try:
            # Somebody may have had it drawn while this one waited: pages are fetched ahead, and then opened.
            return self._look_up(key) or self._drawn(key, file_type, content())
        finally:
            self._turns.release()

    def read(self, file_type: FileType, content: Callable[[], bytes]) -> Extraction:
        """The words of a file, in turn with what is drawn. Raises what `content` raises."""
        if not self._turns.acquire(timeout=self._patience):
            return Extraction(problem=problems.sentence(problems.BUSY, file_type.label), temporary=True)
        try:
            return extract_text(content(), file_type)
        finally:
            self._turns.release()

    def forget(self, contents: Iterable[str]) -> None:
        """Let go of every picture of files with these hashes."""
        gone = set(contents)
        with self._lock:
            for key in [key for key in self._kept if key[0] in gone]:
                self._room += _weight(self._kept.pop(key))

    def _drawn(self, key: _Key, file_type: FileType, content: bytes) -> Rendering:
        drawn = render_picture(content, file_type, WIDTH, page=key[1])
        if not drawn.temporary:
            self._keep(key, drawn)
        return drawn

    def _look_up(self, key: _Key) -> Rendering | None:
        with self._lock:
            found = self._kept.get(key)
            if found:
                self._kept.move_to_end(key)
            return found

    def _keep(self, key: _Key, drawn: Rendering) -> None:
        with self._lock:
            replaced = self._kept.pop(key, None)
            self._room += _weight(replaced) if replaced else 0
            self._kept[key] = drawn
            self._room -= _weight(drawn)
            while self._room < 0:
                _, oldest = self._kept.popitem(last=False)
                self._room += _weight(oldest)


def _weight(drawn: Rendering) -> int:
    return len(drawn.png or b"") + _OVERHEAD
