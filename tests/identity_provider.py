"""A real OpenID provider on a real loopback socket: the OpenID Foundation's own (idpyoidc), with a page to log in.

with IdentityProvider() as provider:
    provider.add("ada", email="ada@example.com", email_verified=True, groups=["recruiters"])
    ...point OIDC_ISSUER at provider.issuer, and log in as "ada" with PASSWORD...

`tampers` sits between its token endpoint and whoever asks, for answers that no sound provider gives.
"""

from __future__ import annotations

import base64
import json
import threading
import warnings
from collections.abc import Callable
from typing import Any, Final, Self
from urllib.parse import urlencode

import requests
from bs4 import BeautifulSoup
from cryptojwt.jws import jws
from flask import Flask, redirect, request
from idpyoidc.message.oidc import AuthorizationRequest
from idpyoidc.server import Server
from idpyoidc.server.configure import OPConfiguration
from idpyoidc.server.exception import FailedAuthentication
from idpyoidc.server.user_authn.user import UserAuthnMethod, create_signed_jwt
from markupsafe import escape
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Response

CLIENT_ID: Final = "the-dashboard"
CLIENT_SECRET: Final = "what the provider and the dashboard share"
PASSWORD: Final = "as the provider knows it"
KEY_DEFS: Final = [
    {"type": "RSA", "key": "", "use": ["sig"]},
    {"type": "EC", "crv": "P-256", "use": ["sig"]},
]
ANSWERS: Final = [
    {"type": "oct", "bytes": "24", "use": ["enc"], "kid": "code"},
]
_TOKENS: Final = {"class": "idpyoidc.server.token.jwt_token.JWTToken", "kwargs": {"lifetime": 600}}

Tamper = Callable[[dict[str, Any]], dict[str, Any]]


class LogInPage(UserAuthnMethod):  # type: ignore[misc]
    """Asks for name and password by a form."""

    def __call__(self, **kwargs: Any) -> str:
        context = self.upstream_get("context")
        token = create_signed_jwt(context.issuer, self.upstream_get("attribute", "keyjar"), **kwargs)
        return (
            "<!doctype html><html lang=en><title>The provider</title><h1>Log in</h1><form method=post action=/verify>"
            f'<input type=hidden name=token value="{escape(token)}">'
            "<label>Name <input name=username></label> <label>Password <input name=password type=password></label>"
            "<button>Log in</button></form>"
        )

    def verify(self, username: str = "", password: str = "", **_: Any) -> str:
        if username not in self.upstream_get("context").userinfo.db or password != PASSWORD:
            raise FailedAuthentication
        return username


class _Quiet(WSGIRequestHandler):
    def log(self, *_: Any) -> None:
        """Say nothing: the tests' output is about the tests."""


