"""The file store: contents kept once, under their SHA-256, and on disk before anybody is told so."""

from __future__ import annotations

import errno
import os
import secrets
import time
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import unquote, urlsplit


class FileMissing(LookupError):
    """The store does not hold this content; it should, so somebody has to look."""


class FileStore(Protocol):
    """Where contents live. All methods raise `OSError` when the store cannot do its work."""

    def put(self, sha256: str, content: bytes) -> None:
        """Keep `content`; when this returns it survives a power cut. Keeping it twice is harmless."""

    def get(self, sha256: str) -> bytes:
        """The content. Raises `FileMissing`."""

    def delete(self, sha256: str) -> None:
        """Let go of a content for good; it need not be there."""

    def check(self) -> None:
        """Return if the store can be written to."""


def open_store(url: str) -> FileStore:
    """The store at `file:///directory` or `s3://bucket/prefix`."""
    parts = urlsplit(url)
    if parts.scheme == "s3":
        from dashboard.services.s3_files import S3Files  # obstore costs memory that most installations need not spend

        return S3Files(url)
    return LocalFiles(Path(unquote(parts.path)))


LEFT_BEHIND: Final = 3_600
"""Seconds after which a file that is still being written belongs to a process that died."""


class LocalFiles:
    """Files in 256 directories by the first two hex digits of their name; in `incoming` what is being written."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._incoming = root / "incoming"
        self._prepared = False
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._incoming.mkdir(exist_ok=True, mode=0o700)
        _remove_left_behind(self._incoming)

    def put(self, sha256: str, content: bytes) -> None:
        self._prepare()
        path = self._path(sha256)
        directory = path.parent
        # Somebody else may have renamed it a moment ago and not yet synced the directory, so "there" is not "durable".
        if not self._holds(path, len(content)):
            temporary = self._incoming / secrets.token_hex(16)
            try:
                _write_durably(temporary, content)
                temporary.rename(path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
        sync_directory(directory)

    def get(self, sha256: str) -> bytes:
        try:
            return self._path(sha256).read_bytes()
        except FileNotFoundError:
            raise FileMissing(sha256) from None

    def delete(self, sha256: str) -> None:
        path = self._path(sha256)
        path.unlink(missing_ok=True)
        sync_directory(path.parent)

    def check(self) -> None:
        if not os.access(self._root, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, "The file store cannot be written to.")

    def _prepare(self) -> None:
        """Make all directories before the first file. Most processes keep none, and pass this over."""
        if self._prepared:
            return
        for number in range(256):
            (self._root / f"{number:02x}").mkdir(exist_ok=True, mode=0o700)
        # Also where all are there: whoever made them may not have got as far as this, and a file is only as durable as
        # its directory. For the same reason this is noted last, and two threads at once both do it.
        sync_directory(self._root)
        self._prepared = True

    def _path(self, sha256: str) -> Path:
        return self._root / sha256[:2] / sha256

    @staticmethod
    def _holds(path: Path, size: int) -> bool:
        try:
            return path.stat().st_size == size
        except FileNotFoundError:
            return False


def _write_durably(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_left_behind(incoming: Path) -> None:
    before = time.time() - LEFT_BEHIND
    for path in incoming.iterdir():
        with suppress(FileNotFoundError):  # another process is tidying up too
            if path.stat().st_mtime < before:
                path.unlink()


def sync_directory(path: Path) -> None:
    """What was renamed into a directory, or out of it, survives a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
