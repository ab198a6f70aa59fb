"""Signing in by the word of an OpenID provider: the authorization code flow with PKCE, state and nonce.

Authlib speaks the protocol, joserfc checks signatures. Nothing is believed that the provider has not signed for us, now
and for this very attempt; no call takes longer than `DEADLINE`, and few run at once.
(OpenID Connect Core 1.0 §3.1, Discovery 1.0 §4, RFC 7636, RFC 9207.)
"""

from __future__ import annotations

import hmac
import secrets
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.exceptions import HTTPError

from dashboard.identity import Attempt, Cancelled, Identity, NotProven, Provider, ProviderUnavailable
from dashboard.talroo.deadline import Watch, WatchedAdapter

DEADLINE: Final = 10.0
"""Seconds for all calls of one step together."""
AT_ONCE: Final = 4
"""Calls that wait for the provider: whoever is not signed in can cause them, and each holds a thread."""
TURN_WITHIN: Final = 0.2
"""Seconds that one more waits for its turn: a thread, too."""
LEEWAY: Final = 60
"""Seconds by which the provider's clock may differ from ours."""
DISCOVERED_FOR: Final = 600.0
FAILED_FOR: Final = 20.0
"""Seconds for which a provider that did not say what it is is not asked again."""
LARGEST_ANSWER: Final = 1_000_000
ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures by a key that only the provider has. `none`, and those by a shared secret, are no proof."""
KEY_TYPES: Final = ("RSA", "EC", "OKP")
SECOND_FACTORS: Final = frozenset(
    {"mfa", "mca", "otp", "sms", "tel", "hwk", "swk", "sc", "fpt", "face", "iris", "retina", "vbm"}
)
"""What `amr` calls something that one has or is (RFC 8176). A password, a PIN, a place and an answer are none."""
LONGEST: Final = 255
"""Characters of a subject (OpenID Connect Core §2)."""

_TROUBLE: Final = (requests.RequestException, HTTPError, OSError)


def begin(provider: Provider) -> tuple[str, Attempt]:
    """The address to send the browser to, and what it must bring back. Raises `ProviderUnavailable`."""
    attempt = Attempt(*(secrets.token_urlsafe(48) for _ in range(3)))
    with _session(provider) as session:
        about = _about(session, provider)
        address, _ = session.create_authorization_url(
            about["authorization_endpoint"],
            state=attempt.state,
            nonce=attempt.nonce,
            code_verifier=attempt.verifier,
            response_mode="query",
        )
    return str(address), attempt


def finish(provider: Provider, attempt: Attempt, answer: Mapping[str, str], *, now: datetime) -> Identity:
    """Who signed in there. `answer`: the query that the browser came back with.

    Raises `Cancelled`, `NotProven` or `ProviderUnavailable`.
    """
    if not hmac.compare_digest(answer.get("state", "").encode(), attempt.state.encode()):
        raise NotProven("This sign-in was started in another browser, or too long ago. Please start again.", "state")
    if "error" in answer:
        raise Cancelled if answer["error"] == "access_denied" else _refused(f"answered {answer['error'][:40]!r}")
    with _session(provider) as session:
        about = _about(session, provider)
        if answer.get("iss", provider.issuer) != provider.issuer:
            raise _refused("another issuer answered")
        token = _token(session, about, answer.get("code", ""), attempt.verifier)
        claims = _claims(token, _json(session.get(about["jwks_uri"], withhold_token=True)), provider, attempt, now)
        # How they signed in there counts as the ID token says it, for this attempt, or not at all.
        return _identity(provider, {**_userinfo(session, about, provider, claims), "amr": None, **claims})


# --- talking to it --------------------------------------------------------------------------------------------------


class _Session(OAuth2Session):  # type: ignore[misc]
    """Authlib's session, over before `ends` (monotonic), following no redirect and reading no endless answer."""

    def __init__(self, ends: float, **known: Any) -> None:
        super().__init__(**known)
        self._ends = ends
        self.trust_env = False
        trust = ssl.create_default_context()
        trust.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
        for scheme in ("http://", "https://"):
            self.mount(scheme, WatchedAdapter(trust))

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        left = max(self._ends - time.monotonic(), 0.01)
        with Watch(left):
            response: requests.Response = super().send(request, **{**options, "stream": True, "timeout": (left, left)})
            body = response.raw.read(LARGEST_ANSWER + 1, decode_content=True)
            response.close()
        if len(body) > LARGEST_ANSWER:
            raise requests.RequestException("the answer does not end")
        response._content = body
        return response

    def get_redirect_target(self, _response: requests.Response) -> str | None:
        """Nowhere: what is called is what the provider says of itself."""
        return None


_calls: Final = threading.BoundedSemaphore(AT_ONCE)
_discovered: Final[dict[str, tuple[float, dict[str, Any]]]] = {}
_failed: Final[dict[str, float]] = {}


@contextmanager
def _session(provider: Provider) -> Iterator[_Session]:
    if time.monotonic() - _failed.get(provider.issuer, -FAILED_FOR) < FAILED_FOR:
        raise ProviderUnavailable("it did not answer a moment ago")
    if not _calls.acquire(timeout=TURN_WITHIN):
        raise ProviderUnavailable("too many wait for it")
    known = {
        "client_id": provider.client_id,
        "client_secret": provider.client_secret,
        "scope": provider.scopes,
        "redirect_uri": provider.redirect_uri,
        "code_challenge_method": "S256",
    }
    try:
        with _Session(time.monotonic() + DEADLINE, **known) as session:
            yield session
    except _TROUBLE as problem:
        raise ProviderUnavailable(type(problem).__name__) from None
    finally:
        _calls.release()


