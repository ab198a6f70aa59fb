"""What `deploy/` holds works as it stands: nginx with TLS in front, the units, and the nightly backup."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
import requests

from dashboard.first_start import free_port
from dashboard.supervisor import die_with_parent
from tests.certificates import issue
from tests.factories import as_body, event, signed
from tests.infrastructure.processes import ROOT, Site

HOST: Final = "jobs.your-company.example"
STALLED: Final = 300
"""Senders that begin a body and say no more: more than one process of the dashboard has threads."""


class Front:
    """nginx with our configuration on loopback: the site's address by TLS."""

    def __init__(self, port: int, ca: Path) -> None:
        self.port = port
        self.url = f"https://127.0.0.1:{port}"
        self.ca = ca

    def get(self, path: str, **options: object) -> requests.Response:
        headers = {"Host": HOST}
        return requests.get(self.url + path, headers=headers, verify=str(self.ca), timeout=20, **options)


@pytest.fixture
def behind_nginx(start_site: Callable[..., Site], tmp_path: Path) -> Iterator[tuple[Site, Front]]:
    site = start_site(settings={"TRUSTED_PROXIES": "1", "PUBLIC_URL": f"https://{HOST}", "WEB_WORKERS": "1"})
    issued = issue(tmp_path, "127.0.0.1", HOST)
    port = free_port()
    nginx = _nginx(tmp_path, site.url.rpartition(":")[2], port)
    try:
        yield site, Front(port, issued.authority)
    finally:
        nginx.terminate()
        nginx.wait(timeout=20)


def _nginx(folder: Path, site_port: str, port: int) -> subprocess.Popen[bytes]:
    """Our server block with this machine's ports and certificate in place of the example's."""
    ours = (ROOT / "deploy/nginx/talroo-dashboard.conf").read_text()
    changes = {
        "listen 80;": f"listen 127.0.0.1:{free_port()};",
        "listen 443 ssl http2;": f"listen 127.0.0.1:{port} ssl http2;",
        f"/etc/letsencrypt/live/{HOST}": str(folder),
        "http://127.0.0.1:8000": f"http://127.0.0.1:{site_port}",
    }
    for there, here in changes.items():
        assert there in ours, there
        ours = ours.replace(there, here)
    paths = "".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;"
        f" events {{ worker_connections 1024; }} http {{ access_log off; {paths}\n{ours} }}"
    )
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    assert program, "nginx is missing. Install it with: scripts/test-requisites"
    started = subprocess.Popen(
        [program, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")],
        preexec_fn=die_with_parent,
    )
    _wait_for(port)
    return started


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 60
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
    raw = context.wrap_socket(socket.create_connection(("127.0.0.1", front.port), 20), server_hostname="127.0.0.1")
    raw.sendall(
        f"POST /talroo/applications HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 100000\r\n\r\n{{".encode(),
    )
    return raw


@pytest.mark.process
def test_deliveries_pass_the_proxy_whole_even_beside_senders_that_stall(behind_nginx: tuple[Site, Front]):
    site, front = behind_nginx
    stalled = [_stalled(front) for _ in range(STALLED)]
    try:
        body = as_body(event())
        headers = signed(body, secret=site.webhook_secret) | {"Host": HOST}
        answer = requests.post(
            f"{front.url}/talroo/applications?jobid=1", data=body, headers=headers, verify=str(front.ca), timeout=20
        )
        assert (answer.status_code, answer.json()["status"]) == (200, "accepted")
        assert front.get("/readyz").json()["status"] == "ok"
    finally:
        for one in stalled:
            one.close()


@pytest.mark.process
def test_the_proxy_says_https_and_closes_the_figures(behind_nginx: tuple[Site, Front]):
    _, front = behind_nginx
    page = front.get("/login")
    assert page.status_code == 200
    assert page.headers["Strict-Transport-Security"]
    assert "Secure" in page.headers["Set-Cookie"]
    assert front.get("/metrics").status_code == 404


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
        assert requests.get(f"http://127.0.0.1:{port}/healthz", timeout=20).json() == {"status": "ok"}
    finally:
        started.terminate()
        assert started.wait(timeout=20) is not None
