"""What is written once is written anew as soon as what it shows is another."""

from __future__ import annotations

import pytest

from dashboard.web import fragments
from tests.factories import event


class Macro:
    """Stands for a template's macro."""

    name = "cells"

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []

    def __call__(self, *values: object) -> str:
        self.calls.append(values)
        return repr(values)


@pytest.fixture
def kept(app):
    return app.jinja_env.globals["kept"]


def test_the_same_values_are_written_once(kept):
    macro = Macro()
    assert [kept(macro, "Ann", 1), kept(macro, "Ann", 2), kept(macro, "Ann", 1)] == [
        "('Ann', 1)",
        "('Ann', 2)",
        "('Ann', 1)",
    ]
    assert macro.calls == [("Ann", 1), ("Ann", 2)]


def test_what_is_kept_is_bounded(kept, monkeypatch):
    monkeypatch.setattr(fragments, "MOST", 3)
    macro = Macro()
    for number in [1, 2, 3, 4, 1]:
        assert kept(macro, number) == f"({number},)"
    assert macro.calls == [(1,), (2,), (3,), (4,), (1,)]


def test_a_row_of_the_inbox_is_never_an_older_one(sign_in, deliver):
    client = sign_in("recruiter")
    for name in ("Ann", "Zelda"):
        deliver(event(application_id="1", applicant={"firstName": name}))
        assert f"<bdi>{name} " in client.get("/applications").text


def test_many_are_put_together_each_written_once(app):
    macro = Macro()
    kept_each = app.jinja_env.globals["kept_each"]
    assert kept_each(macro, ["Ann", "Zelda", "Ann"], 1) == "('Ann', 1)\n('Zelda', 1)\n('Ann', 1)"
    assert macro.calls == [("Ann", 1), ("Zelda", 1)]


def test_the_address_of_a_page_is_the_same_the_second_time(app):
    for path in ("/applications", "/deliveries"):
        with app.test_request_context(path):
            told = [fragments.address_of("applications.index", **args) for args in ({}, {"q": "x"}, {}, {"q": "y"})]
        assert told == ["/applications", "/applications?q=x", "/applications", "/applications?q=y"]


def test_templates_look_names_up_in_one_map_and_may_still_have_some_of_their_own(app):
    environment = app.jinja_env
    assert environment.get_template("base.html").globals is environment.globals
    own = environment.from_string("{{ url_for('session.login') }} {{ word }}", {"word": "own"})
    with app.test_request_context():
        assert own.render() == "/login own"
    assert "word" not in environment.globals
