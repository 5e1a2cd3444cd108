"""Domains and records. A new domain comes with DigitalOcean's SOA and NS records."""

from __future__ import annotations

import ipaddress
import re

from localcloud.api import projects, views
from localcloud.api.call import GONE, Answer, Call, Route
from localcloud.state.database import Transaction
from localcloud.state.model import Domain, DomainRecord
from localcloud.wire import Body, not_found, unprocessable

NAME = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]*[a-z][a-z0-9-]*")
OWNER = re.compile(r"@|\*|(\*\.)?[a-zA-Z0-9_]([a-zA-Z0-9_.-]*[a-zA-Z0-9_])?")
TYPES = ("A", "AAAA", "CAA", "CNAME", "MX", "NS", "SOA", "SRV", "TXT")
NAME_SERVERS = ("ns1.digitalocean.com", "ns2.digitalocean.com", "ns3.digitalocean.com")
# what each type must say besides its data
NUMBERS = {"MX": ("priority",), "SRV": ("priority", "port", "weight"), "CAA": ("flags",)}
MOST = {"priority": 65535, "port": 65535, "weight": 65535, "flags": 255}
CAA_TAGS = ("issue", "issuewild", "iodef")
# their data are names, which are written in full
NAMED = ("CNAME", "MX", "NS")
DEFAULT_TTL = 1800
MIN_TTL = 30
MAX_TTL = 2**31 - 1


def records_of(tx: Transaction, domain: str) -> list[DomainRecord]:
    return [record for record in tx.all(DomainRecord) if record.domain == domain]


def create(call: Call) -> Answer:
    tx, name = call.tx, call.body.text("name").lower().rstrip(".")
    if not NAME.fullmatch(name):
        raise unprocessable("Name is not a valid domain name")
    if tx.get(Domain, name):
        raise unprocessable("Name already exists")
    address = call.body.optional_text("ip_address")
    row = tx.put(Domain(name=name))
    _add(tx, name, type="SOA", name="@", data=str(DEFAULT_TTL))
    for server in NAME_SERVERS:
        _add(tx, name, type="NS", name="@", data=server)
    if address:
        _add(tx, name, **_checked(Body({"type": "A", "name": "@", "data": address}), name))
    return call.one("domain", row, views.domain, 201)


def _add(tx: Transaction, domain: str, **values: object) -> DomainRecord:
    return tx.put(DomainRecord.model_validate({"id": tx.next_number("record"), "domain": domain, **values}))


def delete(call: Call) -> Answer:
    row = call.row(Domain, "domain")
    for record in records_of(call.tx, row.name):
        call.tx.delete(record)
    projects.forget(call.tx, f"do:domain:{row.name}")
    call.tx.delete(row)
    return GONE


def listing(call: Call) -> Answer:
    rows = records_of(call.tx, call.row(Domain, "domain").name)
    if kind := call.query.get("type"):
        rows = [row for row in rows if row.type == kind]
    if name := call.query.get("name"):
        rows = [row for row in rows if name in (row.name, _full_name(row))]
    return call.listing("domain_records", rows, views.record)


def _full_name(row: DomainRecord) -> str:
    return row.domain if row.name == "@" else f"{row.name}.{row.domain}"


def create_record(call: Call) -> Answer:
    domain = call.row(Domain, "domain").name
    values = _checked(call.body, domain)
    _refuse_half_a_name(values["type"], call.body)
    if values["type"] == "SOA":
        raise unprocessable("A domain has one SOA record, and it exists already")
    _refuse_clash(call.tx, domain, values, None)
    return call.one("domain_record", _add(call.tx, domain, **values), views.record, 201)


def _refuse_clash(tx: Transaction, domain: str, values: dict[str, object], own: int | None) -> None:
    same = [r for r in records_of(tx, domain) if r.name == values["name"] and r.id != own and r.type != "SOA"]
    if any("CNAME" in (row.type, values["type"]) for row in same):
        raise unprocessable("CNAME records cannot share a name with other records")


