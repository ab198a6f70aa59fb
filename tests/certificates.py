"""Certificates made on the spot, as files that a server is pointed at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import trustme


@dataclass(frozen=True, slots=True)
class Issued:
    """Paths: the certificate with its chain, its key, and whom a caller must trust to believe it."""

    certificate: Path
    key: Path
    authority: Path

    @property
    def tls(self) -> tuple[str, str]:
        return str(self.certificate), str(self.key)


def issue(folder: Path, *names: str, ends: datetime | None = None, begins: datetime | None = None) -> Issued:
    """A certificate for `names` in files of `folder`, by an authority made for it."""
    folder.mkdir(parents=True, exist_ok=True)
    issued = Issued(folder / "fullchain.pem", folder / "privkey.pem", folder / "ca.pem")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(issued.authority)
    made = authority.issue_cert(*names, not_before=begins, not_after=ends)
    for number, pem in enumerate(made.cert_chain_pems):
        pem.write_to_path(issued.certificate, append=number > 0)
    made.private_key_pem.write_to_path(issued.key)
    issued.key.chmod(0o600)
    return issued
