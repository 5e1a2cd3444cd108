"""Two machines behind a load balancer of the local cloud: one loses power, and who asks does not notice."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import digitalocean
import httpx
import pytest
import requests

from tests.rehearsal.conftest import HOME
from tests.rehearsal.machines import patiently
from tests.waiting import until

PORT, TAG = 8001, "behind"
CONNECT_S = 5
# says its name, and the PROXY header before the request
USER_DATA = f"""#cloud-config
write_files:
  - path: /srv/serve.py
    content: |
      import socket, socketserver
      class Handler(socketserver.StreamRequestHandler):
          def handle(self):
              first = self.rfile.readline().strip()
              while self.rfile.readline().strip():
                  pass
              body = socket.gethostname().encode() + b" " + first
              self.wfile.write(b"HTTP/1.0 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body) + body)
      class Server(socketserver.ThreadingTCPServer):
          allow_reuse_address = daemon_threads = True
      Server(("", {PORT}), Handler).serve_forever()
runcmd:
  - systemd-run --unit=serve python3 /srv/serve.py
"""


def droplet(token: str, name: str) -> digitalocean.Droplet:
    about = {"region": "nyc3", "size_slug": "s-1vcpu-512mb-10gb", "image": "ubuntu-22-04-x64", "token": token}
    made = digitalocean.Droplet(name=name, tags=[TAG], user_data=USER_DATA, **about)
    patiently(made.create)()
    return made


@contextmanager
def balanced(token: str) -> Iterator[tuple[digitalocean.LoadBalancer, digitalocean.Droplet]]:
    """The balancer, and the second of the two machines behind it. All go again, also when not all could be made."""
    with ExitStack() as made:
        for name in ("behind-a", "behind-b"):
            machine = droplet(token, name)
            made.callback(patiently(machine.destroy))
        front = digitalocean.LoadBalancer(name="front", region="nyc3", tag=TAG, token=token, enable_proxy_protocol=True)
        front.forwarding_rules = [digitalocean.ForwardingRule("tcp", 80, "tcp", PORT)]
        front.health_check = digitalocean.HealthCheck("tcp", PORT, "/", 3, 3, 2, 2)
        front.create()
        made.callback(patiently(front.destroy))
        yield front, machine


def left() -> list[str]:
    """Processes and namespaces of balancers."""
    processes = subprocess.run(["pgrep", "-af", f"{HOME}/balancers/"], capture_output=True, text=True).stdout
    return [*processes.splitlines(), *(str(path) for path in (HOME / "balancers").glob("*"))]


def test_a_machine_that_loses_power_behind_a_balancer_is_not_missed(cloud: dict[str, Any]) -> None:
    token = cloud["watcher_token"]
    with balanced(token) as (front, machine):
        until(lambda: patiently(front.load)().status == "active", "the balancer is active", 60)

        def ask() -> str:
            """Whoever answers, and to whom: empty when nobody does."""
            with httpx.Client(trust_env=False, timeout=4 * CONNECT_S) as client:
                try:
                    return client.get(f"http://{front.ip}/").text
                except httpx.TransportError:
                    return ""

        def names() -> set[str]:
            return {answer.split()[0] for answer in (ask() for _ in range(4)) if answer}

        until(lambda: names() == {"behind-a", "behind-b"}, "both machines answer", 120)
        assert " PROXY TCP4 " in ask() and f" {front.ip} " in ask(), "who asked, and whom"

        fault = {"kind": "power-cut", "droplet": "behind-b"}
        headers = {"authorization": f"Bearer {token}"}
        requests.post(f"{cloud['api']}/_faults", json=fault, headers=headers, timeout=10).raise_for_status()
        moment, answers = list[str](), list[str]()

        def is_off() -> bool:
            moment.extend(ask() for _ in range(4))
            return bool(patiently(machine.load)().status == "off")

        until(is_off, "behind-b is off", 60)
        # what it had accepted and not yet answered is lost with it: nobody may ask that of another a second time
        assert moment.count("") <= 1, f"{moment.count('')} of {len(moment)} failed when the power went"
        # more than both checks that it takes to notice
        end = time.monotonic() + 10
        while time.monotonic() < end:
            answers.append(ask())
        assert "" not in answers, f"{answers.count('')} of {len(answers)} failed"
        assert {answer.split()[0] for answer in answers[-4:]} == {"behind-a"}
    until(lambda: not left(), "nothing of the balancer is left", 20)


@pytest.fixture(autouse=True)
def _no_faults(cloud: dict[str, Any]) -> Iterator[None]:
    yield
    headers = {"authorization": f"Bearer {cloud['watcher_token']}"}
    requests.delete(f"{cloud['api']}/_faults", headers=headers, timeout=10).raise_for_status()
