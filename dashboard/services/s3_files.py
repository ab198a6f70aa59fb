"""The file store in an S3-compatible bucket; endpoint and credentials by the usual `AWS_*` names."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

from obstore.exceptions import BaseError, NotFoundError
from obstore.store import S3Store

from dashboard.services.files import FileMissing


class S3Files:
    """An S3 server answers a PUT only once it keeps the object, so no further flush is ours to make."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._opened: S3Store | None = None

    def put(self, sha256: str, content: bytes) -> None:
        try:
            # Written again where it is there already: "only if absent" is not known to every S3-compatible server,
            # and its refusal would also mean "somebody else is writing it", which is not yet "kept".
            self._store().put(_key(sha256), content)
        except (BaseError, OSError) as problem:
            raise OSError(f"The S3 file store refused: {type(problem).__name__}") from problem

    def get(self, sha256: str) -> bytes:
        try:
            return bytes(self._store().get(_key(sha256)).bytes())
        except (NotFoundError, FileNotFoundError):
            raise FileMissing(sha256) from None
        except (BaseError, OSError) as problem:
            raise OSError(f"The S3 file store refused: {type(problem).__name__}") from problem

    def delete(self, sha256: str) -> None:
        try:
            self._store().delete(_key(sha256))
        except (NotFoundError, FileNotFoundError):
            return
        except (BaseError, OSError) as problem:
            raise OSError(f"The S3 file store refused: {type(problem).__name__}") from problem

    def check(self) -> None:
        try:
            next(iter(self._store().list(chunk_size=1)), None)
        except (BaseError, OSError) as problem:
            raise OSError(f"The S3 file store does not answer: {type(problem).__name__}") from problem

    def _store(self) -> S3Store:
        # Opened when first used: obstore's threads do not survive a fork, and a server may fork after loading us.
        if self._opened is None:
            options: dict[str, Any] = {
                "client_options": {"timeout": "20s", "connect_timeout": "5s"},
                # Talroo waits for the answer, and comes again by itself.
                "retry_config": {"max_retries": 2, "retry_timeout": timedelta(seconds=10)},
            }
            if os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://"):
                options["client_options"]["allow_http"] = True
            self._opened = S3Store.from_url(self._url, **options)
        return self._opened


def _key(sha256: str) -> str:
    return f"{sha256[:2]}/{sha256}"
