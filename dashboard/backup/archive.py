"""The file: a tar archive of rows (JSON, compressed, some thousands a member), contents by SHA-256, and a manifest.

The manifest comes last and is signed, so that an archive that was cut off, changed or made elsewhere is known by it.
What is in a row says nothing of the database it came from: SQLite's goes into PostgreSQL, and the other way round.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import hmac
import io
import json
import os
import tarfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final, Self

from sqlalchemy import JSON, Column, DateTime, LargeBinary

from dashboard.services.files import sync_directory

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
_ROWS: Final = "rows"
_FILES: Final = "files"
_PURPOSE: Final = b"manifest of a backup"

Row = list[Any]


class NoBackup(Exception):
    """Why a file cannot be restored from, in words."""


@dataclass(frozen=True, slots=True)
class TableContents:
    """One table's columns, each with its kind (see `kind_of`), and how many rows of it there are."""

    columns: tuple[tuple[str, str], ...]
    rows: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive holds. `revision`: of the tables; `missing`: contents that the file store should have had."""

    made_at: str
    revision: str
    database: str
    audit_number: int
    audit_digest: str
    tables: dict[str, TableContents] = field(default_factory=dict)
    members: dict[str, str] = field(default_factory=dict)
    """SHA-256 of each member with rows."""
    files: int = 0
    contents: str = ""
    """SHA-256 of the names of all files in it, in order."""
    missing: tuple[str, ...] = ()
    format: int = FORMAT

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables.values())

    @property
    def when(self) -> str:
        """When it was made, in words."""
        return f"{self.made_at[:16].replace('T', ' ')} UTC"

    def signed(self, secret: str) -> bytes:
        told = asdict(self)
        return json.dumps(told | {"mac": _mac(told, secret)}).encode()

    @classmethod
    def read(cls, content: bytes, secrets: Sequence[str]) -> Self:
        """Raises `NoBackup` for one that none of `secrets` signed, or of another format."""
        try:
            told = json.loads(content)
            mac = told.pop("mac")
        except (ValueError, AttributeError, KeyError):
            raise NoBackup("Its manifest cannot be read.") from None
        if told.get("format") != FORMAT:
            raise NoBackup(f"It is of format {told.get('format')!r}; this version reads {FORMAT}.")
        if not any(hmac.compare_digest(_mac(told, secret), str(mac)) for secret in secrets):
            raise NoBackup(
                "It was made under another SECRET_KEY, or changed since. Start with the SECRET_KEY it was made under,"
                " or add that to SECRET_KEY_RETIRED."
            )
        tables = {
            name: TableContents(tuple((column, kind) for column, kind in table["columns"]), table["rows"])
            for name, table in told["tables"].items()
        }
        return cls(**(told | {"tables": tables, "missing": tuple(told["missing"])}))


def _mac(told: dict[str, Any], secret: str) -> str:
    key = hmac.digest(secret.encode(), _PURPOSE, "sha256")
    return hmac.new(key, json.dumps(told, sort_keys=True).encode(), hashlib.sha256).hexdigest()


# --- values ---------------------------------------------------------------------------------------------------------


def kind_of(column: Column[Any]) -> str:
    """How a column's values stand in JSON: `time`, `bytes`, `json`, or `plain` as they are."""
    kinds = ((DateTime, "time"), (LargeBinary, "bytes"), (JSON, "json"))
    stored = getattr(column.type, "impl", column.type)
    return next((kind for known, kind in kinds if isinstance(stored, known)), "plain")


def encode(value: Any, kind: str) -> Any:
    if value is None or kind in ("plain", "json"):
        return value
    return value.isoformat() if kind == "time" else base64.b64encode(value).decode()


def decode(value: Any, kind: str) -> Any:
    """The Python value again; times are aware, in UTC."""
    if value is None or kind in ("plain", "json"):
        return value
    return datetime.fromisoformat(value) if kind == "time" else base64.b64decode(value)


# --- writing --------------------------------------------------------------------------------------------------------


