"""Files of pages: compressed where that helps, and kept by browsers as long as their address names what they hold."""

from __future__ import annotations

import gzip

import pytest
from flask import url_for

from dashboard.web.static_files import FOLDER

STYLES = (FOLDER / "css" / "app.css").read_bytes()


@pytest.fixture
def get(client):
    def ask(address, **headers):
        with client.get(address, headers=headers) as answer:
            return answer

    return ask


def test_who_takes_compressed_files_gets_them_so(get):
    answer = get("/static/css/app.css", **{"Accept-Encoding": "br, gzip"})
    assert (answer.headers["Content-Encoding"], answer.headers["Vary"]) == ("gzip", "Accept-Encoding")
    assert gzip.decompress(answer.data) == STYLES
    assert answer.mimetype == "text/css"


@pytest.mark.parametrize("takes", ["", "br", "gzip;q=0"])
def test_who_does_not_gets_them_as_they_are(get, takes):
    answer = get("/static/css/app.css", **{"Accept-Encoding": takes})
    assert "Content-Encoding" not in answer.headers
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert answer.data == STYLES


def test_an_address_with_its_version_is_kept_for_good_and_any_other_for_an_hour(app, get):
    with app.test_request_context():
        versioned = url_for("static", filename="css/app.css")
    assert "immutable" in get(versioned).headers["Cache-Control"]
    for other in ("/static/css/app.css", "/static/css/app.css?v=000000000000"):
        assert get(other).headers["Cache-Control"] == "public, max-age=3600"


def test_what_a_browser_has_is_not_sent_again(get):
    for takes in ("gzip", ""):
        tag = get("/static/js/app.js", **{"Accept-Encoding": takes}).headers["ETag"]
        again = get("/static/js/app.js", **{"Accept-Encoding": takes, "If-None-Match": tag})
        assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize(
    "path", ["none.css", "css", "css/", "../config.py", "%2e%2e/config.py", "css//app.css", "/etc/hosts"]
)
def test_nothing_else_is_reached(get, path):
    assert get(f"/static/{path}").status_code == 404


def test_every_file_that_a_page_names_is_named_with_its_version(client):
    page = client.get("/login").text
    assert page.count("/static/") == page.count("?v=") >= 4
