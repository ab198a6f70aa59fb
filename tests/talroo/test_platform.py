from __future__ import annotations

import base64
import json
import traceback
from contextlib import suppress
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.sandbox.server import FakeTalroo
from dashboard.talroo.platform import (
    CredentialsRefused,
    ListPage,
    NotConfigured,
    NotPermitted,
    PlatformClient,
    PlatformError,
    PlatformUnavailable,
    ReplyNotUnderstood,
    ReplyTooLarge,
)
from dashboard.talroo.wire import Number
from tests.talroo import certificates
from tests.talroo.pulling import CLIENT_ID, PATH, SECRET, TOKEN_AT, as_json, asked, client, listed, pull, token
from tests.talroo.test_http import RAW
from tests.upstream import FAULTS, Answer, Upstream, moved


def test_the_token_is_asked_for_exactly_as_documented():
    with Upstream([token(), listed()]) as talroo:
        pull(client(talroo))
        request = talroo.requests[0]
    basic = base64.b64encode(f"{CLIENT_ID}:{SECRET}".encode()).decode()
    assert (request.method, request.target) == ("POST", TOKEN_AT)
    assert request.headers["authorization"] == f"Basic {basic}"
    assert request.headers["content-type"] == "application/json"
    assert json.loads(request.body) == {"grantType": "CLIENT_CREDENTIALS", "clientId": CLIENT_ID}


@pytest.mark.parametrize(("completed", "term"), [(True, "completed=true"), (False, "completed=false")])
def test_a_page_is_asked_for_with_one_search_term_and_newest_first(completed, term):
    with Upstream([token("t-9"), listed()]) as talroo:
        pull(client(talroo), completed=completed, page=3, size=50)
        request = talroo.requests[1]
    address = urlsplit(request.target)
    assert (request.method, address.path, request.body) == ("GET", "/v5/applications", b"")
    assert f"search={term.replace('=', '%3D')}" in address.query
    assert parse_qs(address.query) == {"search": [term], "sort": ["createdAt,desc"], "page": ["3"], "size": ["50"]}
    assert request.headers["authorization"] == "Bearer t-9"
    assert request.headers["user-agent"].startswith("talroo-dashboard/")


ITEMS = [{"id": "a", "job": {"zipcode": 2134}}, {"type": "x", "data": {"id": "b"}}, None, "odd", []]


@pytest.mark.parametrize(
    "reply",
    [
        {"content": ITEMS},
        {"items": ITEMS},
        {"data": ITEMS},
        {"results": ITEMS},
        {"content": None, "data": ITEMS},
        ITEMS,
    ],
    ids=lambda reply: str(list(reply))[:30],
)
def test_a_list_is_found_under_any_name_and_handed_out_as_it_came(reply):
    with Upstream([token(), as_json(reply)]) as talroo:
        found = pull(client(talroo)).items
    assert found == ({"id": "a", "job": {"zipcode": "2134"}}, ITEMS[1], None, "odd", [])
    assert isinstance(found[0]["job"]["zipcode"], Number)


def test_an_empty_page_is_a_page():
    with Upstream([token(), listed(totalElements=7)]) as talroo:
        assert pull(client(talroo)) == ListPage((), 7)


@pytest.mark.parametrize(
    ("claimed", "total"),
    [(0, 0), (5000, 5000), ("12", 12), (None, None), (-1, None), (1.5, None), ("many", None), ([], None), (True, None),
     (10**30, None)],
)  # fmt: skip
def test_the_total_is_what_talroo_claims_where_it_can_be_one(claimed, total):
    with Upstream([token(), listed({}, totalElements=claimed)]) as talroo:
        assert pull(client(talroo)).total == total


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"null", b"7", b'"words"', b'{"content": null}', b'{"content": {"id": 1}}', b'{"message": "no"}',
     b"<html>Back soon</html>", b"[" * 100_000, b'{"content": [{"id":'],
)  # fmt: skip
def test_a_success_without_a_list_is_not_understood(body):
    with Upstream([token(), Answer(body=body)]) as talroo:
        with pytest.raises(ReplyNotUnderstood, match="TALROO_APPLICATIONS_PATH"):
            pull(client(talroo))
        assert len(talroo.requests) == 2


