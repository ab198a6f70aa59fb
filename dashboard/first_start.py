"""What a fresh checkout lacks and `make run` makes: a private `var/`, keys, the sandbox's settings and log-ins.

Everything made here is kept in `var/`, so that the next start finds the same.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

TALROO_SETTINGS: Final = (
    "TALROO_WEBHOOK_SECRETS",
    "TALROO_CLIENT_ID",
    "TALROO_CLIENT_SECRET",
    "TALROO_API_URL",
    "TALROO_CONVERSION_URL",
    "TALROO_DISPOSITION_URL",
)
"""Any of these set means that somebody has a real Talroo in mind."""

FIRST_USERS: Final = {
    "recruiter": "recruiter@example.com",
    "hr_admin": "hr@example.com",
    "it_admin": "it@example.com",
}
"""Of the sandbox. Anywhere else the first administrator makes their own, by the set-up link."""

_DISPOSITIONS_TO_SHOW: Final = "interview=interview,offer=offer,hired=hired,rejected=rejected"


def is_sandbox(environ: Mapping[str, str]) -> bool:
    """True when no Talroo setting is set; a blank one counts as not set, as it does for `Config`."""
    return not any(environ.get(name, "").strip() for name in TALROO_SETTINGS)


def fresh_logs(folder: Path) -> None:
    """A place for this run's logs; those of the last one are kept beside them."""
    private_folder(folder)
    for log in folder.glob("*.log"):
        log.replace(log.with_name(f"{log.name}.1"))


def private_folder(var: Path) -> None:
    """Make `var` for its owner only: it will hold applicants' data and keys."""
    var.mkdir(mode=0o700, parents=True, exist_ok=True)
    var.chmod(0o700)


def secret_key(var: Path) -> str:
    """The key that signs sessions: 64 hexadecimal digits, made once."""
    kept = var / "secret_key"
    if not kept.exists():
        _write_private(kept, secrets.token_hex(32))
    return kept.read_text().strip()


def sandbox_settings(var: Path) -> dict[str, str]:
    """What every process must know so that the fake Talroo stands in for the real one.

    The fake keeps its ports from one start to the next, unless something else has taken them meanwhile.
    """
    kept = _read(var / "sandbox.json")
    port, mail_port = (_kept_port(kept.get(name)) for name in ("port", "mail_port"))
    secret = kept.get("webhook_secret") or secrets.token_hex(32)
    client = kept.get("client_secret") or secrets.token_hex(16)
    made = {"port": port, "mail_port": mail_port, "webhook_secret": secret, "client_secret": client}
    _write_private(var / "sandbox.json", json.dumps(made, indent=1))
    fake = f"http://127.0.0.1:{port}"
    return {
        "DASHBOARD_SANDBOX_URL": fake,
        "TALROO_WEBHOOK_SECRETS": secret,
        "TALROO_CLIENT_ID": "sandbox",
        "TALROO_CLIENT_SECRET": client,
        "TALROO_API_URL": f"{fake}/v5",
        "TALROO_CONVERSION_URL": fake,
        "TALROO_DISPOSITION_URL": f"{fake}/disposition/v1/events",
    }


def sandbox_mail_settings(var: Path) -> dict[str, str]:
    """What makes reminders go to the fake Talroo's mailbox. After `sandbox_settings`, which keeps its port."""
    return {
        "MAIL_URL": f"smtp://127.0.0.1:{_read(var / 'sandbox.json').get('mail_port')}",
        "MAIL_FROM": "Your company <jobs@sandbox.example>",
        "MAIL_POSTAL_ADDRESS": "Your company, 1 Sample Street, Austin, TX 78701",
    }


def with_defaults(environ: Mapping[str, str], var: Path, port: int) -> dict[str, str]:
    """`environ` and what it leaves open. In the sandbox the stand-in's settings win, for they are all unset there."""
    found = dict(environ)
    _default(found, "SECRET_KEY", lambda: secret_key(var))
    scheme = "https" if found.get("TLS_CERT", "").strip() else "http"
    _default(found, "PUBLIC_URL", lambda: f"{scheme}://127.0.0.1:{port}")
    if is_sandbox(environ):
        found |= sandbox_settings(var)
        _default(found, "TALROO_DISPOSITION_EVENTS", lambda: _DISPOSITIONS_TO_SHOW)
        _default(found, "APPLY_URL", lambda: f"{found['TALROO_CONVERSION_URL']}/apply?job={{job_reference}}")
        if not found.get("MAIL_URL", "").strip():
            for name, value in sandbox_mail_settings(var).items():
                _default(found, name, lambda value=value: value)
    return found


def readable_password() -> str:
    """Twelve syllables of 75 (74 bits): long to guess, easy to copy from a terminal by hand."""
    syllables = [secrets.choice("bdfghjkmnprstvz") + secrets.choice("aeiou") for _ in range(12)]
    return "-".join("".join(syllables[start : start + 3]) for start in range(0, 12, 3))


def sandbox_log_ins(var: Path) -> dict[str, str]:
    """Role → password of the sandbox's first users; empty before they were made."""
    return {role: str(password) for role, password in _read(var / "sandbox-logins.json").items()}


def keep_sandbox_log_ins(var: Path, passwords: Mapping[str, str]) -> None:
    """Nothing in a sandbox is worth hiding from who runs it, so its passwords can be shown at every start."""
    _write_private(var / "sandbox-logins.json", json.dumps(dict(passwords), indent=1))


def is_free(port: int) -> bool:
    """True when a server could listen on 127.0.0.1:`port` now."""
    if not 0 < port < 65536:
        return False
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError:
            return False
    return True


def _kept_port(kept: Any) -> int:
    return kept if isinstance(kept, int) and is_free(kept) else free_port()


def free_port() -> int:
    """A port on 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _default(environ: dict[str, str], name: str, make: Any) -> None:
    if not environ.get(name, "").strip():
        environ[name] = make()


def _read(path: Path) -> dict[str, Any]:
    """What was kept; a file that a person broke while looking at it counts as none."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write_private(path: Path, text: str) -> None:
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text + "\n")
    draft.replace(path)
