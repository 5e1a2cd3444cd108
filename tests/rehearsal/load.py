"""Fifty requests a second against a ticket system, and live comments; each request's fate is one line of JSON.

It is a program of its own, as it runs in the network of another machine (`ledger.py` starts it): a plan on the first
line of stdin, and it stops when a second line comes, or after `at_most_s`. A request begins when it is due, however
many still wait, and gives up after its own patience.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import resource
import ssl
import sys
import time
import uuid
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from io import BytesIO
from typing import Any

import pycurl
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from tests.rehearsal.curls import Curls

# reads and writes, of 25; in an order that mixes them
KINDS = (
    *("front", "list", "comment", "front", "ticket", "health", "front", "comments", "open", "front", "list", "health"),
    *("front", "ticket", "comment", "front", "health", "attach", "front", "comments", "list", "front", "comment"),
    *("ticket", "health"),
)
WRITES = {"open": 201, "comment": 201, "attach": 201}
# connection → HTTP, and whether one that is there is used
WAYS = {
    "fresh HTTP/1.1": (pycurl.CURL_HTTP_VERSION_1_1, False),
    "kept HTTP/1.1": (pycurl.CURL_HTTP_VERSION_1_1, True),
    "fresh HTTP/2": (pycurl.CURL_HTTP_VERSION_2TLS, False),
    "kept HTTP/2": (pycurl.CURL_HTTP_VERSION_2TLS, True),
}
# a token lasts for fifteen
LOG_IN_EVERY_S = 300
# as the front end waits before it comes back
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 15.0
FILE_BYTES = 20_000
# of the twenty that a ticket takes
FILES = 18
LAST_WORD_S = 3.0


@dataclass
class Plan:
    """`tickets` are the person's; `patience` in seconds, each request has the next one. Without an email nobody logs
    in: `kinds` are those that anybody may ask for."""

    domain: str
    address: str
    roots: str
    patience: list[float]
    email: str = ""
    password: str = ""
    tickets: list[int] = field(default_factory=list)
    kinds: list[str] = field(default_factory=lambda: list(KINDS))
    per_second: float = 50.0
    sockets: int = 5
    at_most_s: float = 600.0


@dataclass(frozen=True)
class Asked:
    """`began` is the time of day; `failure` is None for the right answer. Of a write, `key` is what names it in the
    database."""

    kind: str
    way: str
    patience: float
    began: float
    seconds: float
    failure: str | None
    key: str | None


@dataclass
class Load:
    plan: Plan
    token: str = ""
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    # where files are attached, each as often as it stands here
    room: deque[int] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self.room.extend(FILES * self.plan.tickets)
        self.pools = {way: Curls() for way in WAYS}

    async def run(self) -> None:
        if self.plan.email and not await self._log_in():
            raise SystemExit("the load cannot log in")
        listeners = [self._listen(number) for number in range(self.plan.sockets)]
        session = [self._stay_logged_in()] if self.plan.email else []
        aside = [asyncio.ensure_future(each) for each in (*session, *listeners)]
        await self._ask_all()
        # who listens may hear the last comment, and come back if it is gone
        await asyncio.sleep(LAST_WORD_S)
        for task in aside:
            task.cancel()
        for ended in await asyncio.gather(*aside, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended

    async def _ask_all(self) -> None:
        """At the pace of the plan, and until the last has its answer or gave up."""
        loop = asyncio.get_running_loop()
        pending: set[asyncio.Task[None]] = set()
        began = loop.time()
        # no two of their lengths have a factor in common: each kind comes in each way, with each patience
        ways = itertools.cycle((way, patience) for patience in self.plan.patience for way in WAYS)
        for number, kind, (way, wait) in zip(itertools.count(), itertools.cycle(self.plan.kinds), ways):
            await asyncio.sleep(max(0.0, began + number / self.plan.per_second - loop.time()))
            if self.stopped.is_set() or loop.time() > began + self.plan.at_most_s:
                break
            task = loop.create_task(self._ask(kind, way, wait))
            pending.add(task)
            task.add_done_callback(pending.discard)
        self.stopped.set()
        await asyncio.gather(*pending)

    async def _ask(self, kind: str, way: str, patience: float) -> None:
        key = str(uuid.uuid4()) if kind in WRITES else None
        curl, body = self._request(kind, way, key)
        curl.setopt(pycurl.TIMEOUT_MS, int(patience * 1000))
        began, clock = time.time(), time.monotonic()
        failure = await self.pools[way].send(curl)
        seconds = time.monotonic() - clock
        if failure is None and (status := curl.getinfo(pycurl.RESPONSE_CODE)) != WRITES.get(kind, 200):
            failure = f"HTTP {status}"
        curl.close()
        if kind == "open" and failure is None:
            self.room.extend(FILES * [json.loads(body.getvalue())["id"]])
        tell(asdict(Asked(kind, way, patience, began, seconds, failure, key)))

    def _request(self, kind: str, way: str, key: str | None) -> tuple[pycurl.Curl, BytesIO]:
        ticket = random.choice(self.plan.tickets or [0])
        if kind == "attach":
            curl, body = self._to(f"/api/tickets/{self.room.popleft()}/attachments/", way)
            content = (f"{key} " * FILE_BYTES)[:FILE_BYTES].encode()
            file = (pycurl.FORM_BUFFER, f"{key}.txt", pycurl.FORM_BUFFERPTR, content)
            curl.setopt(pycurl.HTTPPOST, [("file", file)])
            return curl, body
        if kind == "open":
            return self._to("/api/tickets/", way, {"title": key})
        if kind == "comment":
            return self._to(f"/api/messaging/tickets/{ticket}/comments/", way, {"body": key, "client_id": key})
        paths = {
            "front": "/",
            "health": "/health/",
            "list": "/api/tickets/",
            "ticket": f"/api/tickets/{ticket}/",
            "comments": f"/api/messaging/tickets/{ticket}/comments/",
        }
        return self._to(paths[kind], way)

    def _to(self, path: str, way: str, said: Mapping[str, Any] | None = None) -> tuple[pycurl.Curl, BytesIO]:
        plan, (version, kept) = self.plan, WAYS[way]
        curl, body = pycurl.Curl(), BytesIO()
        head = [f"Authorization: Bearer {self.token}"] if self.token else []
        if said is not None:
            curl.setopt(pycurl.POSTFIELDS, json.dumps(said))
            head.append("Content-Type: application/json")
        options = {
            pycurl.URL: f"https://{plan.domain}{path}",
            pycurl.RESOLVE: [f"{plan.domain}:443:{plan.address}"],
            pycurl.CAINFO: plan.roots,
            pycurl.PROXY: "",
            pycurl.HTTP_VERSION: version,
            pycurl.PIPEWAIT: int(kept),
            pycurl.FRESH_CONNECT: int(not kept),
            pycurl.FORBID_REUSE: int(not kept),
            pycurl.CONNECTTIMEOUT_MS: 300_000,
            pycurl.NOSIGNAL: 1,
            pycurl.HTTPHEADER: [*head, "Expect:"],
            pycurl.WRITEDATA: body,
        }
        for option, value in options.items():
            curl.setopt(option, value)
        return curl, body

    # the session

    async def _log_in(self) -> bool:
        who = {"email": self.plan.email, "password": self.plan.password}
        curl, body = self._to("/api/auth/login/", "fresh HTTP/1.1", who)
        curl.setopt(pycurl.TIMEOUT_MS, 60_000)
        failure = await self.pools["fresh HTTP/1.1"].send(curl)
        answered = failure is None and curl.getinfo(pycurl.RESPONSE_CODE) == 200
        curl.close()
        if answered:
            self.token = json.loads(body.getvalue())["access"]
        return answered

    async def _stay_logged_in(self) -> None:
        pause = LOG_IN_EVERY_S
        while True:
            await asyncio.sleep(pause)
            pause = LOG_IN_EVERY_S if await self._log_in() else 5

    # live comments

    async def _listen(self, number: int) -> None:
        """As the front end does: again and again, from the last comment it knows."""
        ticket = self.plan.tickets[number % len(self.plan.tickets)]
        heard: list[int] = []
        lost: float | None = None
        pause = FIRST_PAUSE_S
        try:
            while True:
                # whichever way it ends, it comes back
                with suppress(WebSocketException, OSError, asyncio.TimeoutError):
                    async with self._socket(ticket, heard[-1] if heard else 0) as socket:
                        await socket.send('{"type":"ping"}')
                        async for said in socket:
                            if lost is not None:
                                tell({"kind": "socket", "number": number, "lost": lost, "back": time.time()})
                            lost, pause = None, FIRST_PAUSE_S
                            await self._answer(socket, json.loads(said), heard)
                lost = lost or time.time()
                await asyncio.sleep(pause * random.uniform(0.75, 1.25))
                pause = min(2 * pause, LONGEST_PAUSE_S)
        finally:
            tell({"kind": "heard", "number": number, "ticket": ticket, "comments": heard, "lost": lost})

    async def _answer(self, socket: ClientConnection, frame: dict[str, Any], heard: list[int]) -> None:
        if frame["type"] == "comment":
            heard.append(frame["comment"]["id"])
        elif frame["type"] == "ping":
            await socket.send('{"type":"pong"}')

    def _socket(self, ticket: int, after: int) -> connect:
        return connect(
            f"wss://{self.plan.domain}/ws/tickets/{ticket}/?after={after}",
            host=self.plan.address,
            port=443,
            ssl=ssl.create_default_context(cafile=self.plan.roots),
            server_hostname=self.plan.domain,
            additional_headers={"Authorization": f"Bearer {self.token}"},
            open_timeout=max(self.plan.patience),
            close_timeout=1,
            proxy=None,
        )


def tell(fact: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(fact) + "\n")


async def main() -> None:
    # each that waits has a connection
    resource.setrlimit(resource.RLIMIT_NOFILE, (16384, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    load = Load(Plan(**json.loads(sys.stdin.readline())))
    asyncio.get_running_loop().add_reader(sys.stdin, load.stopped.set)
    await load.run()


if __name__ == "__main__":
    asyncio.run(main())
