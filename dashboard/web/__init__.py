"""The edge: a blueprint a screen. Views are thin: find, permit, call one verb, commit, answer."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module
from typing import Any, Final

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from config import Config
from dashboard.extensions import csrf
from dashboard.paging import COUNT_LIMIT
from dashboard.services import bulk, teamwork
from dashboard.services.accounts import SESSION_LIFE
from dashboard.web import cookies, edge, errors, formatting, fragments, hosts, noting, security, static_files, tracing

SCREENS: Final = (
    *(
        "receiving",
        "clicks",
        "session",
        "access",
        "code",
        "oidc",
        "settings",
        "second_factor",
        "me",
        "applications",
        "people",
        "outcome",
        "team",
        "bulk",
    ),
    *("files", "mentions", "incomplete"),
    *("views", "compose", "messages", "reminder_templates", "follow_up_jobs", "unsubscribe", "stops"),
    *("conversions", "dispositions", "deliveries", "integration", "rehearsal"),
    *("users", "scope", "audit", "privacy", "violations", "health"),
)

LIMITS: Final = {"best_rating": teamwork.BEST, "count_limit": COUNT_LIMIT, "bulk_most": bulk.MOST}
"""Numbers that templates say."""


def flask_settings(config: Config) -> dict[str, Any]:
    """What Flask and its extensions want to be told, derived from our settings."""
    sqlite = config.database_url.startswith("sqlite")
    return {
        "SECRET_KEY": config.secret_key,
        "SQLALCHEMY_DATABASE_URI": config.database_url,
        "SQLALCHEMY_ENGINE_OPTIONS": {
            "pool_size": 4,
            "max_overflow": 4,
            "pool_timeout": 15,
            "hide_parameters": True,  # an error's message goes into logs, and parameters are applicants' data
            "connect_args": {} if sqlite else {"connect_timeout": 5},
        },
        # Under this name browsers take it from this host alone, for all of it, and over https.
        "SESSION_COOKIE_NAME": "__Host-dashboard_session" if config.is_https else "dashboard_session",
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": config.is_https,
        # A session ends when its row says so. Its cookie stays a day longer, so that /login can tell why.
        "PERMANENT_SESSION_LIFETIME": SESSION_LIFE + timedelta(days=1),
        "WTF_CSRF_TIME_LIMIT": None,
        "WTF_CSRF_SSL_STRICT": False,
        # No form of ours takes a file; deliveries have a limit of their own.
        "MAX_CONTENT_LENGTH": 1_000_000,
        "MAX_FORM_MEMORY_SIZE": 500_000,
        # Renewing the cookie with every answer could bring back a dropped one.
        "SESSION_REFRESH_EACH_REQUEST": False,
        "TEMPLATES_AUTO_RELOAD": False,
    }


def init_app(app: Flask) -> None:
    """Screens, guards, headers, filters and error pages."""
    proxies = edge.settings(app).trusted_proxies
    if proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=0)  # type: ignore[method-assign]
    # Merging slashes answers with a redirect to whatever host was asked for.
    app.url_map.merge_slashes = False
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals |= LIMITS
    tracing.init_app(app)
    hosts.init_app(app)
    csrf.init_app(app)  # which looks at forms, so after those two
    formatting.register(app)
    static_files.init_app(app)
    cookies.init_app(app)
    fragments.init_app(app)
    security.init_app(app)
    noting.init_app(app)  # after the headers' guard, which is then asked about its answers, too
    errors.init_app(app)
    for name in SCREENS:
        app.register_blueprint(import_module(f"dashboard.web.{name}").bp)
    app.add_url_rule("/", "home", edge.home)
    app.teardown_appcontext(edge.end_request)
