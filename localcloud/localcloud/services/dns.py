"""The cloud's DNS: the authority for its own domains, a forwarder for everything else.

    python -m localcloud.services.dns --address 198.51.100.2 --port 53 --records HOME/dns/records.json

A second file holds zones of other people's name servers, which the API knows nothing of: whoever plays one writes it.
No question about a domain of ours leaves this host, nor one about a name that can exist nowhere else (RFC 6761).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import secrets
import signal
import socket
import struct
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from dnslib import QTYPE, RCODE, DNSError, DNSRecord

from localcloud.host.files import write_atomically
from localcloud.services.supervisor import Service
from localcloud.services.zones import Zones

log = logging.getLogger(__name__)

FORWARD_TIMEOUT_S = 3.0
TCP_IDLE_S = 30.0
SMALLEST_UDP = 512
LARGEST_UDP = 1232
READY_NAME = "ready.bootstrap.invalid"
RESERVED = ("test", "invalid", "example", "localhost")

Ask = Callable[[bytes, str], Awaitable[bytes]]


class ZoneFile:
    """The zones of a file, read again whenever it was replaced. A file that cannot be read leaves the last ones."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._zones = Zones({}, 1)

    def zones(self) -> Zones:
        try:
            stat = self._path.stat()
            seen = (stat.st_mtime_ns, stat.st_ino)
            if seen != self._seen:
                self._seen = seen
                self._zones = Zones(json.loads(self._path.read_text()), int(stat.st_mtime))
        except FileNotFoundError:
            self._seen, self._zones = None, Zones({}, 1)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            log.error("%s: not usable, the last good records stay: %r", self._path, error)
        return self._zones


def resolvers(resolv_conf: Path = Path("/etc/resolv.conf")) -> list[str]:
    """The host's own resolvers, as it uses them now."""
    try:
        lines = resolv_conf.read_text().splitlines()
    except FileNotFoundError:
        return []
    return [words[1] for line in lines if len(words := line.split()) >= 2 and words[0] == "nameserver"]


class _OneAnswer(asyncio.DatagramProtocol):
    def __init__(self, identifier: int) -> None:
        self._identifier = identifier.to_bytes(2, "big")
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: object) -> None:
        if data[:2] == self._identifier and not self.answer.done():
            self.answer.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(exc)


async def ask_udp(query: bytes, server: str) -> bytes:
    """A new socket and a new random id for every question: an answer that was guessed does not fit."""
    identifier = secrets.randbelow(1 << 16)
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(lambda: _OneAnswer(identifier), remote_addr=(server, 53))
    try:
        transport.sendto(identifier.to_bytes(2, "big") + query[2:])
        return query[:2] + (await protocol.answer)[2:]
    finally:
        transport.close()


async def ask_tcp(query: bytes, server: str) -> bytes:
    reader, writer = await asyncio.open_connection(server, 53)
    try:
        writer.write(struct.pack("!H", len(query)) + query)
        return await reader.readexactly(*struct.unpack("!H", await reader.readexactly(2)))
    finally:
        writer.close()


