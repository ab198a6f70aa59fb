"""By what two applications are known to be one person's: e-mail address and phone number, folded for comparing."""

from __future__ import annotations

from anyascii import anyascii


def email_key(email: str | None) -> str | None:
    """E-mail folded for comparing; None where it is none."""
    folded = (email or "").strip().lower()
    return folded if "@" in folded else None


def phone_key(phone: str | None) -> str | None:
    """The last ten digits; None where there are fewer than seven."""
    digits = "".join(character for character in anyascii(phone or "") if character.isdigit())
    return digits[-10:] if len(digits) >= 7 else None
