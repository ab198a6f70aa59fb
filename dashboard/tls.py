"""The certificate that this site serves HTTPS with, where no proxy does: whether it can be used, and for how long."""

from __future__ import annotations

import ssl
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from config import Config

if TYPE_CHECKING:
    from cryptography import x509


class Unusable(Exception):
    """Why HTTPS cannot be served, in words that name the setting."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """What is told of it. `names`: hosts and addresses, in small letters. `open_key`: anybody here can read its key."""

    begins: datetime
    ends: datetime
    names: tuple[str, ...]
    open_key: bool = False

    def is_for(self, host: str) -> bool:
        """`host`: without brackets or port. A `*` stands for one label."""
        return host in self.names or f"*.{host.partition('.')[2]}" in self.names


def check(config: Config, now: datetime) -> Certificate | None:
    """What HTTPS will be served with from now on; None where a proxy does that.

    Raises `Unusable` where a file cannot be read, the two do not match, or the certificate is not valid now.
    """
    if config.tls is None:
        return None
    found = read(config)
    if now >= found.ends:
        raise Unusable(f"TLS_CERT: the certificate ended on {found.ends:%Y-%m-%d %H:%M} UTC. Renew it.")
    if now < found.begins:
        raise Unusable(f"TLS_CERT: the certificate is valid only from {found.begins:%Y-%m-%d %H:%M} UTC on.")
    _check_pair(*config.tls)
    return found


def read(config: Config) -> Certificate:
    """The certificate as the file has it, whether it can be used or not. Raises `Unusable` where there is none."""
    (leaf, *_) = _certificates(config.tls_cert or "")
    return Certificate(
        leaf.not_valid_before_utc, leaf.not_valid_after_utc, _names(leaf), _is_open(Path(config.tls_key or ""))
    )


def _certificates(path: str) -> Sequence[x509.Certificate]:
    from cryptography import x509  # spares processes of sites behind a proxy

    content = _content("TLS_CERT", path)
    try:
        return x509.load_pem_x509_certificates(content)
    except ValueError as problem:
        raise Unusable(f"TLS_CERT: {path} holds no certificate in PEM.") from problem


def _check_pair(certificate: str, key: str) -> None:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        private = load_pem_private_key(_content("TLS_KEY", key), None)
    except TypeError as problem:
        raise Unusable(
            f"TLS_KEY: {key} asks for a password. Write it without one, readable by its user alone."
        ) from problem
    except (ValueError, UnsupportedAlgorithm) as problem:
        raise Unusable(f"TLS_KEY: {key} holds no private key in PEM.") from problem
    (leaf, *_) = _certificates(certificate)
    if private.public_key() != leaf.public_key():
        raise Unusable("TLS_CERT and TLS_KEY do not match: the key is another certificate's.")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except ssl.SSLError as problem:
        raise Unusable(f"TLS_CERT and TLS_KEY: this machine's TLS refuses them ({problem.reason}).") from problem


def _content(setting: str, path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as problem:
        raise Unusable(f"{setting}: {path} cannot be read ({problem.strerror}).") from problem


def _names(leaf: x509.Certificate) -> tuple[str, ...]:
    from cryptography import x509

    try:
        named = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return ()
    hosts = (name.lower() for name in named.get_values_for_type(x509.DNSName))
    return (*hosts, *map(str, named.get_values_for_type(x509.IPAddress)))


def _is_open(key: Path) -> bool:
    try:
        return bool(key.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False
