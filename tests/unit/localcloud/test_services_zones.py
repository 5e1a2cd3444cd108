"""What our domains answer, without a network."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from dnslib import QTYPE, RCODE, DNSRecord

from localcloud.services.dns import ZoneFile
from localcloud.services.zones import Zones

RECORDS = {
    "example.com": [
        {"type": "SOA", "name": "@", "data": "1800", "ttl": 1800},
        {"type": "NS", "name": "@", "data": "ns1.digitalocean.com", "ttl": 1800},
        {"type": "A", "name": "@", "data": "203.0.113.7", "ttl": 60},
        {"type": "AAAA", "name": "@", "data": "2001:db8::7", "ttl": 60},
        {"type": "CNAME", "name": "www", "data": "@", "ttl": 60},
        {"type": "CNAME", "name": "shop", "data": "shops.elsewhere.net.", "ttl": 60},
        {"type": "A", "name": "*.apps", "data": "203.0.113.8", "ttl": 60},
        {"type": "A", "name": "one.apps", "data": "203.0.113.9", "ttl": 60},
        {"type": "MX", "name": "@", "data": "mail.example.com.", "priority": 10, "ttl": 60},
        {"type": "TXT", "name": "@", "data": "v=spf1 " + "x" * 300, "ttl": 60},
        {"type": "CAA", "name": "@", "data": "letsencrypt.org.", "flags": 0, "tag": "issue", "ttl": 60},
        {"type": "SRV", "name": "_sip._tcp", "data": "www", "priority": 1, "weight": 2, "port": 5060, "ttl": 60},
        {"type": "A", "name": "deep.er", "data": "203.0.113.10", "ttl": 60},
    ],
    "sub.example.com": [{"type": "A", "name": "@", "data": "203.0.113.99", "ttl": 60}],
}


def ask(name: str, kind: str) -> DNSRecord:
    answer = Zones(RECORDS, 7).answer(DNSRecord.question(name, kind))
    assert answer is not None
    return DNSRecord.parse(answer.pack())


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("example.com", "A", ["203.0.113.7"]),
        ("EXAMPLE.com", "AAAA", ["2001:db8::7"]),
        ("www.example.com", "A", ["example.com.", "203.0.113.7"]),
        ("www.example.com", "CNAME", ["example.com."]),
        ("shop.example.com", "A", ["shops.elsewhere.net."]),
        ("any.apps.example.com", "A", ["203.0.113.8"]),
        ("deeper.any.apps.example.com", "A", ["203.0.113.8"]),
        ("one.apps.example.com", "A", ["203.0.113.9"]),
        ("example.com", "MX", ["10 mail.example.com."]),
        ("example.com", "NS", ["ns1.digitalocean.com."]),
        ("example.com", "CAA", ['0 issue "letsencrypt.org"']),
        ("_sip._tcp.example.com", "SRV", ["1 2 5060 www.example.com."]),
        ("sub.example.com", "A", ["203.0.113.99"]),
    ],
)
def test_answers_with_authority(name: str, kind: str, expected: list[str]) -> None:
    answer = ask(name, kind)
    assert [str(record.rdata) for record in answer.rr] == expected
    assert answer.header.aa == 1
    assert answer.header.rcode == RCODE.NOERROR


def test_a_long_text_is_cut_into_strings_that_fit() -> None:
    (record,) = ask("example.com", "TXT").rr
    assert b"".join(record.rdata.data) == b"v=spf1 " + b"x" * 300


@pytest.mark.parametrize(
    ("name", "kind", "rcode"),
    [
        ("missing.example.com", "A", RCODE.NXDOMAIN),
        ("under.one.apps.example.com", "A", RCODE.NXDOMAIN),  # a wildcard does not reach below a name that exists
        ("any.apps.example.com", "MX", RCODE.NOERROR),
        ("er.example.com", "A", RCODE.NOERROR),  # stands between two names: exists, and is empty
        ("sub.example.com", "MX", RCODE.NOERROR),
    ],
)
def test_says_with_the_soa_that_there_is_nothing(name: str, kind: str, rcode: int) -> None:
    answer = ask(name, kind)
    assert (answer.header.rcode, answer.rr) == (rcode, [])
    assert [record.rtype for record in answer.auth] == [QTYPE.SOA]


def test_a_name_of_others_is_not_answered() -> None:
    assert Zones(RECORDS, 7).answer(DNSRecord.question("notexample.com")) is None


def test_records_follow_the_file_and_outlive_a_broken_one(tmp_path: Path) -> None:
    path = tmp_path / "records.json"
    records = ZoneFile(path)

    def owned() -> bool:
        return records.zones().owner("www.example.com") is not None

    def put(text: str) -> None:
        draft = tmp_path / "draft"
        draft.write_text(text)
        draft.replace(path)

    assert not owned()
    put(json.dumps(RECORDS))
    assert owned()
    put('{"example.com": [{"type"')
    assert owned()
    put("{}")
    assert not owned()
