from __future__ import annotations

import base64
import hashlib
import json
import time
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dashboard.talroo import cutting, wire
from dashboard.talroo.cutting import CutBody, decode_leniently

CONTENT = b"%PDF-1.4 a resume"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
BASE64 = base64.b64encode(CONTENT).decode()


def rebuilt(parcel: CutBody) -> bytes:
    return cutting.rebuild(parcel.body, parcel.cuts, parcel.contents.__getitem__)


def referring(value: Any) -> Any:
    """A document with references in the place of file contents, as the cut body should read."""
    if isinstance(value, dict):
        # A key that merely ends like `"data` is cut as well: undone by rebuilding, and harmless.
        return {
            key: _reference(inner) if key == "data" or key.endswith('"data') else referring(inner)
            for key, inner in value.items()
        }
    return [referring(inner) for inner in value] if isinstance(value, list) else value


def _reference(value: Any) -> Any:
    # A number is text as well, and digits can be base64; but only what stands between quotes is a file.
    if not isinstance(value, str) or isinstance(value, wire.Number) or not value:
        return referring(value)
    content = decode_leniently(value)
    canonical = content is not None and base64.b64encode(content).decode() == value
    return cutting.reference(hashlib.sha256(content).hexdigest()) if canonical and content else value


CONTENTS = st.binary(min_size=1, max_size=200)
FILES = CONTENTS.map(lambda content: {"fileName": "cv", "data": base64.b64encode(content).decode()})
DOCUMENTS = st.recursive(
    st.none() | st.text() | st.integers() | FILES | st.sampled_from(["data", "sha256:" + SHA256, BASE64]),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["data", 'x"data', "id"]), inner),
    max_leaves=12,
)
# Bytes that look like what is cut, put together in every order.
FRAGMENTS = st.lists(
    st.sampled_from([b'"data"', b":", b'"', b" ", b"\\", b"{", b"}", b",", b"\n", b"QUJD", b"QQ==", b"QR==", b"\xff"])
    | st.binary(max_size=8),
    max_size=40,
).map(b"".join)


@given(st.binary() | FRAGMENTS)
@example(b'"data":"QUJD"' * 3)
@example(b'"data":"')
@example(b'"data" \n: \t"QUJD')
def test_any_bytes_are_rebuilt_exactly(raw):
    assert rebuilt(cutting.cut(raw)) == raw


@given(DOCUMENTS, st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", "\t:\r\n ")]), st.booleans())
@example({"data": 10**35}, (",", ":"), False)
def test_a_document_with_files_anywhere_is_rebuilt_exactly_and_reads_the_same_but_for_them(
    tree, separators, ascii_only
):
    raw = json.dumps(tree, separators=separators, ensure_ascii=ascii_only).encode()
    parcel = cutting.cut(raw)
    assert rebuilt(parcel) == raw
    assert wire.parse(parcel.body).value == referring(wire.parse(raw).value)


@given(st.lists(CONTENTS, min_size=1, max_size=6), st.sets(st.integers(0, 5)))
def test_contents_are_put_back_and_the_others_stay_cut(contents, wanted):
    raw = json.dumps([{"n": 1, "data": base64.b64encode(content).decode()} for content in contents]).encode()
    parcel = cutting.cut(raw)
    kept = {hashlib.sha256(contents[number]).hexdigest() for number in wanted if number < len(contents)}
    smaller = parcel.keeping(kept)
    assert set(smaller.contents) == {cut.sha256 for cut in smaller.cuts} == kept
    assert rebuilt(smaller) == raw


def test_what_is_cut_is_the_content_of_data_and_a_reference_is_left():
    parcel = cutting.cut(b'{"fileName": "cv.pdf", "data" : "%s", "n": 1}' % BASE64.encode())
    assert parcel.body == b'{"fileName": "cv.pdf", "data" : "sha256:%s", "n": 1}' % SHA256.encode()
    assert parcel.contents == {SHA256: CONTENT}
    assert parcel.cuts == (cutting.Cut(33, SHA256),)


def test_a_content_that_comes_twice_is_held_once():
    parcel = cutting.cut(json.dumps([{"data": BASE64}, {"data": BASE64}]).encode())
    assert len(parcel.cuts) == 2
    assert len(parcel.contents) == 1


@pytest.mark.parametrize(
    "text",
    [
        BASE64.rstrip("=") if BASE64.endswith("=") else BASE64 + "=",
        BASE64[:8] + r"\n" + BASE64[8:],
        BASE64.replace("J", r"\u004a", 1),
        BASE64 + " ",
        "QR==",
        "QUI",
        "-_-_",
        "not base64!",
        "====",
        "",
    ],
)
def test_where_base64_is_not_canonical_the_body_stays_whole(text):
    raw = b'{"data": "%s"}' % text.encode()
    assert cutting.cut(raw) == CutBody(raw, (), {})


@pytest.mark.parametrize(
    "raw",
    [
        b'{"datas": "QUJD"}',
        b'{"Data": "QUJD"}',
        b'{"data": ["QUJD"]}',
        b'{"data": {"x": "QUJD"}}',
        b'{"data": QUJD}',
        b'["data", "QUJD"]',
        rb'{"text": "\"data\": \"QUJD\""}',
        '{"data": "QUJD"}'.encode("utf-16"),
    ],
)
def test_nothing_else_is_cut(raw):
    assert cutting.cut(raw) == CutBody(raw, (), {})


def test_a_reference_in_what_was_sent_is_a_text_like_any_other():
    raw = b'{"data": "sha256:%s"}' % SHA256.encode()
    assert cutting.cut(raw) == CutBody(raw, (), {})


def test_a_large_body_full_of_beginnings_is_cut_in_time():
    raw = b'"data":"' * 250_000
    began = time.perf_counter()
    assert rebuilt(cutting.cut(raw)) == raw
    assert time.perf_counter() - began < 5


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("QUJD", b"ABC"),
        ("QUJD\r\nREVG\n", b"ABCDEF"),
        ("QQ", b"A"),
        ("QQ=", b"A"),
        ("-_-_", b"\xfb\xff\xbf"),
        ("QR==", b"A"),
        ("not base64!", None),
        ("sha256:" + SHA256, None),
        ("QUJDé", None),
        ("Q", None),
        ("\ud83d", None),
    ],
)
def test_base64_is_read_as_far_as_it_can_be_read_in_one_way(text, content):
    assert decode_leniently(text) == content


@given(st.text())
def test_no_text_is_too_odd_to_be_tried(text):
    assert isinstance(decode_leniently(text), bytes | None)


@given(st.binary(), st.integers(1, 80))
def test_base64_with_line_breaks_is_read(content, width):
    encoded = base64.b64encode(content).decode()
    assert decode_leniently("\r\n".join(encoded[at : at + width] for at in range(0, len(encoded), width))) == content
