"""Files judged by their bytes (talroo-contract §5): ok, mismatch or unreadable, and never lost."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest

from dashboard.services.attachments import receive_files
from dashboard.services.files import LocalFiles
from dashboard.talroo import cutting, payload, wire
from tests.factories import event, file_object

CONTENT = b"%PDF-1.4\nthe resume of somebody\n%%EOF"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
OTHER = hashlib.sha256(b"something else").hexdigest()


def received(resume):
    body = json.dumps(event(applicant={"resume": resume})).encode()
    parcel = cutting.cut(body)
    submission = payload.submission(payload.envelope(wire.parse(parcel.body).value))
    return receive_files(submission.files, parcel)


def only(resume):
    (file,) = received(resume).files
    return file


@pytest.mark.parametrize(
    ("declared", "verdict"),
    [
        (SHA256, "ok"),
        (SHA256.upper(), "ok"),
        (f" {SHA256} ", "ok"),
        (None, "ok"),
        ("", "ok"),
        (OTHER, "mismatch"),
        ("no hash", "mismatch"),
        (12, "mismatch"),
        ([], "ok"),
    ],
)
def test_the_declared_hash_is_checked(declared, verdict):
    file = only(file_object(CONTENT, contentSha256=declared))
    assert (file.verdict, file.sha256, file.size) == (verdict, SHA256, len(CONTENT))


@pytest.mark.parametrize("declared", ["application/octet-stream", "text/html", "image/png", None, {}])
def test_the_type_is_what_the_bytes_say(declared):
    assert only(file_object(CONTENT, contentType=declared)).mime == "application/pdf"


@pytest.mark.parametrize("width", [64, 76])
@pytest.mark.parametrize("alphabet", [base64.b64encode, base64.urlsafe_b64encode])
def test_base64_that_is_not_canonical_is_read_and_judged_all_the_same(width, alphabet):
    encoded = alphabet(CONTENT).decode().rstrip("=")
    lines = "\r\n".join(encoded[at : at + width] for at in range(0, len(encoded), width))
    file = received(file_object(CONTENT, data=lines))
    assert file.files[0].verdict == "ok"
    assert file.references == frozenset()
    assert file.contents == {SHA256: CONTENT}


@pytest.mark.parametrize("text", ["not base64!", "%PDF-1.4", f"sha256:{OTHER}", "data:;base64,QUJD", "\ud83d\0", "é"])
def test_what_is_no_base64_is_unreadable_and_kept_as_it_was_sent(text):
    result = received(file_object(CONTENT, data=text))
    (file,) = result.files
    assert file.verdict == "unreadable"
    assert result.contents[file.sha256] == wire.clean(text).encode()


@pytest.mark.parametrize("nothing", [None, "", "  ", [], {}, ["QUJD"], True])
def test_a_file_of_which_nothing_came_is_unreadable_and_has_no_content(nothing):
    file = only(file_object(CONTENT, data=nothing))
    assert (file.verdict, file.sha256, file.size, file.mime) == ("unreadable", None, 0, None)


def test_the_same_content_twice_is_kept_once(tmp_path):
    document = event(applicant={"resume": file_object(CONTENT)})
    document["data"]["questionsAndAnswers"] = [
        {"question": {"id": "copy", "type": "file"}, "answer": file_object(CONTENT, "copy.pdf")}
    ]
    parcel = cutting.cut(json.dumps(document).encode())
    submission = payload.submission(payload.envelope(wire.parse(parcel.body).value))
    result = receive_files(submission.files, parcel)
    assert [file.sha256 for file in result.keep(LocalFiles(tmp_path))] == [SHA256, SHA256]
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [SHA256]


def test_a_reference_reaches_only_what_was_cut_from_the_same_body():
    mine, theirs = file_object(CONTENT), file_object(CONTENT, data=f"sha256:{OTHER}")
    parcel = cutting.cut(json.dumps(mine).encode())
    sent = [payload._sent_file("q", file) for file in (theirs, {**mine, "data": f"sha256:{SHA256}"})]
    result = receive_files(sent, parcel)
    assert [file.verdict for file in result.files] == ["unreadable", "ok"]
    assert result.references == {SHA256}
