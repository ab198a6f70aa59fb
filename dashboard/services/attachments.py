"""The files that came with an application: told from what stands beside them, judged, and kept."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dashboard import filetypes
from dashboard.services.files import FileStore
from dashboard.talroo.cutting import REFERENCE_PREFIX, CutBody, decode_leniently
from dashboard.talroo.payload import SentFile
from dashboard.talroo.wire import Json, clean


@dataclass(frozen=True, slots=True)
class Attached:
    """A file that is in the store, or of which nothing came (`sha256` None). `size` in bytes."""

    sent: SentFile
    sha256: str | None
    size: int
    mime: str | None
    verdict: str


@dataclass(frozen=True, slots=True)
class Received:
    """Files read from a body; `references`: the SHA-256 of each content that was cut from it and is a file's."""

    files: tuple[Attached, ...]
    contents: Mapping[str, bytes]
    references: frozenset[str]

    def keep(self, store: FileStore) -> tuple[Attached, ...]:
        """Put every content into `store`, durably. Raises `OSError`."""
        for sha256, content in self.contents.items():
            store.put(sha256, content)
        return self.files


def receive_files(sent: Iterable[SentFile], parcel: CutBody) -> Received:
    """Judge each file by its bytes (talroo-contract §5): `ok`, `mismatch` or `unreadable`. Never raises."""
    files: list[Attached] = []
    contents: dict[str, bytes] = {}
    references: set[str] = set()
    for file in sent:
        cut_out = _reference(file.data, parcel)
        if cut_out:
            references.add(cut_out)
            content: bytes | None = parcel.contents[cut_out]
        else:
            content = decode_leniently(file.data) if isinstance(file.data, str) and file.data.strip() else None
        readable = content is not None
        if content is None:
            content = _as_sent(file.data)
        if content is None:
            files.append(Attached(file, None, 0, None, "unreadable"))
            continue
        sha256 = cut_out or hashlib.sha256(content).hexdigest()
        contents[sha256] = content
        verdict = _verdict(file, sha256) if readable else "unreadable"
        files.append(Attached(file, sha256, len(content), filetypes.detect(content).mime, verdict))
    return Received(tuple(files), contents, frozenset(references))


def _reference(data: Json, parcel: CutBody) -> str | None:
    """The SHA-256 that `data` refers to, if it was cut from this very body: a body cannot name somebody else's file."""
    if not isinstance(data, str) or not data.startswith(REFERENCE_PREFIX):
        return None
    sha256 = data[len(REFERENCE_PREFIX) :]
    return sha256 if sha256 in parcel.contents else None


def _as_sent(data: Json) -> bytes | None:
    """Text that is no base64, as it was sent, so that a person can look at it."""
    return clean(data).encode() if isinstance(data, str) and data.strip() else None


def _verdict(file: SentFile, sha256: str) -> str:
    declared = file.declared_sha256
    return "ok" if declared is None or declared.strip().lower() == sha256 else "mismatch"
