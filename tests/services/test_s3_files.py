"""The file store in a bucket, over real HTTP to a server that speaks S3."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time

import pytest
import requests
from moto.server import ThreadedMotoServer

from dashboard.services.files import FileMissing, open_store
from tests.factories import as_body, payload, signed
from tests.infrastructure.ports import free_port
from tests.infrastructure.processes import ROOT

CONTENT = b"a resume" * 1_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(scope="module")
def s3():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3, monkeypatch) -> str:
    """The address of a new, empty bucket."""
    settings = {"ENDPOINT_URL": s3, "ACCESS_KEY_ID": "test", "SECRET_ACCESS_KEY": "test", "REGION": "us-east-1"}
    for name, value in settings.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    requests.post(f"{s3}/moto-api/reset", timeout=60)
    assert requests.put(f"{s3}/resumes", timeout=60).status_code == 200
    return "s3://resumes/talroo"


def keys(s3: str) -> list[str]:
    listing = requests.get(f"{s3}/resumes?list-type=2", timeout=60).text
    return [part.partition("</Key>")[0] for part in listing.split("<Key>")[1:]]


def test_what_is_put_can_be_got_and_lies_under_the_prefix(s3, bucket):
    store = open_store(bucket)
    store.put(SHA256, CONTENT)
    assert store.get(SHA256) == CONTENT
    assert keys(s3) == [f"talroo/{SHA256[:2]}/{SHA256}"]


def test_the_same_content_is_kept_once(s3, bucket):
    store = open_store(bucket)
    for _ in range(3):
        store.put(SHA256, CONTENT)
    assert len(keys(s3)) == 1


@pytest.mark.parametrize("content", [b"", b"\0" * 10_000_000])
def test_any_content_can_be_kept(bucket, content):
    store = open_store(bucket)
    sha256 = hashlib.sha256(content).hexdigest()
    store.put(sha256, content)
    assert store.get(sha256) == content


def test_what_is_missing_is_missing(bucket):
    with pytest.raises(FileMissing):
        open_store(bucket).get(SHA256)


def test_a_store_says_whether_it_answers(bucket):
    open_store(bucket).check()
    with pytest.raises(OSError, match="does not answer"):
        open_store("s3://no-such-bucket").check()


def test_a_bucket_that_is_not_there_is_a_storage_failure(bucket):
    with pytest.raises(OSError, match="refused"):
        open_store("s3://no-such-bucket").put(SHA256, CONTENT)


def test_a_server_that_is_down_is_a_storage_failure_before_talroo_has_lost_patience(bucket, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    store = open_store(bucket)
    began = time.monotonic()
    for act in (lambda: store.put(SHA256, CONTENT), lambda: store.get(SHA256), store.check):
        with pytest.raises(OSError, match="S3"):
            act()
    assert time.monotonic() - began < 30


def test_an_application_is_received_into_a_bucket_and_comes_back_to_the_byte(make_app, sqlite_url, s3, bucket):
    app = make_app(sqlite_url, files_url=bucket)
    body = as_body(payload("complete"))
    post = app.test_client().post
    assert post("/talroo/applications", data=body, headers=signed(body)).json["status"] == "accepted"
    assert len(keys(s3)) == 2


def test_without_the_bucket_an_application_must_come_again_and_then_is_accepted(make_app, sqlite_url, s3, bucket):
    app = make_app(sqlite_url, files_url="s3://later/talroo")
    body = as_body(payload("complete"))
    post = app.test_client().post
    refused = post("/talroo/applications", data=body, headers=signed(body))
    assert (refused.status_code, "Retry-After" in refused.headers) == (503, True)
    requests.put(f"{s3}/later", timeout=60)
    assert post("/talroo/applications", data=body, headers=signed(body)).json["status"] == "accepted"


FORKING = """
import os, sys
from dashboard.services.files import open_store
store, sha256 = open_store(sys.argv[1]), sys.argv[2]
child = os.fork()
if child == 0:
    os._exit(0 if len(store.get(sha256)) == 8_000 else 1)
sys.exit(os.waitpid(child, 0)[1])
"""


def test_a_store_that_was_loaded_before_a_fork_works_after_it(bucket):
    open_store(bucket).put(SHA256, CONTENT)
    done = subprocess.run(
        [sys.executable, "-c", FORKING, bucket, SHA256], cwd=ROOT, env=os.environ, timeout=60, check=False
    )
    assert done.returncode == 0
