"""`seglake health`: healthy is what answers as a Seglake, and nothing else."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner

import seglake.testing
from seglake.entrypoints.cli.app import app
from seglake.entrypoints.probe import Answer, ask, local_url, ready_url
from seglake.entrypoints.settings import SettingsInvalid, load_settings

RUN = CliRunner().invoke


@contextmanager
def _other_server(name: str, status: int, body: bytes = b"") -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        server_version, sys_version = name, ""

        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_running_store_is_healthy() -> None:
    with seglake.testing.running_server() as running:
        assert ask(running.endpoint, 5).healthy
        done = RUN(app, ["health", "--url", running.endpoint, "--json"])
        assert done.exit_code == 0
        document = json.loads(done.stdout)
        assert document == {"url": running.endpoint, "healthy": True, "reason": document["reason"]}


def test_nobody_there_is_not_healthy() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        done = RUN(app, ["health", "--url", url])
    assert done.exit_code == 1
    assert "no answer" in done.stdout


@pytest.mark.parametrize(
    ("name", "status", "healthy"), [("nginx", 200, False), ("Seglake", 503, False), ("Seglake", 403, True)]
)
def test_another_server_and_a_failing_one_are_not_healthy(name: str, status: int, healthy: bool) -> None:
    with _other_server(name, status) as url:
        assert ask(url, 5).healthy is healthy


def test_a_server_that_is_silent_is_given_its_time_and_no_more() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(1)
        answer = ask(f"http://127.0.0.1:{silent.getsockname()[1]}", 0.2)
    assert not answer.healthy


@pytest.mark.parametrize(
    ("addr", "tls", "url"),
    [
        (":9000", False, "http://127.0.0.1:9000"),
        ("0.0.0.0:9001", False, "http://127.0.0.1:9001"),
        ("[::]:9000", False, "http://[::1]:9000"),
        ("10.1.2.3:9000", False, "http://10.1.2.3:9000"),
        ("127.0.0.1:443", True, "https://127.0.0.1:443"),
    ],
)
def test_the_local_address_follows_the_settings(addr: str, tls: bool, url: str) -> None:
    pair = {"tls_cert": Path("c"), "tls_key": Path("k")} if tls else {}
    assert local_url(load_settings(addr=addr, tls=tls, **pair)) == url


def test_any_port_cannot_be_guessed() -> None:
    with pytest.raises(SettingsInvalid):
        local_url(load_settings(addr=":0"))
    with pytest.raises(SettingsInvalid):
        ready_url(load_settings(ops_addr="127.0.0.1:0"))


def test_readiness_is_asked_of_the_ops_listener() -> None:
    assert ready_url(load_settings()) == "http://127.0.0.1:9100/health/ready"
    with pytest.raises(SettingsInvalid, match="off"):
        ready_url(load_settings(ops_addr="off"))


def test_a_store_that_is_not_ready_says_why(tmp_path: Path) -> None:
    with _other_server("x", 503, b'{"status": "not ready", "reasons": {"disk": "almost full"}}') as url:
        assert ask(f"{url}/health/ready", 5) == Answer(f"{url}/health/ready", False, "not ready; disk: almost full")
    with _other_server("x", 200, b'{"status": "ready", "reasons": {}}') as url:
        assert ask(f"{url}/health/ready", 5).healthy
    for body in (b"", b"[]", b"{}", b'{"status": 1, "reasons": []}'):
        with _other_server("x", 200, body) as url:
            assert not ask(f"{url}/health/ready", 5).healthy


@pytest.mark.parametrize("url", ["", "localhost:9000", "ftp://x", "http://", "http://x:70000", "http://x:y"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(SettingsInvalid):
        ask(url, 1)
