from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud.state.database import State
from localcloud.state.model import UptimeCheck, UptimeState
from localcloud.work.probes import HostProbe, Prober, Seen, after

# nobody answers there: names cannot be resolved
NAMESERVER = "192.0.2.1"


def check(target: str, **values: object) -> UptimeCheck:
    fields = {"id": "c", "name": "c", "type": "http", "regions": ("us_east",), "enabled": True, "created_at": ""}
    return UptimeCheck.model_validate({**fields, "target": target, **values})


class Site(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health?deep=1" else 503)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_a_probe_finds(site: str, tmp_path: Path) -> None:
    probe = HostProbe(NAMESERVER, tmp_path / "roots.pem")
    assert probe(check(f"http://{site}/health?deep=1"))
    assert not probe(check(f"http://{site}/"))
    assert not probe(check(f"https://{site}/health?deep=1", type="https")), "it speaks no TLS"
    assert not probe(check("http://127.0.0.1:1/"))


def test_what_is_known_after_each_probe() -> None:
    state = UptimeState(id="c", status="CHECKING", changed_at="0")
    for at, good in enumerate((True, True, False, False, True), start=1):
        state = after(state, good, str(at))
    assert state == UptimeState(
        id="c", status="UP", changed_at="5", probes=5, good=3, outage_began="3", outage_ended="5"
    )
    assert after(state, False, "6").outage_ended is None


def test_enabled_checks_are_probed_again_and_again(tmp_path: Path) -> None:
    state = State(tmp_path / "state.sqlite")
    with state.change() as tx:
        for id, enabled in (("on", True), ("broken", True), ("off", False)):
            tx.put(check("198.51.100.1", id=id, enabled=enabled))
            tx.put(UptimeState(id=id, status="CHECKING", changed_at=""))

    def probe(asked: UptimeCheck) -> Seen:
        if asked.id == "broken":
            raise RuntimeError("no tool for it")
        return Seen(True)

    prober = Prober(state, probe, lambda *_: None, every_s=0.01)
    prober.start()
    deadline = time.monotonic() + 10
    known: dict[str, UptimeState] = {}
    while not known or known["on"].probes < 2:
        assert time.monotonic() < deadline
        with state.change() as tx:
            known = {state.id: state for state in tx.all(UptimeState)}
    prober.stop()
    assert known["on"].status == "UP"
    assert known["off"].status == known["broken"].status == "CHECKING"
