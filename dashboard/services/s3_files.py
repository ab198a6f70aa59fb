"""The file store in an S3-compatible bucket; endpoint and credentials by the usual `AWS_*` names."""

from __future__ import annotations

import os
from typing import Any

from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError
from obstore.store import S3Store

from dashboard.services.files import FileMissing


class S3Files:
    """An S3 server answers a PUT only once it keeps the object, so no further flush is ours to make."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._opened: tuple[int, S3Store] | None = None

    def put(self, sha256: str, content: bytes) -> None:
        try:
            self._store().put(f"{sha256[:2]}/{sha256}", content, mode="create")
        except AlreadyExistsError:
            return
        except BaseError as problem:
            raise OSError(f"The S3 file store refused: {type(problem).__name__}") from problem

    def get(self, sha256: str) -> bytes:
        try:
            return bytes(self._store().get(f"{sha256[:2]}/{sha256}").bytes())
        except (NotFoundError, FileNotFoundError):
            raise FileMissing(sha256) from None
        except BaseError as problem:
            raise OSError(f"The S3 file store refused: {type(problem).__name__}") from problem

    def check(self) -> None:
        try:
            next(iter(self._store().list(chunk_size=1)), None)
        except BaseError as problem:
            raise OSError(f"The S3 file store does not answer: {type(problem).__name__}") from problem

    def _store(self) -> S3Store:
        # obstore's threads do not survive a fork, so each process opens its own.
        if self._opened is None or self._opened[0] != os.getpid():
            options: dict[str, Any] = {"client_options": {"timeout": "20s", "connect_timeout": "5s"}}
            if os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://"):
                options["client_options"]["allow_http"] = True
            self._opened = (os.getpid(), S3Store.from_url(self._url, **options))
        return self._opened[1]
