"""The settings: read from the environment (and a `.env` file beside this one) once, and checked whole.

Every problem is named at once, by setting, so that one start shows everything there is to mend.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields
from email.utils import parseaddr
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from dotenv import dotenv_values

ROOT: Final = Path(__file__).resolve().parent
VAR: Final = ROOT / "var"
ROLES: Final = ("recruiter", "hr_admin", "it_admin")
LOG_FORMS: Final = ("json", "text")
STAGES: Final = ("new", "reviewed", "contacted", "interview", "offer", "hired", "rejected")


class SettingsError(Exception):
    """One line per wrong setting, each naming the setting and what it should be."""


# --- one reader per shape of setting: text in, value out; ValueError says what is expected ------------------------


def _text(raw: str) -> str:
    return raw


def _names(raw: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in raw.split(",") if part.strip())


def _whole(least: int, most: int) -> Callable[[str], int]:
    def read(raw: str) -> int:
        if not re.fullmatch(r"[0-9]{1,12}", raw, re.ASCII) or not least <= int(raw) <= most:
            raise ValueError(f"must be a whole number from {least} to {most}")
        return int(raw)

    return read


def _secret(raw: str) -> str:
    if len(raw.encode()) < 32:
        raise ValueError(
            "must be 32 bytes or more (make one: python3 -c 'import secrets; print(secrets.token_hex(32))')"
        )
    return raw


def _one_of(*words: str) -> Callable[[str], str]:
    def read(raw: str) -> str:
        if raw.lower() not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return raw.lower()

    return read


def _absolute(raw: str) -> str:
    if not raw.startswith("/"):
        raise ValueError("must be an absolute path")
    return raw


def _web_address(raw: str) -> str:
    try:
        parts = urlsplit(raw)
        usable = (
            parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1) and not re.search(r"\s", raw)
        )
    except ValueError:
        usable = False
    if not usable or "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("must be an http:// or https:// address without query, user or password")
    return raw.rstrip("/")


def _origins(raw: str) -> tuple[str, ...]:
    return tuple(_web_address(origin) for origin in _names(raw))


def _path(raw: str) -> str:
    if not raw.startswith("/") or re.search(r"[?#\s]|/\.\.(/|$)", raw):
        raise ValueError("must start with / and be a path alone, without ?, # or ..")
    return raw


def _database(raw: str) -> str:
    if raw.startswith("postgresql://"):
        return "postgresql+psycopg://" + raw.removeprefix("postgresql://")
    if not raw.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise ValueError("must start with sqlite:/// or postgresql+psycopg://")
    return raw


def _files(raw: str) -> str:
    if not raw.startswith(("file:///", "s3://")):
        raise ValueError("must start with file:/// (an absolute path) or s3://")
    return raw


def _apply_page(raw: str) -> str:
    """May hold {job_reference}, in its query as well."""
    if urlsplit(raw).scheme not in ("http", "https") or not urlsplit(raw).hostname or re.search(r"\s", raw):
        raise ValueError("must be the address of apply pages, such as https://jobs.example.com/apply/{job_reference}")
    if unknown := set(re.findall(r"\{[^{}]*\}?|\}", raw)) - {"{job_reference}"}:
        raise ValueError(f"has {min(unknown)!r}: only {{job_reference}} can stand in it")
    return raw


def _mail(raw: str) -> str:
    try:
        parts = urlsplit(raw)
        usable = parts.scheme in ("smtp", "smtps") and parts.hostname and (parts.port or 1)
    except ValueError:
        usable = False
    if not usable or parts.path not in ("", "/") or parts.query not in ("", "tls=true", "tls=false") or parts.fragment:
        raise ValueError("must look like smtp://user:password@host:port?tls=true (in a password, write @ as %40)")
    return raw


def _sender(raw: str) -> str:
    name, address = parseaddr(raw)
    named = f"{name} <{address}>" if name else address
    plain = re.fullmatch(r"[!-?A-~]+@[0-9A-Za-z.-]+", address, re.ASCII)
    if not plain or not raw.isprintable() or raw.replace('"', "").split() != named.split():
        raise ValueError("must be one address, with or without a name: Harbor & Vale <jobs@example.com>")
    return raw


def _line(raw: str) -> str:
    if not raw.isprintable() or len(raw) > 300:
        raise ValueError("must be one line of at most 300 characters")
    return raw


def _secrets(raw: str) -> tuple[str, ...]:
    return tuple(_secret(part) for part in _names(raw))


def _pairs(raw: str, event_shape: str, expected: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in _names(raw):
        stage, _, event = (part.strip() for part in pair.partition("="))
        if stage not in STAGES:
            raise ValueError(f"has {pair!r}: each pair is stage=event, and a stage is one of {', '.join(STAGES)}")
        if stage in found:
            raise ValueError(f"has {pair!r}: the stage {stage!r} comes twice")
        if not re.fullmatch(event_shape, event, re.ASCII):
            raise ValueError(f"has {pair!r}: {expected}")
        found[stage] = event
    return found


def _conversion_events(raw: str) -> dict[str, int]:
    pairs = _pairs(raw, "[123]", "Talroo knows conversion events 1, 2 and 3")
    return {stage: int(event) for stage, event in pairs.items()}


def _disposition_events(raw: str) -> dict[str, str]:
    return _pairs(raw, r"[0-9A-Za-z_.:-]{1,64}", "an event's name has 1 to 64 letters, digits and _ . : -")


def _role(name: str) -> str:
    if name not in ROLES:
        raise ValueError(f"has {name!r}: a role is one of {', '.join(ROLES)}")
    return name


def _roles(raw: str) -> tuple[str, ...]:
    return tuple(_role(name) for name in _names(raw))


def _role_pairs(raw: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in _names(raw):
        value, equals, role = (part.strip() for part in pair.rpartition("="))
        if not equals or not value:
            raise ValueError(f"has {pair!r}: each pair is value=role, as in recruiting-team=recruiter")
        if value in found:
            raise ValueError(f"has {pair!r}: the value {value!r} comes twice")
        found[value] = _role(role)
    return found


def _issuer(raw: str) -> str:
    _web_address(raw)
    if not raw.startswith("https://") and urlsplit(raw).hostname not in ("127.0.0.1", "::1", "localhost"):
        raise ValueError("must be an https:// address: who signs in is taken from there")
    if len(raw) > 255:
        raise ValueError("must have at most 255 characters")
    return raw


def _scopes(raw: str) -> str:
    if "openid" not in raw.split():
        raise ValueError("must be scopes with spaces between them, openid among them")
    return " ".join(raw.split())


_DAY: Final = 86_400


def _setting(read: Callable[[str], Any], default: Any) -> Any:
    return field(default=default, metadata={"read": read})


def _computed(read: Callable[[str], Any], make: Callable[[], Any]) -> Any:
    return field(default_factory=make, metadata={"read": read})


@dataclass(frozen=True, slots=True)
class Config:
    """All settings, named as in the environment but in lower case. Times in seconds, sizes in bytes."""

    secret_key: str = field(metadata={"read": _secret})
    secret_key_retired: tuple[str, ...] = _setting(_secrets, ())
    database_url: str = _computed(_database, lambda: f"sqlite:///{VAR}/dashboard.db")
    files_url: str = _computed(_files, lambda: f"file://{VAR}/files")
    public_url: str = _setting(_web_address, "http://127.0.0.1:8000")
    talroo_webhook_secrets: tuple[str, ...] = _setting(_names, ())
    talroo_signature_tolerance: int = _setting(_whole(0, 30 * _DAY), 300)
    talroo_signature_max_age: int = _setting(_whole(0, 365 * _DAY), 3 * _DAY)
    talroo_client_id: str | None = _setting(_text, None)
    talroo_client_secret: str | None = _setting(_text, None)
    talroo_api_url: str = _setting(_web_address, "https://api.talroo.com/v5")
    talroo_applications_path: str = _setting(_path, "/applications")
    talroo_sync_interval: int = _setting(_whole(0, 30 * _DAY), 900)
    talroo_conversion_url: str = _setting(_web_address, "https://www.jobs2careers.com")
    talroo_conversion_events: Mapping[str, int] = _computed(_conversion_events, lambda: {"hired": 2})
    talroo_conversion_hold: int = _setting(_whole(0, 30 * _DAY), 60)
    talroo_disposition_url: str = _setting(_web_address, "https://api.talroo.com/disposition/v1/events")
    talroo_disposition_events: Mapping[str, str] = _computed(_disposition_events, dict)
    mail_url: str | None = _setting(_mail, None)
    mail_from: str | None = _setting(_sender, None)
    mail_postal_address: str | None = _setting(_line, None)
    mail_hold: int = _setting(_whole(0, 30 * _DAY), 60)
    apply_url: str | None = _setting(_apply_page, None)
    click_destinations: tuple[str, ...] = _setting(_origins, ())
    click_api_token: str | None = _setting(_text, None)
    metrics_token: str | None = _setting(_text, None)
    metrics_dir: str = _computed(_absolute, lambda: str(VAR / "metrics"))
    log_format: str | None = _setting(_one_of(*LOG_FORMS), None)
    log_level: str = _setting(_one_of("debug", "info", "warning", "error"), "info")
    log_file: str | None = _setting(_absolute, None)
    exports_per_hour: int = _setting(_whole(0, 100_000), 60)
    retention_months: int = _setting(_whole(0, 600), 24)
    web_workers: int = _setting(_whole(1, 64), 2)
    max_application_bytes: int = _setting(_whole(1024, 2**31), 52_428_800)
    talroo_call_deadline: int = _setting(_whole(1, 120), 15)
    talroo_lease: int | None = _setting(_whole(1, 3600), None)
    totp_required_roles: tuple[str, ...] = _setting(_roles, ())
    oidc_issuer: str | None = _setting(_issuer, None)
    oidc_client_id: str | None = _setting(_text, None)
    oidc_client_secret: str | None = _setting(_text, None)
    oidc_scopes: str = _setting(_scopes, "openid email profile")
    oidc_role_claim: str = _setting(_text, "groups")
    oidc_roles: Mapping[str, str] = _computed(_role_pairs, dict)
    oidc_label: str = _setting(_line, "Sign in with your company account")
    tls_cert: str | None = _setting(_absolute, None)
    tls_key: str | None = _setting(_absolute, None)
    trusted_proxies: int = _setting(_whole(0, 10), 0)
    alert_silence_hours: int = _setting(_whole(0, 8760), 24)
    alert_disk_free: int = _setting(_whole(0, 10**12), 1_000_000_000)
    dashboard_sandbox_url: str | None = _setting(_web_address, None)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Config:
        """Read every setting; a variable that is set but blank counts as not set.

        Without `environ`: the process's environment over the `.env` file beside this one.
        Raises `SettingsError` naming every wrong one.
        """
        if environ is None:
            environ = {**{k: v or "" for k, v in dotenv_values(ROOT / ".env").items()}, **os.environ}
        values: dict[str, Any] = {}
        problems: list[str] = []
        given: list[str] = []
        for setting in fields(cls):
            name = setting.name.upper()
            raw = environ.get(name, "").strip()
            if not raw:
                continue
            given.append(setting.name)
            try:
                values[setting.name] = setting.metadata["read"](raw)
            except ValueError as problem:
                problems.append(f"{name} {problem}.")
        if "secret_key" not in values and not any(line.startswith("SECRET_KEY") for line in problems):
            problems.append("SECRET_KEY is not set: sessions cannot be signed without it; it needs 32 bytes or more.")
        problems += _contradictions(cls, values, given)
        if problems:
            raise SettingsError("\n".join(problems))
        return cls(**values)

    @property
    def sandbox(self) -> bool:
        """True where a fake Talroo, started by the launcher, stands in for the real one."""
        return self.dashboard_sandbox_url is not None

    @property
    def postback_url(self) -> str:
        """What goes into `<postUrl>` of the employer's feed."""
        return f"{self.public_url}/talroo/applications"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What keys are made from, the newest first: all of them still count."""
        return (self.secret_key, *self.secret_key_retired)

    @property
    def tls(self) -> tuple[str, str] | None:
        """The files of the certificate and its key, where this site serves HTTPS itself."""
        return (self.tls_cert, self.tls_key) if self.tls_cert and self.tls_key else None

    @property
    def is_https(self) -> bool:
        return self.public_url.startswith("https://")


def _contradictions(cls: type[Config], values: Mapping[str, Any], given: Collection[str]) -> list[str]:
    """`given`: the names of all that were set, rightly or not."""

    def chosen(name: str) -> Any:
        return values.get(name, next(f.default for f in fields(cls) if f.name == name))

    found = []
    if chosen("talroo_signature_max_age") < chosen("talroo_signature_tolerance"):
        found.append("TALROO_SIGNATURE_MAX_AGE must not be smaller than TALROO_SIGNATURE_TOLERANCE.")
    if ("talroo_client_id" in values) != ("talroo_client_secret" in values):
        found.append("TALROO_CLIENT_ID and TALROO_CLIENT_SECRET belong together: set both or neither.")
    if ("tls_cert" in given) != ("tls_key" in given):
        found.append("TLS_CERT and TLS_KEY belong together: set both or neither.")
    provider = ("oidc_issuer", "oidc_client_id", "oidc_client_secret", "oidc_roles")
    if 0 < sum(name in given for name in provider) < len(provider):
        found.append(f"{', '.join(name.upper() for name in provider)} belong together: set all of them or none.")
    return found
