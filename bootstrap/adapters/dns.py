"""Names as the domain's own authority answers them: no cache in between."""

from __future__ import annotations

from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.resolver

from bootstrap.errors import HostError
from bootstrap.ports.dns import Answer, Caa

_TIMEOUT_S = 5
_ADDRESSES = (dns.rdatatype.A, dns.rdatatype.AAAA)


class AuthorityNames:
    """`server` is the authority to ask (the local cloud's); None means: find the domain's own."""

    def __init__(self, server: str | None = None) -> None:
        self._server = server

    def answers(self, name: str) -> list[Answer]:
        return [_answer(name, label, address) for label, address in self._servers(name)]

    def caa(self, name: str) -> list[Caa]:
        # a top-level domain says nothing about its domains
        labels = name.rstrip(".").split(".")
        for level in (".".join(labels[start:]) for start in range(max(1, len(labels) - 1))):
            if found := self._caa_of(level):
                return found
        return []

    def name_servers(self, domain: str) -> list[str]:
        resolver = dns.resolver.Resolver(configure=self._server is None)
        if self._server:
            resolver.nameservers = [self._server]
        try:
            answer = resolver.resolve(domain, "NS", lifetime=_TIMEOUT_S)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except (dns.exception.DNSException, OSError) as error:
            raise HostError(
                f"the name servers of {domain} are not known: {error}", "can a name server be reached?", retryable=True
            ) from None
        return sorted(str(item.target).rstrip(".").lower() for item in answer)

    def _caa_of(self, name: str) -> list[Caa]:
        """Of the first server that answers; a parent whose servers are silent says nothing here."""
        try:
            servers = self._servers(name)
        except HostError:
            return []
        for _, address in servers:
            try:
                found = _ask(name, address, dns.rdatatype.CAA)
            except (dns.exception.DNSException, OSError):
                continue
            return [Caa(item.tag.decode().lower(), item.value.decode()) for item in found]
        return []

    def _servers(self, name: str) -> list[tuple[str, str]]:
        return [(self._server, self._server)] if self._server else _authority(name)


def _answer(name: str, label: str, address: str) -> Answer:
    try:
        found = [item.address for kind in _ADDRESSES for item in _ask(name, address, kind)]
    except (dns.exception.DNSException, OSError) as error:
        return Answer(label, problem=str(error) or type(error).__name__)
    return Answer(label, tuple(sorted(found)))


def _ask(name: str, server: str, kind: dns.rdatatype.RdataType) -> list[Any]:
    query = dns.message.make_query(name, kind)
    query.flags &= ~dns.flags.RD
    answer, _ = dns.query.udp_with_fallback(query, server, timeout=_TIMEOUT_S)
    if answer.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        raise OSError(f"it says {dns.rcode.to_text(answer.rcode())}")
    return [item for rrset in answer.answer if rrset.rdtype == kind for item in rrset]


def _authority(name: str) -> list[tuple[str, str]]:
    """Name and address of each server of the zone `name` lies in, as the parent zones delegate it."""
    try:
        zone = dns.resolver.zone_for_name(dns.name.from_text(name), lifetime=_TIMEOUT_S)
        servers = sorted(str(item.target).rstrip(".") for item in dns.resolver.resolve(zone, "NS", lifetime=_TIMEOUT_S))
        return [
            (server, item.address)
            for server in servers
            for item in dns.resolver.resolve(server, "A", lifetime=_TIMEOUT_S)
        ]
    except (dns.exception.DNSException, OSError) as error:
        raise HostError(
            f"the name servers of {name} are not found: {error}",
            "is the domain registered and delegated?",
            retryable=True,
        ) from None