class Resolver:
    def __init__(self, files: list[ZoneFile], upstream: list[str], own_address: str) -> None:
        self._files = files
        self._upstream = upstream
        self._own_address = own_address

    async def resolve(self, raw: bytes, ask: Ask) -> bytes | None:
        """None for what is no question at all."""
        try:
            query = DNSRecord.parse(raw)
        except (DNSError, IndexError):
            return None
        if query.header.qr or not query.questions:
            return None
        reply = self._authoritative(query) or self._reserved(query)
        if reply is None:
            return await self._forward(query, raw, ask)
        packed = bytes(reply.pack())
        if ask is ask_udp and len(packed) > self._udp_limit(query):
            # not dnslib's own truncate(): that drops the question, and resolvers then drop the answer
            reply = query.reply(ra=1, aa=1)
            reply.header.tc = 1
            return bytes(reply.pack())
        return packed

    def _authoritative(self, query: DNSRecord) -> DNSRecord | None:
        """Of the first file that has the zone: the cloud's own comes before."""
        answers = (file.zones().answer(query) for file in self._files)
        return next((answer for answer in answers if answer is not None), None)

    def _reserved(self, query: DNSRecord) -> DNSRecord | None:
        if str(query.q.qname).rstrip(".").lower().rpartition(".")[2] not in RESERVED:
            return None
        reply = query.reply(ra=1, aa=0)
        reply.header.rcode = RCODE.NXDOMAIN
        return reply

    async def _forward(self, query: DNSRecord, raw: bytes, ask: Ask) -> bytes:
        for server in self._upstream or resolvers():
            if server == self._own_address:
                continue
            try:
                return await asyncio.wait_for(ask(raw, server), FORWARD_TIMEOUT_S)
            except (OSError, asyncio.TimeoutError, EOFError) as error:
                log.warning("%s: no answer from %s: %r", query.q.qname, server, error)
        reply = query.reply(ra=1, aa=0)
        reply.header.rcode = RCODE.SERVFAIL
        return bytes(reply.pack())

    @staticmethod
    def _udp_limit(query: DNSRecord) -> int:
        offered = next((extra.edns_len for extra in query.ar if extra.rtype == QTYPE.OPT), SMALLEST_UDP)
        return min(max(offered, SMALLEST_UDP), LARGEST_UDP)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        # asyncio itself keeps only weak references to tasks
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.DatagramTransport = transport  # type: ignore[assignment]

    def datagram_received(self, data: bytes, addr: object) -> None:
        task = asyncio.ensure_future(self._answer(data, addr))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, data: bytes, addr: object) -> None:
        reply = await self._resolver.resolve(data, ask_udp)
        if reply is not None:
            self._transport.sendto(reply, addr)  # type: ignore[arg-type]


async def _serve_stream(resolver: Resolver, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            (size,) = struct.unpack("!H", await asyncio.wait_for(reader.readexactly(2), TCP_IDLE_S))
            reply = await resolver.resolve(await asyncio.wait_for(reader.readexactly(size), TCP_IDLE_S), ask_tcp)
            if reply is None:
                return
            writer.write(struct.pack("!H", len(reply)) + reply)
            await writer.drain()
    except (EOFError, ConnectionError, asyncio.TimeoutError):
        return  # the client hung up or went silent: an ordinary end
    finally:
        writer.close()


async def serve(resolver: Resolver, address: str, port: int) -> None:
    """Serves until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    transport, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(resolver), local_addr=(address, port))
    server = await asyncio.start_server(lambda r, w: _serve_stream(resolver, r, w), address, port)
    log.info("serving on %s port %d", address, port)
    await ended.wait()
    server.close()
    transport.close()


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="localcloud.services.dns", description=__doc__)
    parser.add_argument("--address", required=True)
    parser.add_argument("--port", type=int, default=53)
    parser.add_argument("--records", type=Path, action="append", required=True, help="a file of zones; repeatable")
    parser.add_argument("--upstream", action="append", default=[], help="instead of /etc/resolv.conf; may be repeated")
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    resolver = Resolver([ZoneFile(path) for path in arguments.records], arguments.upstream, arguments.address)
    asyncio.run(serve(resolver, arguments.address, arguments.port))


def _answers(address: str, port: int) -> bool:
    query = DNSRecord.question(READY_NAME)
    try:
        with socket.create_connection((address, port), timeout=1):
            return bool(DNSRecord.parse(query.send(address, port, timeout=1)).header.rcode == RCODE.NXDOMAIN)
    except (OSError, DNSError):
        return False


def service(home: Path, address: str, port: int) -> Service:
    """`HOME/dns/records.json` is the API's to write, `elsewhere.json` beside it anybody's."""
    records = home / "dns" / "records.json"
    if not records.exists():
        write_atomically(records, "{}")
    argv = (sys.executable, "-m", "localcloud.services.dns", "--address", address, "--port", str(port))
    return Service(
        name="dns",
        argv=(*argv, "--records", str(records), "--records", str(records.with_name("elsewhere.json"))),
        env={"PYTHONPATH": str(Path(__file__).parents[2])},  # this very package, installed or not
        log=home / "log" / "dns.log",
        ready=lambda: _answers(address, port),
    )


if __name__ == "__main__":
    main()
