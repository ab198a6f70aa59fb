"""People invited by links, and what became of it: for the tests of users and of how they enter."""

from __future__ import annotations

from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from dashboard.extensions import db
from dashboard.models import AccessLink, AuditEntry, Outbound, User
from dashboard.models.outbound import Channel
from tests.following_up import token_of, words

NEW = "a new long password"
EMAIL = "ivy@example.com"


def post(client: FlaskClient, path: str, page: str = "/me", **fields: str) -> TestResponse:
    return client.post(path, data={"csrf_token": token_of(client.get(page).text), **fields})


def invite(client: FlaskClient, email: str = EMAIL, role: str = "recruiter") -> str:
    """Invite somebody; the path of the link that the next page shows."""
    answer = post(client, "/admin/users", email=email, role=role)
    assert answer.status_code == 302, words(answer.text)
    return shown_link(client.get(answer.location).text)


def shown_link(page: str) -> str:
    (link,) = [code.text for code in BeautifulSoup(page, "html.parser").select("#link")]
    return link.removeprefix("http://127.0.0.1:8000")


def user_of(app: Flask, email: str = EMAIL) -> User:
    with app.app_context():
        return db.session.scalars(select(User).where(User.email == email)).one()


def path_of(app: Flask, email: str = EMAIL) -> str:
    return f"/admin/users/{user_of(app, email).public_id}"


def choose(client: FlaskClient, link: str, password: str = NEW, again: str | None = None) -> TestResponse:
    typed = {"password": password, "again": password if again is None else again}
    return post(client, link, page="/login", **typed)


def log_in(client: FlaskClient, email: str, password: str) -> TestResponse:
    return post(client, "/login", page="/login", email=email, password=password)


def noted(app: Flask) -> list[str]:
    with app.app_context():
        return list(db.session.scalars(select(AuditEntry.action).order_by(AuditEntry.number)))


def waiting(app: Flask) -> list[tuple[str, str]]:
    with app.app_context():
        rows = db.session.scalars(select(Outbound).where(Outbound.channel == Channel.ACCESS).order_by(Outbound.id))
        return [(row.state, row.event) for row in rows]


def links_of(app: Flask) -> list[str]:
    with app.app_context():
        return list(db.session.scalars(select(AccessLink.public_id).order_by(AccessLink.id)))


def follow(answer: TestResponse, client: FlaskClient) -> str:
    assert answer.status_code == 302
    return words(client.get(answer.location).text)
