"""What our own domains answer: records in, an answer out. Pure; `dns.py` puts it on the network.

The file is what the API writes, and carries DigitalOcean's own field names:
`{"example.com": [{"type": "A", "name": "@", "data": "203.0.113.7", "ttl": 300}, …]}`. `name` is relative to the domain,
`@` is the apex, `*` a wildcard. MX takes `priority`, SRV `priority`, `port` and `weight`, CAA `flags` and `tag`, each
either as a key of its own or inside `data` as in a zone file. A host name in `data` is `@`, relative (`www`) or whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dnslib import AAAA, CAA, CNAME, MX, NS, QTYPE, RCODE, RR, SOA, SRV, TXT, A, DNSLabel, DNSRecord

DEFAULT_TTL = 1800
CNAME_CHAIN_LIMIT = 8


def _key(name: str) -> str:
    return name.rstrip(".").lower()


def _host(data: str, zone: str) -> str:
    if data == "@":
        return zone
    return _key(data) if "." in data else f"{_key(data)}.{zone}"


def _pieces(text: str, size: int = 255) -> list[bytes]:
    raw = text.encode()
    return [raw[start : start + size] for start in range(0, len(raw), size)] or [b""]


def _fields(record: Mapping[str, Any], names: tuple[str, ...]) -> tuple[list[str], str]:
    """The numbers before the last word, from keys of their own or from the front of `data`."""
    words = str(record["data"]).split(maxsplit=len(names))
    if len(words) == len(names) + 1:
        return words[:-1], words[-1]
    return [str(record.get(name) or 0) for name in names], str(record["data"])


def rdata(record: Mapping[str, Any], zone: str) -> Any:
    """The record's data in wire form; ValueError for what cannot be one."""
    kind, data = str(record["type"]).upper(), str(record["data"])
    if kind == "A":
        return A(data)
    if kind == "AAAA":
        return AAAA(data)
    if kind in ("CNAME", "NS"):
        return (CNAME if kind == "CNAME" else NS)(_host(data, zone))
    if kind == "TXT":
        return TXT(_pieces(data.strip('"')))
    if kind == "MX":
        (priority,), host = _fields(record, ("priority",))
        return MX(_host(host, zone), int(priority))
    if kind == "SRV":
        numbers, host = _fields(record, ("priority", "weight", "port"))
        return SRV(*(int(number) for number in numbers), _host(host, zone))
    if kind == "CAA":
        (flags, tag), value = _fields(record, ("flags", "tag"))
        return CAA(int(flags), tag, value.strip('"').rstrip("."))
    raise ValueError(f"record type {kind} is not served")


@dataclass(frozen=True)
class Entry:
    kind: str
    data: Any
    ttl: int


class Zone:
    def __init__(self, name: str, records: Iterable[Mapping[str, Any]], serial: int) -> None:
        self.name = _key(name)
        self.nodes: dict[str, list[Entry]] = {self.name: []}
        primary = f"ns1.{self.name}"
        for record in records:
            if str(record["type"]).upper() == "SOA":
                continue  # DigitalOcean's SOA record only carries a TTL: the rest is ours to say
            relative = str(record["name"])
            owner = self.name if relative in ("@", "") else f"{_key(relative)}.{self.name}"
            entry = Entry(str(record["type"]).upper(), rdata(record, self.name), int(record.get("ttl") or DEFAULT_TTL))
            self.nodes.setdefault(owner, []).append(entry)
            if entry.kind == "NS" and owner == self.name:
                primary = _key(str(entry.data.label))
        times = (serial, 10800, 3600, 604800, DEFAULT_TTL)
        self.soa = Entry("SOA", SOA(primary, f"hostmaster.{self.name}", times), DEFAULT_TTL)
        self.nodes[self.name].append(self.soa)

    def _exists(self, name: str) -> bool:
        """Also true of a name that only stands between two others (an empty non-terminal)."""
        return name in self.nodes or any(owner.endswith(f".{name}") for owner in self.nodes)

    def find(self, name: str) -> list[Entry] | None:
        """The records of a name, by wildcard when it does not exist itself (RFC 4592); None when nothing matches."""
        if self._exists(name):
            return self.nodes.get(name, [])
        parent = name
        while parent != self.name:
            parent = parent.partition(".")[2]
            if self._exists(parent):
                return self.nodes.get(f"*.{parent}")
        return None


class Zones:
    def __init__(self, records: Mapping[str, Iterable[Mapping[str, Any]]], serial: int) -> None:
        self._zones = {_key(name): Zone(name, entries, serial) for name, entries in records.items()}

    def owner(self, name: str) -> Zone | None:
        """The most specific domain of ours that `name` belongs to."""
        suffix = _key(name)
        while suffix:
            if suffix in self._zones:
                return self._zones[suffix]
            suffix = suffix.partition(".")[2]
        return None

    def answer(self, query: DNSRecord) -> DNSRecord | None:
        """The authoritative answer, or None when the name is not ours."""
        name, kind = _key(str(query.q.qname)), QTYPE[query.q.qtype]
        zone = self.owner(name)
        if zone is None:
            return None
        reply = query.reply(ra=1, aa=1)
        for _ in range(CNAME_CHAIN_LIMIT):
            found = zone.find(name)
            if found is None:
                reply.header.rcode = RCODE.NXDOMAIN
                break
            matching = [record for record in found if kind in (record.kind, "ANY")]
            alias = next((record for record in found if record.kind == "CNAME"), None)
            self._add(reply, name, matching or ([alias] if alias else []))
            if matching or alias is None:
                break
            name = _key(str(alias.data.label))
            next_zone = self.owner(name)
            if next_zone is None:
                return reply  # the alias leads out: the resolver that asked follows it
            zone = next_zone
        if not reply.rr or reply.rr[-1].rtype == QTYPE.CNAME != query.q.qtype:
            reply.add_auth(RR(DNSLabel(zone.name), QTYPE.SOA, ttl=zone.soa.ttl, rdata=zone.soa.data))
        return reply

    @staticmethod
    def _add(reply: DNSRecord, name: str, records: list[Entry]) -> None:
        for record in records:
            reply.add_answer(RR(DNSLabel(name), getattr(QTYPE, record.kind), ttl=record.ttl, rdata=record.data))
