"""What `deploy/` holds works as it stands: nginx or Caddy with TLS in front, the units, and the nightly backup."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest
import requests

from dashboard.supervisor import die_with_parent
from tests.certificates import issue
from tests.factories import as_body, event, signed
from tests.infrastructure.ports import free_port
from tests.infrastructure.processes import ROOT, Site

HOST: Final = "jobs.your-company.example"
STALLED: Final = 300
"""Senders that begin a body and say no more: more than one process of the dashboard has threads."""


class Front:
    """A proxy with our configuration on loopback: the site's address by TLS."""

    def __init__(self, port: int, plain_port: int, ca: Path) -> None:
        self.port = port
        self.plain = f"http://127.0.0.1:{plain_port}"
        self.url = f"https://127.0.0.1:{port}"
        self.ca = ca

    def get(self, path: str, **options: object) -> requests.Response:
        headers = {"Host": HOST}
        return requests.get(self.url + path, headers=headers, verify=str(self.ca), timeout=60, **options)


@pytest.fixture(params=["nginx", "caddy"])
def behind(
    request: pytest.FixtureRequest, start_site: Callable[..., Site], tmp_path: Path
) -> Iterator[tuple[Site, Front]]:
    """A site and a proxy before it: nginx, then Caddy."""
    site = start_site(settings={"TRUSTED_PROXIES": "1", "PUBLIC_URL": f"https://{HOST}", "WEB_WORKERS": "1"})
    issued = issue(tmp_path, "127.0.0.1", HOST)
    port, plain_port = free_port(), free_port()
    words = PROXIES[request.param](tmp_path, site.port, port, plain_port)
    with (tmp_path / "proxy.log").open("w") as log:
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
        started = subprocess.Popen(words, env=environment, stderr=log, preexec_fn=die_with_parent)
    try:
        _wait_for(port)
        _wait_for(plain_port)
        yield site, Front(port, plain_port, issued.authority)
    finally:
        started.terminate()
        started.wait(timeout=60)


def _ours(path: str, changes: dict[str, str]) -> str:
    """A configuration of ours with this machine's ports and certificate in place of the example's."""
    ours = (ROOT / path).read_text()
    for there, here in changes.items():
        assert there in ours, there
        ours = ours.replace(there, here)
    return ours


def _program(name: str) -> str:
    program = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    assert program, f"{name} is missing. Install it with: scripts/test-requisites"
    return program


