"""What browsers report of our pages is counted, and nothing else comes of it, whoever sends what."""

from __future__ import annotations

import json
import re

import pytest
from sqlalchemy import event

from dashboard.extensions import db
from dashboard.models import Refusal
from dashboard.services import violations
from dashboard.web.violations import MOST_BYTES
from tests.application import signed_in_client

ONE = {
    "document-uri": "http://localhost/applications?q=Ada+Quill",
    "effective-directive": "img-src",
    "violated-directive": "img-src",
    "blocked-uri": "https://evil.example/x.png",
    "original-policy": "default-src 'none'",
    "script-sample": "Ada Quill",
}
SEVERAL = {
    "documentURL": "http://localhost/applications/abc?q=Ada+Quill",
    "effectiveDirective": "script-src-elem",
    "blockedURL": "inline",
    "sample": "Ada Quill",
}


def as_one(**changes):
    return json.dumps({"csp-report": {**ONE, **changes}})


def as_several(*bodies, kind="csp-violation"):
    return json.dumps([{"type": kind, "age": 1, "url": "http://localhost/", "body": body} for body in bodies])


def send(app, body, kind=violations.ONE, **options):
    answer = app.test_client().post("/csp-reports", data=body, content_type=kind, **options)
    assert "Set-Cookie" not in answer.headers
    return answer.status_code


def counted(app):
    app.extensions["notebook"].flush()
    with app.app_context():
        return {(row.reason, row.remote_addr): row.count for row in db.session.query(Refusal)}


def test_a_report_is_counted_by_directive_and_page_and_nothing_else_is_kept(app):
    assert send(app, as_one()) == send(app, as_one(**{"document-uri": "http://localhost/applications?q=Bo"})) == 204
    assert send(app, as_several(SEVERAL, SEVERAL), violations.SEVERAL) == 204
    assert counted(app) == {
        ("page:img-src", "/applications"): 2,
        ("page:script-src-elem", "/applications/<public_id>"): 2,
    }


def test_it_is_shown_with_the_connections_and_in_the_figures_and_among_no_deliveries(app):
    send(app, as_one())
    client = signed_in_client(app, "it_admin")
    page = client.get("/admin").text
    (row,) = re.findall(r"<tr data-violation.*?</tr>", page)
    assert re.sub(r"<[^>]+>", " ", row).split()[:3] == ["/applications", "img-src", "1"]
    assert "Nothing was refused in 24 hours." in page
    assert "Nothing was refused" in client.get("/admin/deliveries?status=refused").text
    figures = client.get("/metrics").text
    assert 'dashboard_page_violations_last_day{directive="img-src"} 1.0' in figures
    assert "dashboard_refusals_last_day{" not in figures


@pytest.mark.parametrize(
    ("changes", "directive", "page"),
    [
        ({"document-uri": "https://elsewhere.example/login?x"}, "img-src", "/login"),
        ({"document-uri": "http://localhost/Ada+Quill"}, "img-src", "others"),
        ({"document-uri": "http://localhost/logout"}, "img-src", "others"),
        ({"document-uri": "http://[::1"}, "img-src", "others"),
        ({"document-uri": ["http://localhost/"]}, "img-src", "others"),
        ({"document-uri": None}, "img-src", "/"),
        ({"effective-directive": "Ada Quill"}, "other", "/applications"),
        ({"effective-directive": ""}, "img-src", "/applications"),
        ({"effective-directive": None, "violated-directive": "style-src 'self'"}, "style-src", "/applications"),
        ({"effective-directive": {"a": 1}}, "other", "/applications"),
    ],
)
def test_only_our_own_words_are_written_down(make_app, sqlite_url, changes, directive, page):
    app = make_app(sqlite_url)
    assert send(app, as_one(**changes)) == 204
    (key,) = counted(app)
    assert key[0] == f"page:{directive}"
    assert key[1] in (page, "others")