@pytest.mark.parametrize("status", ["204", "301", "307", "400", "404", "405", "410", "422", "600"])
def test_an_answer_that_is_no_list_is_named_and_not_asked_for_again(status):
    with Upstream([token(), status]) as talroo:
        with pytest.raises(ReplyNotUnderstood, match="TALROO_APPLICATIONS_PATH") as caught:
            pull(client(talroo))
        assert len(talroo.requests) == 2
    assert status in str(caught.value) or status == "204"


def test_an_app_client_that_may_not_read_applications_is_told_so():
    with Upstream([token(), "403"]) as talroo:
        with pytest.raises(NotPermitted, match="403"):
            pull(client(talroo))
        assert asked(talroo) == ["token", "token-1"]


@pytest.mark.parametrize(("client_id", "secret"), [(None, None), ("", ""), ("id", None), (None, "secret")])
def test_without_an_app_client_nothing_is_asked(client_id, secret):
    with Upstream() as talroo:
        unset = PlatformClient(talroo.url, PATH, client_id, secret)
        with pytest.raises(NotConfigured, match="TALROO_CLIENT_ID and TALROO_CLIENT_SECRET"):
            pull(unset)
        with pytest.raises(NotConfigured):
            unset.check()
        assert talroo.requests == []


@pytest.mark.parametrize(
    ("address", "path"),
    [("ftp://a.example", PATH), ("http://me:mine@a.example", PATH), ("http://a.example/?q", PATH), ("", PATH),
     ("http://a.example", "applications"), ("http://a.example", "@elsewhere.example/"), ("http://a.example", "/../up"),
     ("http://a.example", "/a?b=c"), ("http://a.example", "/a#b")],
)  # fmt: skip
def test_an_address_or_a_path_that_cannot_be_used_is_refused_at_once(address, path):
    with pytest.raises(ValueError):  # noqa: PT011 - urllib words some of them
        PlatformClient(address, path, CLIENT_ID, SECRET)


def test_an_answer_may_be_as_long_as_allowed_and_no_longer():
    answer = listed({"id": "a"})
    with Upstream([token(), answer, token(), answer]) as talroo:
        assert pull(client(talroo, max_reply=len(answer.body))).total == 1
        with pytest.raises(ReplyTooLarge, match="smaller pages"):
            pull(client(talroo, max_reply=len(answer.body) - 1))


@pytest.mark.parametrize("step", ["huge", "endless"])
def test_an_answer_that_goes_on_is_left_once_it_is_too_long(step):
    with Upstream([token(), step]) as talroo, pytest.raises(ReplyTooLarge):
        pull(client(talroo, max_reply=100_000))


def test_a_failure_is_a_failure_however_long_its_page_is():
    with Upstream([token(), Answer(503, body=b"x" * 5000), Answer(404, body=b"x" * 5000)]) as talroo:
        with pytest.raises(ReplyNotUnderstood, match="404"):
            pull(client(talroo, max_reply=1000))
        assert len(talroo.requests) == 3


def test_no_redirect_brings_the_token_or_the_secret_to_another_host():
    with Upstream() as elsewhere, Upstream() as talroo:
        for status in (301, 302, 303, 307, 308):
            talroo.add(moved(elsewhere.url, status), token(), moved(elsewhere.url, status))
            for _ in range(2):
                with pytest.raises(ReplyNotUnderstood, match="redirects are not followed"):
                    pull(client(talroo))
        assert elsewhere.requests == []
        assert len(talroo.requests) == 15