def _nginx(folder: Path, site_port: int, port: int, plain_port: int) -> list[str]:
    changes = {
        "listen 80;": f"listen 127.0.0.1:{plain_port};",
        "listen 443 ssl http2;": f"listen 127.0.0.1:{port} ssl http2;",
        f"/etc/letsencrypt/live/{HOST}": str(folder),
        "http://127.0.0.1:8000": f"http://127.0.0.1:{site_port}",
    }
    ours = _ours("deploy/nginx/talroo-dashboard.conf", changes)
    paths = "".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;"
        f" events {{ worker_connections 1024; }} http {{ access_log off; {paths}\n{ours} }}"
    )
    return [_program("nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]


def _caddy(folder: Path, site_port: int, port: int, plain_port: int) -> list[str]:
    program = _program("caddy")
    given = f"\tbind 127.0.0.1\n\ttls {folder}/fullchain.pem {folder}/privkey.pem\n"
    changes = {
        "{\n\tservers {": "{\n\tadmin off\n\tauto_https disable_redirects\n\tservers {",
        f"\nhttp://{HOST} {{\n": f"\nhttp://{HOST}:{plain_port} {{\n\tbind 127.0.0.1\n",
        f"\n{HOST} {{\n": f"\nhttps://{HOST}:{port} {{\n{given}",
        "127.0.0.1:8000": f"127.0.0.1:{site_port}",
    }
    if not subprocess.run([program, "version"], capture_output=True, text=True, check=True).stdout.startswith("2.6.2"):
        changes["\t\tbuffer_requests\n\t\tmax_buffer_size 55MiB\n"] = "\t\trequest_buffers 55MiB\n"
    (folder / "Caddyfile").write_text(_ours("deploy/caddy/Caddyfile", changes))
    return [program, "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


PROXIES: Final = {"nginx": _nginx, "caddy": _caddy}


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(f"nothing answers on port {port}")


def _stalled(front: Front) -> socket.socket:
    """A sender that announced a body and keeps it to itself."""
    context = ssl.create_default_context(cafile=str(front.ca))
    raw = context.wrap_socket(socket.create_connection(("127.0.0.1", front.port), 60), server_hostname="127.0.0.1")
    # Whoever sends no signature is answered at once, and holds nothing.
    signature = "".join(f"{name}: {value}\r\n" for name, value in signed(b"{", secret="another").items())
    raw.sendall(
        f"POST /talroo/applications HTTP/1.1\r\nHost: {HOST}\r\n{signature}Content-Length: 100000\r\n\r\n{{".encode(),
    )
    return raw


@pytest.mark.process
def test_deliveries_pass_the_proxy_whole_even_beside_senders_that_stall(behind: tuple[Site, Front]):
    site, front = behind
    stalled = [_stalled(front) for _ in range(STALLED)]
    time.sleep(1)  # a proxy that passes on what has come so far would have done it by now
    try:
        body = as_body(event())
        headers = signed(body, secret=site.webhook_secret) | {"Host": HOST}
        answer = requests.post(
            f"{front.url}/talroo/applications?jobid=1", data=body, headers=headers, verify=str(front.ca), timeout=60
        )
        assert (answer.status_code, answer.json()["status"]) == (200, "accepted")
        assert front.get("/readyz").json()["status"] == "ok"
    finally:
        for one in stalled:
            one.close()


@pytest.mark.process
def test_the_proxy_says_https_and_closes_the_figures(behind: tuple[Site, Front]):
    _, front = behind
    page = front.get("/login")
    assert page.status_code == 200
    assert page.headers["Strict-Transport-Security"]
    assert "report-to pages" in page.headers["Content-Security-Policy"]
    assert page.headers["Set-Cookie"].startswith("__Host-")
    assert "Secure" in page.headers["Set-Cookie"]
    assert len(page.headers["X-Request-ID"]) >= 32  # the proxy's own, which its log may have
    assert front.get("/metrics").status_code == 404


@pytest.mark.process
def test_the_dashboard_sees_who_asks_and_no_other_name(behind: tuple[Site, Front]):
    """What somebody says of themselves is not believed: the proxy's own word comes last, or alone."""
    site, front = behind
    body = as_body(event())
    claimed = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Host": "evil.example"}
    wrong = signed(body, secret="another") | {"Host": HOST, **claimed}
    answer = requests.post(
        f"{front.url}/talroo/applications", data=body, headers=wrong, verify=str(front.ca), timeout=60
    )
    assert answer.status_code == 401
    assert _refused_from(site) == {"127.0.0.1"}
    other = requests.get(f"{front.url}/login", headers={"Host": "evil.example"}, verify=str(front.ca), timeout=60)
    assert "Sign in" not in other.text


def _refused_from(site: Site) -> set[str]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with closing(sqlite3.connect(site.folder / "dashboard.db")) as database:
            found = {address for (address,) in database.execute("SELECT remote_addr FROM refusal")}
        if found:
            return found
        time.sleep(0.1)
    return set()


@pytest.mark.process
def test_what_is_larger_than_both_take_is_refused_and_what_the_dashboard_takes_passes(behind: tuple[Site, Front]):
    site, front = behind
    for size, status in ((58_000_000, 413), (50_000_000, 200)):
        body = as_body(event(filler="x" * size))
        headers = signed(body, secret=site.webhook_secret) | {"Host": HOST}
        try:
            answer = requests.post(
                f"{front.url}/talroo/applications", data=body, headers=headers, verify=str(front.ca), timeout=600
            )
        except requests.ConnectionError:
            assert status == 413  # said, and closed, before everything was sent
        else:
            assert answer.status_code == status


@pytest.mark.process
def test_without_tls_people_are_led_to_it_and_machines_are_refused(behind: tuple[Site, Front]):
    _, front = behind
    page = requests.get(f"{front.plain}/login?next=/me", headers={"Host": HOST}, timeout=60, allow_redirects=False)
    assert (page.status_code, page.headers["Location"]) == (301, f"https://{HOST}/login?next=/me")
    lure = requests.get(f"{front.plain}/", headers={"Host": "evil.example"}, timeout=60, allow_redirects=False)
    assert "evil" not in lure.headers.get("Location", "")
    for path in ("/talroo/applications", "/click/convert", "/metrics"):
        answer = requests.post(front.plain + path, data="{}", headers={"Host": HOST}, timeout=60, allow_redirects=False)
        assert (answer.status_code, answer.headers.get("Location")) == (403, None), path


WEAK: Final = ("ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384", "ECDHE-ECDSA-AES128-SHA256")


@pytest.mark.process
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_proxy_speaks_tls_that_is_up_to_date_with_strong_ciphers_alone(behind: tuple[Site, Front]):
    _, front = behind
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        assert _spoken(front, version, "ALL") is None
    for suite in WEAK:
        assert _spoken(front, ssl.TLSVersion.TLSv1_2, suite) is None, suite
    assert _spoken(front, ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES256-GCM-SHA384") == "TLSv1.2"
    assert _spoken(front, ssl.TLSVersion.TLSv1_3, "ALL") == "TLSv1.3"


def _spoken(front: Front, version: ssl.TLSVersion, suites: str) -> str | None:
    """What is agreed on with somebody who can only do this; None where nothing is."""
    context = ssl.create_default_context(cafile=str(front.ca))
    context.set_ciphers(f"{suites}:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    try:
        with (
            socket.create_connection(("127.0.0.1", front.port), 60) as raw,
            context.wrap_socket(raw, server_hostname="127.0.0.1") as agreed,
        ):
            return agreed.version()
    except (ssl.SSLError, ConnectionResetError):
        return None


def test_no_unit_can_read_the_repositorys_past():
    for unit in (ROOT / "deploy/systemd").glob("*.service"):
        assert "InaccessiblePaths=-/opt/talroo-dashboard/.git\n" in unit.read_text(), unit.name


def test_the_units_are_what_systemd_takes(tmp_path: Path):
    analyze = shutil.which("systemd-analyze")
    assert analyze, "systemd-analyze is missing: apt-get install systemd"
    for unit in sorted((ROOT / "deploy/systemd").iterdir()):
        text = unit.read_text().replace("/opt/talroo-dashboard", str(ROOT))
        (tmp_path / unit.name).write_text(text.replace("User=talroo-dashboard", "User=root"))
    done = subprocess.run(
        [analyze, "verify", "--man=no", *map(str, sorted(tmp_path.iterdir()))],
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [line for line in done.stderr.splitlines() if "talroo-dashboard" in line]
    assert not ours, "\n".join(ours)


@pytest.mark.process
def test_the_nightly_backup_is_read_back_and_old_ones_go(site: Site, tmp_path: Path):
    folder = tmp_path / "backups"
    folder.mkdir()
    old = folder / "dashboard-20260101T000000Z.tar"
    old.write_text("old")
    os.utime(old, (0, 0))
    done = subprocess.run(
        [str(ROOT / "deploy/backup"), str(folder), "30"],
        env={**os.environ, **site.environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "is whole" in done.stdout
    (new,) = folder.iterdir()
    assert new != old


@pytest.mark.process
def test_the_site_alone_is_one_command(site: Site):
    """`flask web`, as the unit starts it."""
    port = free_port()
    started = subprocess.Popen(
        [str(ROOT / ".venv/bin/flask"), "--app", "wsgi", "web", "--port", str(port)],
        env={**os.environ, **site.environment},
        cwd=ROOT,
        preexec_fn=die_with_parent,
    )
    try:
        _wait_for(port)
        assert requests.get(f"http://127.0.0.1:{port}/healthz", timeout=60).json() == {"status": "ok"}
    finally:
        started.terminate()
        assert started.wait(timeout=60) is not None