class IdentityProvider:
    """Start it by `with`, or by `start`. What it says of people stands in its userinfo, as with many providers."""

    def __init__(self, *, redirect_uri: str = "http://127.0.0.1:8000/login/oidc/callback") -> None:
        self.tampers: list[Tamper] = []
        self.asked: list[str] = []
        """Paths that were asked for, in order."""
        self._web = make_server("127.0.0.1", 0, self._app(), threaded=True, request_handler=_Quiet)
        self.issuer = f"http://127.0.0.1:{self._web.server_port}"
        self.redirect_uri = redirect_uri
        self._thread = threading.Thread(target=self._web.serve_forever, args=(0.05,), name="provider", daemon=True)
        self.server = _server(self.issuer)
        self.server.context.cdb[CLIENT_ID] = {
            "client_secret": CLIENT_SECRET,
            "redirect_uris": [(redirect_uri, {})],
            "response_types_supported": ["code"],
            "token_endpoint_auth_method": "client_secret_basic",
            "allowed_scopes": ["openid", "profile", "email", "groups"],
        }
        self.server.keyjar.add_symmetric(CLIENT_ID, CLIENT_SECRET)

    @property
    def settings(self) -> dict[str, Any]:
        """For the dashboard's `Config`."""
        return {"oidc_issuer": self.issuer, "oidc_client_id": CLIENT_ID, "oidc_client_secret": CLIENT_SECRET}

    def add(self, name: str, **claims: Any) -> None:
        """Somebody who can log in, and what the provider says of them."""
        self.server.context.userinfo.db[name] = claims

    def log_in(self, address: str, name: str, password: str = PASSWORD) -> str:
        """Go to `address` and log in there, as a browser would. Returns where the provider sends the browser then."""
        page = requests.get(address, timeout=30)
        assert page.status_code == 200, page.text
        token = BeautifulSoup(page.text, "html.parser").select_one("[name=token]")
        form = {"token": token["value"], "username": name, "password": password}
        answer = requests.post(f"{self.issuer}/verify", data=form, allow_redirects=False, timeout=30)
        return answer.headers["Location"]

    def resign(self, told: dict[str, Any], **claims: Any) -> dict[str, Any]:
        """A token answer whose ID token says something else, rightly signed. None takes a claim out."""
        head, body, _ = told["id_token"].split(".")
        says = {**_part(body), **claims}
        (key, *_) = self.server.keyjar.get_signing_key(key_type="RSA")
        signed = jws.JWS(
            json.dumps({name: value for name, value in says.items() if value is not None}), alg="RS256"
        ).sign_compact([key], protected=_part(head))
        return {**told, "id_token": signed}

    def start(self) -> Self:
        self._thread.start()
        return self

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        if self._thread.is_alive():
            self._web.shutdown()
            self._thread.join()
        self._web.server_close()

    def _app(self) -> Flask:
        app = Flask("provider")
        app.before_request(lambda: self.asked.append(request.path))
        app.add_url_rule("/.well-known/openid-configuration", "about", lambda: self._answer("provider_config"))
        app.add_url_rule("/jwks", "keys", lambda: self.server.keyjar.export_jwks())
        app.add_url_rule("/authorization", "authorization", lambda: self._answer("authorization"))
        app.add_url_rule("/token", "token", self._token, methods=["POST"])
        app.add_url_rule("/userinfo", "userinfo", lambda: self._answer("userinfo"))
        app.add_url_rule("/verify", "verify", self._verify, methods=["POST"])
        return app

    def _answer(self, name: str) -> Any:
        endpoint = self.server.get_endpoint(name)
        http = {"headers": {name.lower(): value for name, value in request.headers}, "url": request.url}
        asked = endpoint.parse_request({**request.args.to_dict(), **request.form.to_dict()}, http_info=http)
        if "error" in asked:
            return asked.to_dict(), 400
        made = endpoint.process_request(asked, http_info=http)
        if "http_response" in made:
            return made["http_response"]
        return self._reply(endpoint, asked, made)

    def _token(self) -> Any:
        answer = self._answer("token")
        if isinstance(answer, tuple) or answer.status_code != 200:
            return answer
        told = json.loads(answer.get_data())
        for tamper in self.tampers:
            told = tamper(told)
        return told

    def _verify(self) -> Any:
        endpoint = self.server.get_endpoint("authorization")
        (known,) = self.server.context.authn_broker
        sealed = known.unpack_token(request.form["token"])
        asked = AuthorizationRequest().from_urlencoded(sealed["query"])
        try:
            name = known.verify(**request.form.to_dict())
        except FailedAuthentication:
            back = {"error": "access_denied", "state": asked["state"], "iss": self.issuer}
            return redirect(f"{self.redirect_uri}?{urlencode(back)}")
        session_id = endpoint.create_session(asked, name, sealed["authn_class_ref"], sealed["iat"], known)
        return self._reply(endpoint, asked, endpoint.authz_part2(request=asked, session_id=session_id))

    def _reply(self, endpoint: Any, asked: Any, made: dict[str, Any]) -> Response:
        told = endpoint.do_response(request=asked, **made)
        if told.get("response_placement", endpoint.response_placement) == "url":
            return redirect(told["response"])
        return Response(told["response"], headers=told["http_headers"], status=told.get("response_code", 200))


def _part(encoded: str) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(base64.urlsafe_b64decode(encoded + "=="))
    return decoded


def _server(issuer: str) -> Server:
    def endpoint(path: str, kind: str, **options: Any) -> dict[str, Any]:
        return {"path": path, "class": f"idpyoidc.server.oidc.{kind}", "kwargs": options}

    conf = {
        "issuer": issuer,
        "key_conf": {"uri_path": "jwks", "key_defs": KEY_DEFS},
        "authentication": {"page": {"acr": "password", "class": LogInPage, "kwargs": {}}},
        "userinfo": {"class": "idpyoidc.server.user_info.UserInfo", "kwargs": {"db": {}}},
        "scopes_to_claims": {
            "openid": ["sub"],
            "email": ["email", "email_verified"],
            "profile": ["name"],
            "groups": ["groups"],
        },
        "endpoint": {
            "provider_info": endpoint(".well-known/openid-configuration", "provider_config.ProviderConfiguration"),
            "authorization": endpoint(
                "authorization", "authorization.Authorization", response_types_supported=["code"]
            ),
            "token": endpoint("token", "token.Token", client_authn_method=["client_secret_basic"]),
            "userinfo": endpoint("userinfo", "userinfo.UserInfo"),
        },
        "add_on": {
            "pkce": {
                "function": "idpyoidc.server.oauth2.add_on.pkce.add_support",
                "kwargs": {"essential": True},
            }
        },
        "token_handler_args": {
            "key_conf": {"key_defs": ANSWERS},
            "code": {"lifetime": 600, "kwargs": {"lifetime": 600}},
            "token": _TOKENS,
            "id_token": {"class": "idpyoidc.server.token.id_token.IDToken", "kwargs": {"lifetime": 600}},
        },
        "session_params": {"encrypter": {"kwargs": {"keys": {"key_defs": ANSWERS}}}},
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Server(OPConfiguration(conf, base_path="/tmp"), cwd="/tmp")
