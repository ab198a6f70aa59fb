"""`python -m dashboard.sandbox`: the fake Talroo alone, until told to stop."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from dashboard.sandbox.applications import SEED
from dashboard.sandbox.delivering import Pace
from dashboard.sandbox.server import FakeTalroo

_SECRETS: Final = ("TALROO_WEBHOOK_SECRETS", "TALROO_CLIENT_ID", "TALROO_CLIENT_SECRET")


def main(arguments: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    """Serve until SIGTERM or SIGINT. Returns the exit status: 1 with a line on stderr where it cannot start.

    Secrets come from the environment: the first of TALROO_WEBHOOK_SECRETS, TALROO_CLIENT_ID and TALROO_CLIENT_SECRET.
    """
    given = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    try:
        talroo = _talroo(given, environ)
    except (OSError, ValueError) as problem:
        sys.stderr.write(f"The fake Talroo cannot start: {problem}\n")
        return 1
    serve(talroo)
    return 0


def serve(talroo: FakeTalroo) -> None:
    """Run `talroo` until SIGTERM or SIGINT, then end it cleanly, within two seconds. Only from the main thread."""
    told = threading.Event()
    before = {number: signal.signal(number, lambda *_: told.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with talroo:
            sys.stdout.write(f"The fake Talroo is ready: {talroo.url}\n")
            sys.stdout.flush()
            told.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m dashboard.sandbox", description="A fake Talroo on loopback.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument(
        "--port", type=int, choices=range(65536), metavar="PORT", default=8001, help="port to listen on (%(default)s)"
    )
    parser.add_argument(
        "--mail-port",
        type=int,
        choices=range(1, 65536),
        metavar="PORT",
        help="port to take mails on; without, none are",
    )
    parser.add_argument("--postback-url", help="where the dashboard takes applications; without it, none are delivered")
    parser.add_argument(
        "--interval", type=_interval, default=(20.0, 60.0), help="seconds between new ones: 30, or 20-60"
    )
    parser.add_argument("--seed", type=int, default=SEED, help="another number, other people (%(default)s)")
    parser.add_argument("--state", "--state-path", type=Path, help="file that remembers what was delivered")
    return parser


def _interval(text: str) -> tuple[float, float]:
    low, _, high = text.partition("-")
    least, most = float(low), float(high or low)
    if not 0 < least <= most:
        raise ValueError(text)
    return least, most


def _talroo(given: argparse.Namespace, environ: Mapping[str, str]) -> FakeTalroo:
    needed = {name: environ.get(name, "").split(",")[0].strip() for name in _SECRETS}
    if missing := [name for name, value in needed.items() if not value]:
        raise ValueError(f"set {', '.join(missing)}")
    secret, client_id, client_secret = needed.values()
    return FakeTalroo(
        given.host,
        given.port,
        postback_url=given.postback_url,
        secret=secret,
        client_id=client_id,
        client_secret=client_secret,
        seed=given.seed,
        pace=Pace(interval=given.interval),
        state_path=given.state,
        mail_port=given.mail_port,
    )


if __name__ == "__main__":
    sys.exit(main())