def _about(session: _Session, provider: Provider) -> dict[str, Any]:
    """What the provider says of itself, asked for every ten minutes."""
    asked_at, about = _discovered.get(provider.issuer, (0.0, {}))
    if not about or time.monotonic() - asked_at > DISCOVERED_FOR:
        about = _discover(session, provider)
    methods = about.get("token_endpoint_auth_methods_supported", ())
    if "client_secret_post" in methods and "client_secret_basic" not in methods:
        session.token_endpoint_auth_method = "client_secret_post"  # noqa: S105
    return about


def _discover(session: _Session, provider: Provider) -> dict[str, Any]:
    address = provider.issuer.rstrip("/") + "/.well-known/openid-configuration"
    try:
        about = _json(session.get(address, withhold_token=True))
        _check_about(about, provider)
    except (*_TROUBLE, ProviderUnavailable):
        _failed[provider.issuer] = time.monotonic()
        raise
    _discovered[provider.issuer] = (time.monotonic(), about)
    return about


def _check_about(about: Mapping[str, Any], provider: Provider) -> None:
    if about.get("issuer") != provider.issuer:
        raise ProviderUnavailable("it calls itself by another name than OIDC_ISSUER")
    scheme = urlsplit(provider.issuer).scheme
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        if urlsplit(str(about.get(name, ""))).scheme not in ("https", scheme):
            raise ProviderUnavailable(f"it names no {name} that can be used")


def _json(response: requests.Response) -> dict[str, Any]:
    if response.status_code != requests.codes.ok:
        raise ProviderUnavailable(f"answered {response.status_code}")
    try:
        told = response.json()
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise ProviderUnavailable("answered something else than JSON")
    return told


def _token(session: _Session, about: Mapping[str, Any], code: str, verifier: str) -> dict[str, Any]:
    try:
        token = session.fetch_token(
            about["token_endpoint"], grant_type="authorization_code", code=code, code_verifier=verifier
        )
    except AuthlibBaseError as problem:
        raise _refused(f"its token endpoint answered {str(problem.error)[:40]!r}") from None
    except requests.RequestException:
        raise
    except ValueError:
        raise ProviderUnavailable("its token endpoint answered something else than JSON") from None
    if not isinstance(token.get("id_token"), str):
        raise _refused("it sent no ID token")
    return dict(token)


def _userinfo(
    session: _Session, about: Mapping[str, Any], provider: Provider, claims: Mapping[str, Any]
) -> dict[str, Any]:
    """What the userinfo endpoint adds, where the ID token leaves out what we need."""
    address = about.get("userinfo_endpoint")
    if not address or ("email" in claims and _at(claims, provider.role_claim) is not None):
        return {}
    told = _json(session.get(address))
    if told.get("sub") != claims["sub"]:
        raise _refused("its userinfo is about somebody else")
    return told


# --- believing it ---------------------------------------------------------------------------------------------------


def _claims(
    token: Mapping[str, Any], keys: Mapping[str, Any], provider: Provider, attempt: Attempt, now: datetime
) -> dict[str, Any]:
    """What the ID token says, once it is sure that the provider says it, to us, now, and about this attempt."""
    wanted = {
        "iss": {"essential": True, "value": provider.issuer},
        "aud": {"essential": True, "value": provider.client_id},
    }
    known = {"nonce": attempt.nonce, "client_id": provider.client_id, "access_token": token.get("access_token")}
    registry = JWSRegistry(algorithms=[*ALGORITHMS], strict_check_header=False)
    try:
        usable = [one for one in keys["keys"] if one.get("kty") in KEY_TYPES and one.get("use", "sig") == "sig"]
        read = jwt.decode(token["id_token"], KeySet.import_key_set({"keys": usable}), registry=registry)
        claims = CodeIDToken(read.claims, read.header, wanted, known)
        claims.validate(now=int(now.timestamp()), leeway=LEEWAY)
    except (JoseError, ValueError, KeyError, TypeError, AttributeError) as problem:
        raise _unproven(problem) from None
    return dict(claims)


def _identity(provider: Provider, claims: Mapping[str, Any]) -> Identity:
    subject = claims["sub"]
    if not isinstance(subject, str) or not subject.isprintable() or not 0 < len(subject) <= LONGEST:
        raise _refused("its subject is none")
    email = claims.get("email")
    # Microsoft says it in words of its own: whether the domain's owner has proved to own the address.
    sure = claims.get("email_verified", claims.get("xms_edov"))
    is_theirs = sure in (True, "true", "1") and isinstance(email, str)
    known = (provider.issuer, subject, email if is_theirs else None, _groups(claims, provider.role_claim))
    return Identity(*known, has_second_factor=not SECOND_FACTORS.isdisjoint(_groups(claims, "amr")))


def _groups(claims: Mapping[str, Any], name: str) -> tuple[str, ...]:
    found = _at(claims, name)
    several = found if isinstance(found, list) else [found]
    return tuple(one for one in several if isinstance(one, str))


def _at(claims: Mapping[str, Any], name: str) -> Any:
    """The claim of that name, or at that path: `realm_access.roles`."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _unproven(problem: Exception) -> NotProven:
    words = "The sign-in service’s answer could not be verified. Start again. If that fails too, tell an administrator."
    claim = getattr(problem, "claim", "")
    if isinstance(problem, ExpiredTokenError) or claim in ("iat", "nbf"):
        words = "The sign-in service’s clock and ours don’t match. Tell an administrator."
    return NotProven(words, f"the ID token: {type(problem).__name__} {claim}".rstrip())


def _refused(why: str) -> NotProven:
    return NotProven("The sign-in service did not confirm who you are. Please start again.", why)
