"""What was acknowledged survives: the server is killed at random moments under load, again and again."""

from __future__ import annotations

import hashlib
import random
import re
import time

import pytest
import requests
from sqlalchemy import create_engine, func, select

from dashboard.models import Application, Attachment, Delivery
from dashboard.services.files import open_store
from tests.application import PASSWORD
from tests.crash.senders import Acknowledged, Senders
from tests.infrastructure.processes import Site
from tests.soak import ROUNDS

pytestmark = [pytest.mark.process, pytest.mark.timeout(300 + 60 * ROUNDS)]

SENDERS = 8
KILLS = {"sqlite": 5, "postgresql": 2}


def test_every_acknowledged_application_survives_kills_under_load(start_site, database_url):
    kind = database_url.partition(":")[0].partition("+")[0]
    site = start_site(database_url=database_url, web_workers=2, worker=False)
    site.add_user("recruiter@example.com", "recruiter", PASSWORD)
    senders, chance = Senders(site), random.Random()
    with senders.sending(SENDERS):
        for _ in range(KILLS[kind] * ROUNDS):
            senders.wait_for_more(SENDERS)
            # The moment of the kill is chance itself, so that no sleep here could be too short or too long.
            time.sleep(chance.uniform(0, 0.3))
            site.restart()
        senders.wait_for_more(SENDERS)

    assert senders.refused == []
    everything_is_there(site, database_url, senders.acknowledged)
    site.restart()
    a_recruiter_finds_everything(site, senders.acknowledged)


def everything_is_there(site: Site, database_url: str, acknowledged: list[Acknowledged]) -> None:
    engine, store = create_engine(database_url), open_store(site.environment["FILES_URL"])
    with engine.connect() as connection:
        found = connection.execute(
            select(Delivery.event_id, Application.public_id, Attachment.sha256)
            .join(Application, Application.talroo_id == Delivery.talroo_id)
            .join(Attachment, Attachment.application_id == Application.id)
        ).all()
        applications = connection.execute(select(func.count()).select_from(Application)).scalar_one()
    engine.dispose()
    stored = {Acknowledged(*row) for row in found}
    assert set(acknowledged) - stored == set()
    assert len(stored) == len(found) == applications
    for one in stored:
        assert hashlib.sha256(store.get(one.sha256)).hexdigest() == one.sha256


def a_recruiter_finds_everything(site: Site, acknowledged: list[Acknowledged]) -> None:
    """All in the inbox; the files of some, by the addresses on their pages."""
    with requests.Session() as browser:
        form = browser.get(f"{site.url}/login", timeout=60).text
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', form)[1]
        login = {"email": "recruiter@example.com", "password": PASSWORD, "csrf_token": token}
        assert browser.post(f"{site.url}/login", data=login, timeout=60).url.endswith("/applications")

        listed, address = set(), "/applications"
        while address:
            page = browser.get(site.url + address, timeout=60)
            listed |= set(re.findall(r'data-application="([^"]+)"', page.text))
            following = re.search(r'<a[^>]*rel="next"[^>]*>', page.text)
            address = re.search(r'href="([^"]+)"', following[0])[1].replace("&amp;", "&") if following else ""
        assert {one.application for one in acknowledged} <= listed

        for one in acknowledged[:: max(1, len(acknowledged) // 20)]:
            page = browser.get(f"{site.url}/applications/{one.application}", timeout=60).text
            assert 'data-verdict="ok"' in page
            file_id = re.search(r'data-file="([^"]+)"', page)[1]
            content = browser.get(f"{site.url}/files/{file_id}", timeout=60).content
            assert hashlib.sha256(content).hexdigest() == one.sha256
