"""What every test may ask for. The fixtures themselves live beside what they are about."""

from __future__ import annotations

pytest_plugins = [
    "tests.infrastructure.scratch",
    "tests.infrastructure.browser",
    "tests.infrastructure.examples",
    "tests.infrastructure.ordering",
    "tests.infrastructure.postgres",
    "tests.infrastructure.processes",
    "tests.infrastructure.second_try",
    "tests.stocked_site",
    "tests.application",  # after what it is made of: a plugin cannot be rewritten once it was imported
    "tests.filled",
    "tests.outbox_fixtures",
]
