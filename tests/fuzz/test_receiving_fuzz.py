"""Whatever is signed is kept to the byte, is never a fault of ours, and can be read; whatever is not is refused.

More than 2,000 bodies and headers in `make test`, as many times more as `SOAK_ROUNDS` says in `make soak`.
"""

from __future__ import annotations

import gzip
import time
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from dashboard.extensions import db
from dashboard.models import Application, Delivery
from dashboard.services import intake
from dashboard.talroo import signature
from tests.application import signed_in_client
from tests.factories import SECRET, as_body, event, signed
from tests.fuzz.mutations import changed_examples, damaged_examples
from tests.soak import ROUNDS

URL = "/talroo/applications"


def fuzzing(examples: int) -> Any:
    """Settings: the same examples at every `make test`, new ones in a soak."""
    return settings(
        max_examples=examples * ROUNDS,
        derandomize=ROUNDS == 1,
        deadline=None,
        database=None,
        print_blob=True,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )


@dataclass
class Receiver:
    """Delivers bodies and checks what must be true of each."""

    app: Flask
    reader: FlaskClient
    accepted: int = 0
    answers: dict[str, int] = field(default_factory=dict)

    def check_each(self, bodies: st.SearchStrategy[bytes], examples: int) -> None:
        @fuzzing(examples)
        @given(bodies)
        def check(body: bytes) -> None:
            self.check(body)

        check()

    def check(self, body: bytes) -> None:
        answer = self.app.test_client().post(URL, data=body, headers=signed(body))
        assert answer.status_code == 200, answer.data
        status = answer.json["status"]
        assert status in ("accepted", "kept", "duplicate")
        self.answers[status] = self.answers.get(status, 0) + 1
        assert self.is_kept(body) or (status == "duplicate" and self.is_kept(signature.trimmed(body)))
        if status == "accepted":
            self.accepted += 1
            if self.accepted % 8 == 0:
                self.read(answer.json["application"])

    def is_kept(self, body: bytes) -> bool:
        """Whether some delivery rebuilds to exactly these bytes, or, where none is around them, has some."""
        store = self.app.extensions["file_store"]
        bare = signature.trimmed(body) == body
        size = Delivery.size.between(len(body), len(body) + 20) if bare else Delivery.size == len(body)
        with self.app.app_context():
            found = db.session.scalars(select(Delivery).where(size).order_by(Delivery.id.desc()).limit(200))
            exact = (intake.exact_body(one, store) for one in found)
            return any(body in (one, signature.trimmed(one) if bare else one) for one in exact)

    def read(self, public_id: str) -> None:
        with self.app.app_context():
            completed = db.session.scalars(select(Application.completed).filter_by(public_id=public_id)).one()
        page = self.reader.get(f"/{'applications' if completed else 'incomplete'}/{public_id}")
        assert page.status_code == 200


@pytest.fixture
def receiver(make_app, sqlite_url) -> Receiver:
    app = make_app(sqlite_url)
    return Receiver(app, signed_in_client(app, "hr_admin"))


def test_changed_examples_are_kept_and_most_can_be_read(receiver):
    receiver.check_each(changed_examples(), 1_000)
    assert receiver.answers["accepted"] > 600


def test_damaged_examples_are_kept(receiver):
    receiver.check_each(damaged_examples(), 500)
    assert receiver.answers["kept"] > 200


def test_any_bytes_are_kept(receiver):
    receiver.check_each(st.binary(max_size=2_000) | st.text().map(str.encode), 200)


def test_changed_examples_are_kept_on_postgresql_too(make_app, fresh_database_url):
    app = make_app(fresh_database_url())
    receiver = Receiver(app, signed_in_client(app, "hr_admin"))
    receiver.check_each(changed_examples(), 200)
    assert receiver.answers["accepted"] > 100


TEXTS = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=300)
PARTS = st.sampled_from(
    ["t=", "v1=", "v0=", ",", "=", " ", "0" * 64, "f" * 64, "1718049653", "é", "t=1,v1=", "-", "9" * 14]
)
HEADERS = TEXTS | st.lists(PARTS, max_size=40).map("".join) | st.integers(0, 3_000).map(lambda length: "v1=0," * length)
ENCODINGS = st.sampled_from([None, "gzip", "x-gzip", "deflate", "br", "identity", "gzip, gzip"])


def test_no_header_is_a_fault_of_ours_and_none_but_a_right_one_is_heard(receiver):
    @fuzzing(500)
    @given(HEADERS, ENCODINGS, TEXTS, TEXTS, st.booleans())
    def check(header: str, encoding: str | None, kind: str, query: str, right: bool) -> None:
        body = as_body(event())
        headers = {signature.HEADER: header, "Content-Type": kind}
        if encoding:
            headers["Content-Encoding"] = encoding
        if right:
            headers[signature.HEADER] = signature.sign(SECRET, body, at=int(time.time()))
        sent = gzip.compress(body) if right and encoding in ("gzip", "x-gzip") else body
        answer = receiver.app.test_client().post(URL, query_string=query, data=sent, headers=headers)
        assert answer.status_code == (200 if right else 401), answer.data

    check()
