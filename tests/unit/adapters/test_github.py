from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bootstrap.adapters.github import keys_of
from bootstrap.errors import BootstrapError

KEYS = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIC2nZKEnW3APT9TDLSz6Z3JZb4ODpAblVA00000000\n"


class Users(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        known = {"/ada.keys": (200, KEYS), "/nobody.keys": (200, ""), "/ill.keys": (503, "")}
        status, text = known.get(self.path, (404, "Not Found"))
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def github() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Users)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_the_keys_that_somebody_shows(github: str) -> None:
    assert keys_of("ada", github) == KEYS


@pytest.mark.parametrize(
    ("user", "said"),
    [
        ("nobody", "nobody shows no SSH key"),
        ("grace", "GitHub knows no user grace"),
        ("ill", "ill.keys answers 503"),
        ("../ada", "'../ada' is no name of a user"),
        ("", "'' is no name of a user"),
    ],
)
def test_what_is_not_there_is_one_line(github: str, user: str, said: str) -> None:
    with pytest.raises(BootstrapError) as refused:
        keys_of(user, github)
    assert said in refused.value.message and refused.value.remedy


def test_where_github_is_not_reached_the_file_is_named(github: str) -> None:
    with pytest.raises(BootstrapError, match="is not reached: ConnectError") as refused:
        keys_of("ada", "http://127.0.0.1:1")
    assert "bootstrap access add ada.pub" in str(refused.value.remedy)