@pytest.mark.parametrize("cause", [{"source-file": "chrome-extension"}, {"blocked-uri": "moz-extension://abc/x.js"}])
def test_what_an_extension_of_the_browser_was_refused_is_left_out(make_app, sqlite_url, cause):
    app = make_app(sqlite_url)
    assert send(app, as_one(**cause)) == 204
    assert counted(app) == {}


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (as_one(), "application/json", 400),
        (as_one(), "text/plain", 400),
        (as_one(), "", 400),
        (as_one(), violations.SEVERAL, 400),
        (as_several(SEVERAL), violations.ONE, 400),
        (as_several(SEVERAL, kind="deprecation"), violations.SEVERAL, 204),
        ("[]", violations.SEVERAL, 204),
        ("[1]", violations.SEVERAL, 400),
        ('[{"type": "csp-violation", "body": 1}]', violations.SEVERAL, 400),
        ('{"csp-report": 1}', violations.ONE, 400),
        ("{}", violations.ONE, 400),
        ("", violations.ONE, 400),
        ("{", violations.ONE, 400),
        (b"\xff\xfe", violations.ONE, 400),
        ("[" * MOST_BYTES, violations.SEVERAL, 400),
        ("9" * MOST_BYTES, violations.ONE, 400),
        (as_one(x="y" * MOST_BYTES), violations.ONE, 413),
    ],
)
def test_what_is_no_report_has_no_effect(make_app, sqlite_url, body, kind, status):
    app = make_app(sqlite_url)
    assert send(app, body, kind, headers={"Accept": "application/json"}) == status
    assert counted(app) == {}


def test_it_takes_nothing_but_posts(app):
    for method in ("get", "put", "delete"):
        assert getattr(app.test_client(), method)("/csp-reports").status_code == 405


def test_a_flood_of_made_up_reports_becomes_a_few_rows(app):
    paths = [rule.rule for rule in app.url_map.iter_rules() if not rule.arguments and "GET" in rule.methods]
    for directive in violations.DIRECTIVES:
        for path in paths:
            send(
                app,
                as_several(*[SEVERAL | {"documentURL": path, "effectiveDirective": directive}] * 30),
                violations.SEVERAL,
            )
    found = counted(app)
    assert len(found) == 51
    assert found["page:other", "others"] == len(violations.DIRECTIVES) * len(paths) * 20 - 50 * 20


def test_the_database_is_asked_nothing(app, sign_in):
    client = sign_in("recruiter")
    asked = []
    with app.app_context():
        event.listen(db.engine, "before_cursor_execute", lambda *told: asked.append(told[2]))
    assert client.post("/csp-reports", data=as_one(), content_type=violations.ONE).status_code == 204
    assert asked == []


# --- the policies -------------------------------------------------------------------------------------------------


def policy(answer):
    parts = (part.strip().partition(" ") for part in answer.headers["Content-Security-Policy"].split(";"))
    return {name: value for name, _, value in parts}


def test_pages_report_by_the_way_that_works_where_they_are(make_app, sqlite_url):
    client = make_app(sqlite_url, public_url="https://jobs.example.com").test_client()
    plain = client.get("/login", base_url="http://127.0.0.1:8000")
    secure = client.get("/login", base_url="https://jobs.example.com")
    assert policy(plain)["report-uri"] == policy(secure)["report-uri"] == "/csp-reports"
    # A browser that knows `report-to` heeds no `report-uri` beside it, and reports over https alone.
    assert {"report-to", "upgrade-insecure-requests"} & policy(plain).keys() == set()
    assert "Reporting-Endpoints" not in plain.headers
    assert policy(secure)["report-to"] == "pages"
    assert secure.headers["Reporting-Endpoints"] == 'pages="/csp-reports"'
    assert "upgrade-insecure-requests" in policy(secure)


def test_every_answer_lets_nothing_in_that_is_not_ours(stocked, sign_in):
    client = sign_in("hr_admin")
    addresses = [address for _, address in stocked.addresses("GET")]
    for address in [*addresses, "/nowhere", "/static/nowhere", "/applications/none"]:
        answer = client.get(address, buffered=True, headers={"Accept": "text/html"})
        found = policy(answer)
        assert found["default-src"] == "'none'", address
        assert found["frame-ancestors"] == "'none'", address
        assert set(found.values()) <= {"'none'", "'self'", "", "'script'", "default", "/csp-reports"}, address
        if answer.mimetype == "text/html":
            assert found["require-trusted-types-for"] == "'script'", address
            assert found["report-uri"] == "/csp-reports", address
        if "attachment" in answer.headers.get("Content-Disposition", "") and "/files/" in address:
            assert "sandbox" in found, address


def test_nothing_but_our_own_files_can_be_run_as_a_script(stocked, sign_in):
    """Why `script-src 'self'` needs no paths or hashes: with `nosniff`, only what says it is a script is one."""
    client = sign_in("hr_admin")
    for _, address in stocked.addresses("GET"):
        answer = client.get(address, buffered=True)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        if not address.startswith("/static/"):
            assert not re.search("script|ecma|wasm", answer.mimetype or ""), address
            assert answer.mimetype, address