class Writer:
    """Adds members, then the manifest. What is written is durable once `written` has ended."""

    def __init__(self, archive: tarfile.TarFile, made_at: datetime) -> None:
        self._archive = archive
        self._at = made_at.timestamp()
        self.members: dict[str, str] = {}
        self._files: list[str] = []

    def rows(self, table: str, number: int, rows: Iterable[Row]) -> None:
        content = gzip.compress("\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode(), 5, mtime=0)
        name = f"{_ROWS}/{table}/{number:06d}.jsonl.gz"
        self.members[name] = hashlib.sha256(content).hexdigest()
        self._add(name, content)

    def file(self, sha256: str, content: bytes) -> None:
        self._files.append(sha256)
        self._add(f"{_FILES}/{sha256}", content)

    def manifest(self, manifest: Manifest, secret: str, missing: Iterable[str] = ()) -> Manifest:
        """Close the archive with `manifest`, completed by what was added. Returns it as written."""
        whole = replace(
            manifest,
            members=self.members,
            files=len(self._files),
            contents=_names(self._files),
            missing=tuple(missing),
        )
        self._add(MANIFEST, whole.signed(secret))
        return whole

    def _add(self, name: str, content: bytes) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mtime, member.mode = len(content), int(self._at), 0o600
        self._archive.addfile(member, io.BytesIO(content))


@contextmanager
def written(path: Path, made_at: datetime) -> Iterator[Writer]:
    """A new archive at `path`, which is there only once it is whole. Raises `OSError`."""
    draft = path.with_name(f"{path.name}.unfinished")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as raw:
        try:
            with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as archive:
                yield Writer(archive, made_at)
            raw.flush()
            os.fsync(raw.fileno())
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
    draft.rename(path)
    sync_directory(path.parent)


def _names(files: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(sorted(files)).encode()).hexdigest()


# --- reading --------------------------------------------------------------------------------------------------------


class Reader:
    """An archive whose manifest is right. What its members hold is checked as it is read."""

    def __init__(self, archive: tarfile.TarFile, secrets: Sequence[str]) -> None:
        self._archive = archive
        self._places = {member.name: member for member in archive.getmembers() if member.isreg()}
        if MANIFEST not in self._places:
            raise NoBackup("It has no manifest: the backup broke off, or it is another kind of archive.")
        self.manifest = Manifest.read(self._content(MANIFEST), secrets)
        self.files = [name.partition("/")[2] for name in self._places if name.startswith(f"{_FILES}/")]

    def check(self, told: Callable[[int], None] = lambda _done: None) -> None:
        """Read everything there is and hold it against the manifest. Raises `NoBackup`."""
        for name in self.manifest.tables:
            for part in self.rows(name):
                told(len(part))
        if len(self.files) != self.manifest.files:
            raise NoBackup(f"It should hold {self.manifest.files:,} files and holds {len(self.files):,}.")
        if _names(self.files) != self.manifest.contents:
            raise NoBackup("The files in it are not those that were backed up.")
        for sha256 in self.files:
            self.file(sha256)
            told(1)

    def rows(self, table: str) -> Iterator[list[Row]]:
        """A table's rows as they were written, a member at a time. Raises `NoBackup`."""
        found = 0
        for name in (name for name in self.manifest.members if name.startswith(f"{_ROWS}/{table}/")):
            part = self._part(name)
            found += len(part)
            yield part
        if found != self.manifest.tables[table].rows:
            raise NoBackup(f"Of {table} it should hold {self.manifest.tables[table].rows:,} rows and holds {found:,}.")

    def file(self, sha256: str) -> bytes:
        """Raises `NoBackup` where the content is not what its name says."""
        content = self._content(f"{_FILES}/{sha256}")
        if hashlib.sha256(content).hexdigest() != sha256:
            raise NoBackup(f"The file {sha256[:12]}… in it is damaged.")
        return content

    def _part(self, name: str) -> list[Row]:
        content = self._content(name)
        if hashlib.sha256(content).hexdigest() != self.manifest.members[name]:
            raise NoBackup(f"{name} in it is damaged.")
        return [json.loads(line) for line in gzip.decompress(content).decode().split("\n") if line]

    def _content(self, name: str) -> bytes:
        member = self._places.get(name)
        opened: IO[bytes] | None = self._archive.extractfile(member) if member else None
        if member is None or opened is None:
            raise NoBackup(f"{name} is missing in it.")
        content = opened.read()
        if len(content) != member.size:
            raise NoBackup(f"It is cut off at {name}.")
        return content


@contextmanager
def opened(path: Path, secrets: Sequence[str]) -> Iterator[Reader]:
    """Raises `NoBackup` for whatever is no archive of ours, `OSError` where it cannot be read."""
    try:
        archive = tarfile.open(path, mode="r:")  # noqa: SIM115 - closed below
    except tarfile.TarError:
        raise NoBackup("It is no backup of this dashboard.") from None
    with archive:
        try:
            yield Reader(archive, secrets)
        except tarfile.TarError:
            raise NoBackup("It is cut off or damaged.") from None