def _relative(name: str, domain: str) -> str:
    """`www.example.com.` as `www`, `example.com.` as `@`: with a dot at its end a name is whole."""
    if not name.endswith("."):
        return name
    if name[:-1].lower() == domain:
        return "@"
    if not name.lower().endswith(f".{domain}."):
        raise unprocessable(f"Name is not a name of {domain}")
    return name[: -len(f".{domain}.")]


def _checked(body: Body, domain: str) -> dict[str, object]:
    kind = body.text("type").upper()
    if kind not in TYPES:
        raise unprocessable("Type is not included in the list")
    name = "@" if kind == "SOA" else _relative(body.text("name"), domain)
    if not OWNER.fullmatch(name):
        raise unprocessable("Name is not a valid record name")
    ttl = body.optional_number("ttl") or DEFAULT_TTL
    if not MIN_TTL <= ttl <= MAX_TTL:
        raise unprocessable(f"Ttl must be between {MIN_TTL} and {MAX_TTL}")
    values: dict[str, object] = {"type": kind, "name": name.lower(), "data": _data(kind, body, domain), "ttl": ttl}
    values |= {number: body.within(number, 0, MOST[number]) for number in NUMBERS.get(kind, ())}
    return values | ({"tag": body.choice("tag", CAA_TAGS)} if kind == "CAA" else {})


def _refuse_half_a_name(kind: object, body: Body) -> None:
    """Only of what is sent: without the dot it is kept and shown."""
    data = body.optional_text("data")
    if kind in NAMED and data not in (None, "@") and not str(data).endswith("."):
        raise unprocessable("Data needs to end with a dot (.)")


def _data(kind: str, body: Body, domain: str) -> str:
    data = body.text("data", str(DEFAULT_TTL) if kind == "SOA" else None)
    try:
        if kind == "A":
            ipaddress.IPv4Address(data)
        elif kind == "AAAA":
            ipaddress.IPv6Address(data)
    except ValueError:
        raise unprocessable("Data is not a valid IP address") from None
    if kind in ("CNAME", "MX", "NS", "SRV"):
        host = data.rstrip(".").lower()
        return "@" if host == domain else host
    if kind == "CAA":
        return data.rstrip(".")
    return data


def _record(call: Call) -> DomainRecord:
    row = call.row(DomainRecord, "record_id")
    if row.domain != call.params["domain"]:
        raise not_found()
    return row


def update_record(call: Call) -> Answer:
    """PATCH and PUT both change what is given and keep the rest."""
    row = _record(call)
    values = _checked(
        Body({**row.model_dump(), **call.body.values, "type": call.body.text("type", row.type)}), row.domain
    )
    if row.type != values["type"]:
        raise unprocessable("Type cannot be changed")
    _refuse_half_a_name(row.type, call.body)
    _refuse_clash(call.tx, row.domain, values, row.id)
    return call.one("domain_record", call.tx.update(row, **values), views.record)


def delete_record(call: Call) -> Answer:
    call.tx.delete(_record(call))
    return GONE


ROOT = "/v2/domains"
RECORDS = ROOT + "/{domain}/records"
ROUTES: list[Route] = [
    ("GET", ROOT, lambda call: call.listing("domains", call.tx.all(Domain), views.domain)),
    ("POST", ROOT, create),
    ("GET", ROOT + "/{domain}", lambda call: call.one("domain", call.row(Domain, "domain"), views.domain)),
    ("DELETE", ROOT + "/{domain}", delete),
    ("GET", RECORDS, listing),
    ("POST", RECORDS, create_record),
    ("GET", RECORDS + "/{record_id}", lambda call: call.one("domain_record", _record(call), views.record)),
    ("PATCH", RECORDS + "/{record_id}", update_record),
    ("PUT", RECORDS + "/{record_id}", update_record),
    ("DELETE", RECORDS + "/{record_id}", delete_record),
]
