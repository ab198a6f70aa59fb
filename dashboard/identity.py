"""Signing in by the word of an OpenID provider: what is asked, what comes of it, and what can go wrong.

Who is asked, and how far they are believed, stands in `openid.py`, which is loaded where somebody signs in so: what it
needs takes a second and 9 MB, and most installations have no provider.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Self

from config import Config


class SignInFailed(Exception):
    """`words`: for whoever wanted to sign in. `why`: for the log, without anybody's data."""

    status = 400

    def __init__(self, words: str, why: str) -> None:
        super().__init__(why)
        self.words, self.why = words, why


class ProviderUnavailable(SignInFailed):
    """It could not be reached, or what it says of itself makes no sense."""

    status = 503

    def __init__(self, why: str) -> None:
        super().__init__("The sign-in service is not responding. Try again in a minute.", why)


class Cancelled(SignInFailed):
    """They said no there."""

    def __init__(self) -> None:
        super().__init__("Sign-in was canceled. Nothing was changed.", "cancelled")


class NotProven(SignInFailed):
    """What came back proves nobody."""


@dataclass(frozen=True, slots=True)
class Provider:
    """Whose word counts, and as whom we ask. `redirect_uri`: where it sends people back to."""

    issuer: str
    client_id: str
    client_secret: str
    scopes: str
    role_claim: str
    redirect_uri: str

    @classmethod
    def of(cls, config: Config) -> Self | None:
        """The one that is set up, if any."""
        if not (config.oidc_issuer and config.oidc_client_id and config.oidc_client_secret):
            return None
        address = f"{config.public_url}/login/oidc/callback"
        known = (config.oidc_issuer, config.oidc_client_id, config.oidc_client_secret)
        return cls(*known, config.oidc_scopes, config.oidc_role_claim, address)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What the browser keeps while its owner is at the provider's, in our signed cookie."""

    state: str
    nonce: str
    verifier: str

    def as_json(self) -> dict[str, str]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who it is. `email`: only if the provider has made sure that it is theirs. `groups`: what roles follow from.

    `has_second_factor`: whether the provider says that it asked for one.
    """

    issuer: str
    subject: str
    email: str | None
    groups: tuple[str, ...]
    has_second_factor: bool = False
