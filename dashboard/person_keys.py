"""By what two applications are known to be one person's: email address and phone number, folded for comparing."""

from __future__ import annotations

from anyascii import anyascii

from dashboard.mail_address import ascii_host


def email_key(email: str | None) -> str | None:
    """Email folded for comparing, its domain as DNS knows it; None where it is none."""
    name, at, domain = (email or "").strip().lower().rpartition("@")
    return f"{name}@{_domain_key(domain)}" if at else None


def _domain_key(domain: str) -> str:
    """`bücher.example.` is `xn--bcher-kva.example`: the same letter box. As it is where DNS could not know it."""
    bare = domain.removesuffix(".")
    return bare if bare.isascii() else ascii_host(bare) or bare


def phone_key(phone: str | None) -> str | None:
    """The last ten digits; None where there are fewer than seven."""
    digits = "".join(character for character in anyascii(phone or "") if character.isdigit())
    return digits[-10:] if len(digits) >= 7 else None
