"""The real API on a real socket, over machines in memory. Every answer is held against DigitalOcean's published
contract (openapi.json): one that does not fit fails the test in which it was given."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import digitalocean
import pydo
import pytest
import uvicorn
from starlette.concurrency import run_in_threadpool
from starlette.types import Message, Receive, Scope, Send

from localcloud.api.app import Api, RateLimit
from localcloud.api.contract import Contract
from localcloud.daemon import Listener
from localcloud.services.acme import Files
from localcloud.services.private_ca import ensure_ca, ensure_leaf
from localcloud.state.database import State
from localcloud.state.faults import Faults
from localcloud.state.model import Image
from localcloud.state.seed import plant
from localcloud.state.unfriendly import HABITS
from localcloud.work.guests import PublicNetwork
from localcloud.work.worker import Worker
from tests.contract.api.fake_driver import FakeBalancers, FakeDriver, FakeNetwork
from tests.waiting import until

TOKEN = "test-token"
PUBLIC_NET = PublicNetwork("198.51.100.0/24", "198.51.100.1", "198.51.100.2")
CONTRACT = Path(__file__).parent / "openapi.json"


@pytest.fixture(scope="session")
def contract() -> Contract:
    return Contract(CONTRACT)


class Judge:
    """ASGI around the API: keeps every answer and what the contract says about it. `hear` is told of each request
    before it is answered, and may take its time; with `keeps_bodies`, which hides uvicorn's own object from the
    faults that need it, `asked` has what was asked, with its body. Without a contract nothing is judged, which takes
    half of the time."""

    def __init__(self, app: Any, contract: Contract | None) -> None:
        self._app = app
        self._contract = contract
        self.complaints: list[str] = []
        self.judged = 0
        self.hear: Callable[[str, str], None] | None = None
        self.keeps_bodies = False
        # method, path, body
        self.asked: list[tuple[str, str, bytearray]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self.hear:
            await run_in_threadpool(self.hear, scope["method"], scope["path"])
        sent: list[Message] = []
        body = bytearray()
        self.asked.append((scope["method"], scope["path"], body))

        async def read() -> Message:
            message = await receive()
            body.extend(message.get("body", b""))
            return message

        async def keep(message: Message) -> None:
            sent.append(message)
            if not _is_end(message):
                await send(message)

        await self._app(scope, read if self.keeps_bodies else receive, keep)
        # an answer that the client did not wait for has no end
        whole = bool(sent) and _is_end(sent[-1])
        # the document tells neither of our faults nor of the host itself, which doctor asks for the time
        if self._contract and whole and scope["path"].startswith("/v2"):
            self._judge(self._contract, scope, sent)
        if whole:
            # the client goes on when it is judged
            await send(sent[-1])

    def _judge(self, contract: Contract, scope: Scope, sent: list[Message]) -> None:
        body = b"".join(message.get("body", b"") for message in sent)
        headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        if complaint := contract.complaint(scope, sent[0]["status"], headers, body):
            self.complaints.append(complaint)
        else:
            self.judged += 1


def _is_end(message: Message) -> bool:
    return message["type"] == "http.response.body" and not message.get("more_body", False)


@dataclass
class Cloud:
    """One cloud with its home; `stop` and `start` are those of the daemon, `kill` is SIGKILL as the state sees it."""

    home: Path
    contract: Contract | None
    driver: FakeDriver
    network: FakeNetwork
    balancers: FakeBalancers = field(default_factory=FakeBalancers)
    # of tokens that may not do everything
    tokens: dict[str, list[str]] = field(default_factory=dict)
    # what the real one does unasked: off where a test is about something else
    is_unfriendly: bool = False
    _tls: Listener | None = None
    _clients: list[pydo.Client] = field(default_factory=list)

    def start(self, limit: RateLimit | None = None, public_net: PublicNetwork = PUBLIC_NET) -> None:
        self.state = State(self.home / "state.sqlite")
        plant(
            self.state,
            Image(
                id=1,
                ref="base",
                name="22.04 (LTS) x64",
                distribution="Ubuntu",
                slug="ubuntu-22-04-x64",
                created_at="2024-01-01T00:00:00Z",
                min_disk_size=7,
                size_gigabytes=1.0,
            ),
        )
        self.faults = Faults()
        self.faults.unfriendly.switch(HABITS, self.is_unfriendly)
        self.worker = Worker(self.state, self.driver, self.network, public_net, self.faults, self.balancers)
        self.worker.start()
        api = Api(self.state, self.worker, public_net, TOKEN, limit or RateLimit(10**6, 10**6), self.tokens.get)
        self.judge = Judge(api.app(), self.contract)
        self._server = uvicorn.Server(uvicorn.Config(self.judge, port=0, log_level="warning"))
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        until(lambda: self._server.started)
        (port,) = {sock.getsockname()[1] for server in self._server.servers for sock in server.sockets}
        self.url = f"http://127.0.0.1:{port}"
        # python-digitalocean's objects forget their endpoint when they make others
        os.environ["DIGITALOCEAN_END_POINT"] = f"{self.url}/v2/"

    def stop(self) -> None:
        while self._clients:
            self._clients.pop().close()
        if self._tls:
            self._tls.stop()
            self._tls = None
        self._server.should_exit = True
        self._thread.join()
        self.worker.stop()
        self.state.close()

    @property
    def options(self) -> dict[str, str]:
        return {"token": TOKEN, "end_point": f"{self.url}/v2/"}

    def manager(self) -> digitalocean.Manager:
        return digitalocean.Manager(**self.options)

    def pydo(self) -> pydo.Client:
        """It sends a token over TLS only."""
        if self._tls is None:
            self._tls = Listener(self.judge, "127.0.0.1", 0, _certificate(self.home))
        authority = str(_certificate(self.home).ca)
        client = pydo.Client(token=TOKEN, endpoint=f"https://127.0.0.1:{self._tls.port}", connection_verify=authority)
        self._clients.append(client)
        return client

    def droplet(self, name: str = "web", **values: Any) -> digitalocean.Droplet:
        """Created, and waited for as the library does it."""
        values = {"region": "nyc3", "size_slug": "s-1vcpu-1gb", "image": "ubuntu-22-04-x64", **values}
        droplet = digitalocean.Droplet(name=name, **values, **self.options)
        droplet.create()
        assert droplet.get_actions()[0].wait(update_every_seconds=0)
        return droplet.load()


def _certificate(home: Path) -> Files:
    files = Files(home / "acme")
    ensure_ca(files.ca, files.ca_key)
    ensure_leaf(files.ca, files.ca_key, files.certificate, files.key, "127.0.0.1")
    return files


@contextmanager
def running(
    home: Path, contract: Contract | None, is_unfriendly: bool = False, limit: RateLimit | None = None
) -> Iterator[Cloud]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DIGITALOCEAN_END_POINT", "")
        cloud = Cloud(home, contract, FakeDriver(home), FakeNetwork(), is_unfriendly=is_unfriendly)
        cloud.start(limit)
        yield cloud
        cloud.driver.gate.set()
        cloud.stop()
    assert not cloud.judge.complaints, "\n".join(cloud.judge.complaints)


@pytest.fixture
def cloud(tmp_path: Path, contract: Contract) -> Iterator[Cloud]:
    with running(tmp_path, contract) as cloud:
        yield cloud
