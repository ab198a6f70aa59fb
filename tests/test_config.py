"""The settings: every default as the interface names it, every mistake named at once."""

from __future__ import annotations

import pytest

import config
from config import ROOT, Config, SettingsError
from dashboard.models import Role

KEY = {"SECRET_KEY": "x" * 32}


def read(**environ: str) -> Config:
    return Config.from_env({**KEY, **environ})


def problems(**environ: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        Config.from_env(environ)
    return str(caught.value).splitlines()


DEFAULTS = {
    "database_url": f"sqlite:///{ROOT}/var/dashboard.db",
    "files_url": f"file://{ROOT}/var/files",
    "public_url": "http://127.0.0.1:8000",
    "talroo_webhook_secrets": (),
    "talroo_signature_tolerance": 300,
    "talroo_signature_max_age": 259_200,
    "talroo_client_id": None,
    "talroo_client_secret": None,
    "talroo_api_url": "https://api.talroo.com/v5",
    "talroo_applications_path": "/applications",
    "talroo_sync_interval": 900,
    "talroo_conversion_url": "https://www.jobs2careers.com",
    "talroo_conversion_events": {"hired": 2},
    "talroo_conversion_hold": 60,
    "talroo_disposition_url": "https://api.talroo.com/disposition/v1/events",
    "talroo_disposition_events": {},
    "mail_url": None,
    "mail_from": None,
    "click_destinations": (),
    "click_api_token": None,
    "metrics_token": None,
    "web_workers": 2,
    "max_application_bytes": 52_428_800,
}


@pytest.mark.parametrize("name", DEFAULTS)
def test_each_setting_has_the_default_of_the_interface(name):
    assert getattr(read(), name) == DEFAULTS[name]


@pytest.mark.parametrize("name", DEFAULTS)
def test_a_blank_setting_counts_as_not_set(name):
    assert read(**{name.upper(): "  "}) == read()


@pytest.mark.parametrize(
    ("name", "raw", "value"),
    [
        ("talroo_webhook_secrets", " new , old ,", ("new", "old")),
        ("talroo_conversion_events", "hired=2, interview = 1", {"hired": 2, "interview": 1}),
        ("talroo_disposition_events", "hired=application_completed", {"hired": "application_completed"}),
        ("database_url", "postgresql://u@h/d", "postgresql+psycopg://u@h/d"),
        ("public_url", "https://jobs.example.com/", "https://jobs.example.com"),
        (
            "click_destinations",
            "https://a.example, https://b.example/jobs",
            ("https://a.example", "https://b.example/jobs"),
        ),
        ("files_url", "s3://bucket/prefix", "s3://bucket/prefix"),
        ("mail_url", "smtp://u:p@h:25?tls=true", "smtp://u:p@h:25?tls=true"),
        ("mail_from", "Harbor & Vale <jobs@example.com>", "Harbor & Vale <jobs@example.com>"),
        ("mail_from", '"Vale, Inc." <jobs@example.com>', '"Vale, Inc." <jobs@example.com>'),
        ("secret_key_retired", f"{'a' * 32}, {'b' * 32}", ("a" * 32, "b" * 32)),
        ("apply_url", "https://a.example/?job={job_reference}", "https://a.example/?job={job_reference}"),
        ("web_workers", "4", 4),
    ],
)
def test_a_setting_is_read_as_what_it_is(name, raw, value):
    assert getattr(read(**{name.upper(): raw}), name) == value


WRONG = {
    "SECRET_KEY": "short",
    "SECRET_KEY_RETIRED": f"{'k' * 40},short",
    "DATABASE_URL": "mysql://h/d",
    "FILES_URL": "/var/files",
    "PUBLIC_URL": "jobs.example.com",
    "TALROO_SIGNATURE_TOLERANCE": "five",
    "TALROO_SIGNATURE_MAX_AGE": "-1",
    "TALROO_API_URL": "ftp://api",
    "TALROO_APPLICATIONS_PATH": "applications",
    "TALROO_SYNC_INTERVAL": "9" * 13,
    "TALROO_CONVERSION_URL": "https://host/?query",
    "TALROO_CONVERSION_EVENTS": "hired=4",
    "TALROO_CONVERSION_HOLD": "1.5",
    "TALROO_DISPOSITION_URL": "https://",
    "TALROO_DISPOSITION_EVENTS": "fired=x",
    "MAIL_URL": "mail.example.com",
    "MAIL_FROM": "jobs at example.com",
    "MAIL_POSTAL_ADDRESS": "1 Quay Street\nAustin",
    "MAIL_HOLD": "a minute",
    "APPLY_URL": "https://jobs.example.com/{job}",
    "CLICK_DESTINATIONS": "https://a.example,b.example",
    "WEB_WORKERS": "0",
    "MAX_APPLICATION_BYTES": "\u0661\u0662",
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_value_is_named_alone(name):
    (line,) = problems(**{**KEY, name: WRONG[name]})
    assert line.startswith(f"{name} ")


def test_all_wrong_values_are_named_at_once():
    assert [line.split()[0] for line in problems(**WRONG)] == list(WRONG)


@pytest.mark.parametrize(
    "sender",
    ["Vale, Inc. <jobs@example.com>", "a@b.example, c@d.example", "jobs", "<jobs@example.com", "ä@example.com"],
)
def test_a_sender_that_is_not_one_address_is_told(sender):
    assert problems(**KEY, MAIL_FROM=sender)[0].startswith("MAIL_FROM must be one address")


@pytest.mark.parametrize("url", ["smtp://h:mail", "smtp://h/path", "smtp://h?tls=yes", "http://h", "smtp://u:p@ss/w@h"])
def test_a_mail_server_that_cannot_be_called_is_told_without_its_password(url):
    (line,) = problems(**KEY, MAIL_URL=url)
    assert line.startswith("MAIL_URL must look like smtp://user:password@host")
    assert "ss/w" not in line


@pytest.mark.parametrize("pairs", ["hired", "hired=", "=2", "hired=2=3", "hired=two"])
def test_broken_pairs_are_told(pairs):
    assert problems(**KEY, TALROO_CONVERSION_EVENTS=pairs)[0].startswith("TALROO_CONVERSION_EVENTS ")


@pytest.mark.parametrize("address", ["http://[::1", "https://a:b:c", "https://host:99999", "https://ho st"])
def test_an_address_that_is_none_is_told_rather_than_a_traceback(address):
    assert problems(**KEY, PUBLIC_URL=address)[0].startswith("PUBLIC_URL ")


@pytest.mark.parametrize("path", ["/a?tenant=1", "/a#top", "/../elsewhere", "/a b", "@elsewhere.example/"])
def test_a_path_that_would_lead_elsewhere_is_told(path):
    assert problems(**KEY, TALROO_APPLICATIONS_PATH=path)[0].startswith("TALROO_APPLICATIONS_PATH ")


def test_an_address_with_a_password_is_told_without_repeating_it():
    (line,) = problems(**KEY, TALROO_API_URL="https://me:hush@api.example")
    assert line.startswith("TALROO_API_URL ")
    assert "hush" not in line


def test_without_a_secret_key_it_says_so():
    (line,) = problems()
    assert line.startswith("SECRET_KEY is not set")


def test_no_secret_is_repeated_in_what_is_told():
    told = "\n".join(problems(SECRET_KEY="hush", MAIL_URL="user:hush@host", TALROO_CLIENT_SECRET="hush"))
    assert "hush" not in told


def test_settings_that_contradict_each_other_are_told():
    told = problems(**KEY, TALROO_SIGNATURE_MAX_AGE="10", TALROO_CLIENT_ID="id")
    assert [line.split()[0] for line in told] == ["TALROO_SIGNATURE_MAX_AGE", "TALROO_CLIENT_ID"]
    assert read(TALROO_SIGNATURE_MAX_AGE="300").talroo_signature_max_age == 300


def test_the_env_file_is_read_and_the_environment_wins(monkeypatch, tmp_path):
    (tmp_path / ".env").write_text(f"SECRET_KEY={'f' * 32}\nWEB_WORKERS=3\nTALROO_CONVERSION_HOLD=5\n")
    monkeypatch.setattr(config, "ROOT", tmp_path)
    for name in (*DEFAULTS, "secret_key"):
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("WEB_WORKERS", "7")
    found = Config.from_env()
    assert (found.secret_key, found.web_workers, found.talroo_conversion_hold) == ("f" * 32, 7, 5)
    monkeypatch.setenv("TALROO_CONVERSION_HOLD", "")
    assert Config.from_env().talroo_conversion_hold == 60


def test_what_follows_from_the_settings():
    plain, secure = read(), read(PUBLIC_URL="https://jobs.example.com", DASHBOARD_SANDBOX_URL="http://127.0.0.1:8001")
    assert (plain.sandbox, plain.is_https) == (False, False)
    assert (secure.sandbox, secure.is_https) == (True, True)
    assert secure.postback_url == "https://jobs.example.com/talroo/applications"


# --- signing in -----------------------------------------------------------------------------------------------------

OIDC = {
    "OIDC_ISSUER": "https://login.example.com/realm/",
    "OIDC_CLIENT_ID": "dashboard",
    "OIDC_CLIENT_SECRET": "s",
    "OIDC_ROLES": "hr=hr_admin, cn=recruiters=recruiter",
}


def test_the_roles_here_are_those_of_the_dashboard():
    assert set(config.ROLES) == set(Role)


def test_a_provider_is_read_as_it_calls_itself():
    found = read(**OIDC)
    assert found.oidc_issuer == "https://login.example.com/realm/"
    assert found.oidc_roles == {"hr": "hr_admin", "cn=recruiters": "recruiter"}
    assert (found.oidc_role_claim, found.oidc_scopes) == ("groups", ("openid", "email", "profile"))
    assert read(TOTP_REQUIRED_ROLES="hr_admin, it_admin").totp_required_roles == ("hr_admin", "it_admin")


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("TOTP_REQUIRED_ROLES", "admin", "'admin'"),
        ("OIDC_ISSUER", "http://login.example.com", "https://"),
        ("OIDC_ISSUER", "https://login.example.com?tenant=1", "query"),
        ("OIDC_ISSUER", "https://login.example.com/" + "x" * 255, "255"),
        ("OIDC_SCOPES", "email profile", "openid"),
        ("OIDC_ROLES", "hr", "value=role"),
        ("OIDC_ROLES", "=recruiter", "value=role"),
        ("OIDC_ROLES", "hr=root", "'root'"),
        ("OIDC_ROLES", "hr=hr_admin,hr=recruiter", "twice"),
        ("OIDC_LABEL", "x" * 301, "one line"),
    ],
)
def test_what_would_let_in_the_wrong_people_stops_the_start(name: str, value: str, told: str):
    (line,) = problems(**{**KEY, **OIDC, name: value})
    assert line.startswith(name)
    assert told in line


@pytest.mark.parametrize("missing", OIDC)
def test_half_a_provider_is_none(missing: str):
    (line,) = problems(**{**KEY, **OIDC, missing: ""})
    assert "belong together" in line


def test_a_provider_on_this_machine_needs_no_https():
    assert read(**{**OIDC, "OIDC_ISSUER": "http://127.0.0.1:9000"}).oidc_issuer == "http://127.0.0.1:9000"
