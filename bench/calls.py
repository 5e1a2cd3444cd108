"""Counts the API's requests on their way: a proxy before the cloud, and a cloud home that leads to it."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

import httpx

from bench.cloud import Cloud

MINUTE_S = 60.0
# httpx has unpacked the body, and both ends have their own connection
NOT_PASSED_ON = {"connection", "content-encoding", "content-length", "date", "server", "transfer-encoding"}


@dataclass
class Calls:
    home: Path
    seen: list[tuple[float, str]] = field(default_factory=list)

    @property
    def by_method(self) -> Counter[str]:
        return Counter(method for _, method in self.seen)

    @property
    def busiest_minute(self) -> int:
        times = [at for at, _ in self.seen]
        return max((sum(at <= other < at + MINUTE_S for other in times) for at in times), default=0)


@contextmanager
def counted(cloud: Cloud) -> Iterator[Calls]:
    with TemporaryDirectory(prefix="bench-home-") as folder, httpx.Client(timeout=150, trust_env=False) as client:
        calls = Calls(Path(folder))
        server = ThreadingHTTPServer(("127.0.0.1", 0), _proxy(cloud.endpoints["api"], client, calls))
        endpoints = {**cloud.endpoints, "api": f"http://127.0.0.1:{server.server_port}"}
        (calls.home / "endpoints.json").write_text(json.dumps(endpoints))
        serving = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        serving.start()
        try:
            yield calls
        finally:
            server.shutdown()
            serving.join()
            server.server_close()


def _proxy(api: str, client: httpx.Client, calls: Calls) -> type[BaseHTTPRequestHandler]:
    class Proxy(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def pass_on(self) -> None:
            calls.seen.append((time.monotonic(), self.command))
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            # with the client's own `host`: the links in an answer then lead here, too
            answer = client.request(self.command, api + self.path, headers=dict(self.headers), content=body)
            self.send_response(answer.status_code)
            for name, value in answer.headers.items():
                if name not in NOT_PASSED_ON:
                    self.send_header(name, value)
            if answer.status_code != 204:
                self.send_header("content-length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = pass_on  # the server looks for these names

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Proxy
