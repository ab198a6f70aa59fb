"""Pictures of pages: a few drawn at once, the newest kept in memory, and nobody waits for ever."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event, Lock

import pytest

from dashboard.documents import Rendering
from dashboard.filetypes import PDF
from dashboard.services import drawing
from dashboard.services.drawing import Drawings

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 1_000


class Painter:
    """Stands in for `render_picture`: notes what was drawn, and the most that were drawing at once."""

    def __init__(self) -> None:
        self.drawn: list[tuple[bytes, int]] = []
        self.at_once = self.most_at_once = 0
        self.made = Rendering(PNG, 3)
        self.may_end = Event()
        self.may_end.set()
        self._lock = Lock()

    def __call__(self, content, _type, _width, *, page):
        with self._lock:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        assert self.may_end.wait(30)
        with self._lock:
            self.at_once -= 1
            self.drawn.append((content, page))
        return self.made


@pytest.fixture
def painter(monkeypatch):
    painter = Painter()
    monkeypatch.setattr(drawing, "render_picture", painter)
    return painter


def test_a_page_is_drawn_once_and_another_page_for_itself(painter):
    drawings = Drawings()
    for page in (1, 2, 1, 2, 1):
        assert drawings.draw("hash", page, PDF, lambda: b"ada").png == PNG
    assert painter.drawn == [(b"ada", 1), (b"ada", 2)]


def test_what_was_longest_not_looked_at_makes_room(painter):
    drawings = Drawings(kept_bytes=3 * (len(PNG) + 1_000))
    for page in (1, 2, 3, 1, 4, 1, 3, 2):
        drawings.draw("hash", page, PDF, lambda: b"")
    assert [page for _, page in painter.drawn] == [1, 2, 3, 4, 2]


def test_a_page_that_cannot_be_drawn_is_not_tried_again_unless_it_is_the_machine_s_fault(painter):
    drawings = Drawings()
    painter.made = Rendering(problem="This PDF could not be opened just now.", temporary=True)
    assert drawings.draw("hash", 1, PDF, lambda: b"").temporary
    painter.made = Rendering(problem="This PDF is damaged.")
    for _ in range(2):
        assert drawings.draw("hash", 1, PDF, lambda: b"").problem == "This PDF is damaged."
    assert len(painter.drawn) == 2


@pytest.mark.parametrize("at_once", [1, 3])
def test_no_more_than_so_many_draw_at_once(painter, at_once):
    drawings, ready = Drawings(at_once=at_once), Barrier(8)

    def ask(number: int) -> Rendering:
        ready.wait(30)
        return drawings.draw("hash", number % 4, PDF, lambda: b"")

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ask, range(8)))
    assert [one.png for one in found] == [PNG] * 8
    assert painter.most_at_once <= at_once
    # Who asks for what is being drawn waits for it; those who began together may both draw it.
    assert at_once > 1 or len(painter.drawn) == 4


def test_who_waited_too_long_for_a_turn_is_told_so(painter):
    drawings = Drawings(at_once=1, patience=0.01)
    painter.may_end.clear()
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(drawings.draw, "hash", 1, PDF, lambda: b"")
        while not painter.at_once:
            assert not slow.done()
        refused = drawings.draw("hash", 2, PDF, lambda: b"")
        painter.may_end.set()
        assert slow.result(30).png == PNG
    assert refused.temporary
    assert refused.problem == "This PDF could not be opened just now. Try again in a while."


def test_a_file_that_cannot_be_fetched_gives_its_turn_back(painter):
    drawings = Drawings(at_once=1, patience=0.01)

    def lost() -> bytes:
        raise FileNotFoundError

    with pytest.raises(FileNotFoundError):
        drawings.draw("hash", 1, PDF, lost)
    assert drawings.draw("hash", 1, PDF, lambda: b"").png == PNG
