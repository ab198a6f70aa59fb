"""A second try for what runs with real processes and browsers, where a machine that others use can stall any of them.

A first failure is not hidden: it is printed at the end, and the last line counts it. It is then a race to be looked
for, but does not hold up whoever changed something else. What runs inside the test process alone gets one try.
"""

from __future__ import annotations

from typing import Final

import pytest

PAUSE: Final = 5
"""Seconds, after which a stall of the machine is mostly over."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("process") or item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.flaky(reruns=1, reruns_delay=PAUSE))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    first_tries = terminalreporter.getreports("rerun")
    if first_tries:
        terminalreporter.section("failed at the first try")
    for report in first_tries:
        terminalreporter.section(report.nodeid, "_")
        report.toterminal(terminalreporter._tw)