def test_nothing_of_the_environment_takes_part_and_no_cookie_is_kept(monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password mine\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with Upstream() as proxy, Upstream() as talroo:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        talroo.add(as_json({"accessToken": "t"}, headers={"Set-Cookie": "a=b; Path=/"}), listed())
        pull(client(talroo))
        assert proxy.requests == []
        assert asked(talroo) == ["token", "t"]
        assert all("cookie" not in request.headers for request in talroo.requests)


def test_only_a_trusted_certificate_gets_to_see_the_secret(tmp_path):
    context, trusted = certificates.make(tmp_path)
    with Upstream([token(), listed({})], tls=context) as talroo:
        assert pull(client(talroo, authorities=str(trusted))).total == 1
        with pytest.raises(PlatformUnavailable, match="certificate not trusted"):
            pull(client(talroo))
        assert len(talroo.requests) == 2


def test_neither_secret_nor_token_nor_query_is_in_any_log_or_error(caplog):
    caplog.set_level("DEBUG")
    odd = b"HTTP/1.1 200 OK\r\n: no name\r\n\r\n"
    hidden = [
        SECRET,
        base64.b64encode(f"{CLIENT_ID}:{SECRET}".encode()).decode(),
        "hidden-token",
        "createdAt",
        "127.0.0",
    ]
    told = []
    for step in [
        *FAULTS,
        odd,
        moved("http://[no host\xff"),
        "401",
        "403",
        "404",
        "429",
        "503",
        token("hidden-token x"),
    ]:
        for script in ([step], [token("hidden-token"), step, token("hidden-token-2"), step]):
            with Upstream(script, drip=0.05) as talroo:
                talroo.set_default("500")
                found = client(talroo, deadline=0.3, max_reply=1000)
                with pytest.raises(PlatformError) as caught:
                    pull(found)
                told += [*traceback.format_exception(caught.value), repr(caught.value), repr(found), repr(found._token)]
    shown = "\n".join([caplog.text, *told])
    assert [word for word in hidden if word in shown] == []
    assert len(told) > 100


def test_no_answer_whatever_raises_anything_but_a_platform_error():
    with Upstream() as talroo:
        talroo.set_default("503")

        @settings(max_examples=200, deadline=None)
        @given(raw=st.one_of(st.binary(max_size=300), RAW), as_token=st.booleans())
        def ends_in_the_family(raw: bytes, as_token: bool) -> None:
            talroo.add(*([raw] if as_token else [token(), raw]))
            with suppress(PlatformError):
                assert isinstance(pull(client(talroo, total=1, deadline=5)), ListPage)

        ends_in_the_family()


@pytest.fixture
def fake():
    with FakeTalroo(
        "127.0.0.1", 0, postback_url=None, secret="unused", client_id=CLIENT_ID, client_secret=SECRET
    ) as talroo:
        yield talroo


def test_everything_the_fake_talroo_lists_can_be_read_page_by_page(fake):
    reader = PlatformClient(f"{fake.url}/v5", PATH, CLIENT_ID, SECRET)
    for completed in (False, True):
        pages = [pull(reader, completed=completed, page=page, size=7) for page in range(12)]
        ids = [item["id"] for page in pages for item in page.items]
        wanted = [str(item["id"]) for item in fake.applications() if item["completed"] is completed]
        assert sorted(ids) == sorted(wanted)
        assert len(wanted) == pages[0].total > 20
        created = [item["createdAt"] for page in pages for item in page.items]
        assert created == sorted(created, reverse=True)


def test_the_fake_talroo_checks_credentials_path_and_token(fake):
    with pytest.raises(CredentialsRefused):
        PlatformClient(f"{fake.url}/v5", PATH, CLIENT_ID, "another").check()
    with pytest.raises(ReplyNotUnderstood, match="TALROO_APPLICATIONS_PATH"):
        pull(PlatformClient(f"{fake.url}/v5", "/elsewhere", CLIENT_ID, SECRET))
    PlatformClient(f"{fake.url}/v5", PATH, CLIENT_ID, SECRET).check()
