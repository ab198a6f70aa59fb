"""Which tests may run side by side: those that start real processes, or measure time, take turns."""

from __future__ import annotations

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put every `process` test into one group, which `-n … --dist loadgroup` gives to a single worker.

    What has a group already stays there: names of two would make a third, for another worker.
    """
    for item in items:
        if item.get_closest_marker("process") and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group("process"))
