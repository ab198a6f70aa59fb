"""Saved views: lists under a name."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from dashboard.models import SavedView, User
from dashboard.services import views
from dashboard.services.review import BadChange
from tests.colleagues import do
from tests.outbox_fixtures import NOON, add_recruiter, all_at_once


def save(session: Session, owner: User, name: str, query: str = "stage=new", *, shared: bool = False) -> SavedView:
    return do(session, views.save, owner.id, name, query, shared=shared, now=NOON)


def names(session: Session, user: User) -> tuple[list[str], list[str]]:
    session.rollback()
    own, shared = views.views_for(session, user.id)
    return [view.name for view in own], [view.name for view in shared]


def test_a_view_is_its_owners_until_it_is_shared(session: Session):
    rita, dana = add_recruiter(session), add_recruiter(session, "dana@example.com")
    save(session, rita, "Night shift")
    save(session, rita, "forklift", shared=True)
    save(session, dana, "Mine alone")
    assert names(session, rita) == (["forklift", "Night shift"], [])
    assert names(session, dana) == (["Mine alone"], ["forklift"])


def test_a_view_is_changed_and_removed_by_its_owner_alone(session: Session):
    rita, dana = add_recruiter(session), add_recruiter(session, "dana@example.com")
    view = save(session, rita, "Forklift", shared=True)
    assert views.find(session, view.public_id, dana.id) is None
    found = views.find(session, view.public_id, rita.id)
    do(session, views.change, found, name="Forklifts", query="q=forklift", shared=False, now=NOON)
    assert (view.name, view.query, view.shared) == ("Forklifts", "q=forklift", False)
    assert names(session, dana) == ([], [])
    do(session, views.remove, view)
    assert names(session, rita) == ([], [])


def test_what_somebody_who_left_shared_is_not_shown(session: Session):
    rita, gone = add_recruiter(session), add_recruiter(session, "gone@example.com")
    save(session, gone, "Forklift", shared=True)
    gone.active = False
    session.commit()
    assert names(session, rita) == ([], [])


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("?stage=new&q=fork+lift", "stage=new&q=fork+lift"),
        ("stage=new&after=abc&q=&csrf_token=x", "stage=new"),
        ("answer=1&answer=2", "answer=1&answer=2"),
        ("q=Muñoz%20%26%20Co", "q=Mu%C3%B1oz+%26+Co"),
    ],
)
def test_the_list_is_kept_and_not_its_page(query: str, kept: str):
    assert views.kept_query(query) == kept


@pytest.mark.parametrize("query", ["", "?", "after=abc", "q=", "q=" + "x" * 2_001, "&".join(["tag=x"] * 101)])
def test_a_list_that_is_none_is_refused_in_words(query: str):
    with pytest.raises(BadChange, match=r"\.$"):
        views.kept_query(query)


@pytest.mark.parametrize("name", ["", "  ", "x" * 61, "FORK  lift", "ｆｏｒｋ LIFT"])
def test_a_name_that_is_none_or_taken_is_refused_in_words(session: Session, name: str):
    rita = add_recruiter(session)
    save(session, rita, "Fork lift")
    other = save(session, rita, "Other")
    with pytest.raises(BadChange, match=r"\.$"):
        views.save(session, rita.id, name, "stage=new", shared=False, now=NOON)
    with pytest.raises(BadChange, match=r"\.$"):
        views.change(session, other, name=name, query="stage=new", shared=False, now=NOON)
    assert names(session, rita) == (["Fork lift", "Other"], [])


def test_a_user_has_room_for_so_many(session: Session, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(views, "MAX_VIEWS", 1)
    rita = add_recruiter(session)
    save(session, rita, "First")
    with pytest.raises(BadChange, match="Delete one first"):
        save(session, rita, "Second")


def test_a_user_shares_so_many(session: Session, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(views, "MAX_SHARED_BY_ONE", 1)
    rita = add_recruiter(session)
    first, own = save(session, rita, "First", shared=True), save(session, rita, "Own")
    with pytest.raises(BadChange, match="Stop sharing one first"):
        save(session, rita, "Second", shared=True)
    with pytest.raises(BadChange, match="Stop sharing one first"):
        views.change(session, own, name="Own", query=own.query, shared=True, now=NOON)
    views.change(session, first, name="Renamed", query=first.query, shared=True, now=NOON)
    assert first.name == "Renamed"


def test_two_windows_that_save_the_same_name_at_the_same_moment_keep_one(engine: Engine, session: Session):
    rita = add_recruiter(session).id
    refused: list[str] = []

    def keep(query: str) -> None:
        with Session(engine) as own:
            try:
                do(own, views.save, rita, "Forklift", query, shared=False, now=NOON)
            except BadChange:
                refused.append(query)

    all_at_once(lambda: keep("q=one"), lambda: keep("q=two"))
    session.rollback()
    (kept,) = session.query(SavedView).all()
    assert refused == [{"q=one": "q=two", "q=two": "q=one"}[kept.query]]
