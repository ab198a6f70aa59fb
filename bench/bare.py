"""The yardstick: a Flask endpoint that does only what nobody can leave out.

Read, HMAC, JSON parse, base64 decode, SHA-256, one durable file, one durable commit. No idempotence, no tolerance
for odd bodies, no application made of it. Serve it as `bench.bare:app`, with the dashboard's own environment.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import threading
from pathlib import Path

import pybase64
from flask import Flask, request
from sqlalchemy import NullPool, create_engine

from dashboard.database import keep_promises

SECRET = os.environ["TALROO_WEBHOOK_SECRETS"].encode()
FILES = Path(os.environ["FILES_URL"].removeprefix("file://"))
ENGINE = create_engine(os.environ["DATABASE_URL"], poolclass=NullPool)
keep_promises(ENGINE)  # the dashboard's own pragmas, whatever they are

for number in range(256):
    (FILES / f"{number:02x}").mkdir(parents=True, exist_ok=True)

app = Flask(__name__)
_local = threading.local()


@app.get("/healthz")
def healthz() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/talroo/applications")
def receive() -> tuple[dict[str, str], int]:
    raw = request.get_data(cache=False)
    stamp, _, given = request.headers["X-Talroo-Signature"].partition(",v1=")
    mac = hmac.new(SECRET, stamp.removeprefix("t=").encode() + b".", hashlib.sha256)
    mac.update(raw)
    if not hmac.compare_digest(mac.hexdigest(), given):
        return {"status": "refused"}, 401
    document = json.loads(raw)
    encoded = document["data"]["applicant"]["resume"]["data"]
    content = pybase64.b64decode(encoded, validate=True)
    sha256 = hashlib.sha256(content).hexdigest()
    _keep_file(sha256, content)
    start = raw.index(encoded.encode())
    _commit(document["id"], raw[:start] + sha256.encode() + raw[start + len(encoded) :])
    return {"status": "accepted"}, 200


def _keep_file(sha256: str, content: bytes) -> None:
    folder = FILES / sha256[:2]
    temporary = folder / f".{secrets.token_hex(8)}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    os.write(descriptor, content)
    os.fsync(descriptor)
    os.close(descriptor)
    temporary.rename(folder / sha256)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(descriptor)
    os.close(descriptor)


def _commit(event: str, body: bytes) -> None:
    if not hasattr(_local, "pooled"):
        _local.pooled = ENGINE.raw_connection()
    cursor = _local.pooled.driver_connection
    cursor.execute("BEGIN IMMEDIATE")
    cursor.execute("INSERT INTO arrived (event, body) VALUES (?, ?)", (event, body))
    cursor.execute("COMMIT")
