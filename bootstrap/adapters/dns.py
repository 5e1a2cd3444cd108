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
    """`resolver` is asked which servers a name's authority are: by default the system's. `server` is every name's
    authority instead, and the resolver too: the local cloud's zones name DigitalOcean's servers, as the account does,
    and only the local cloud knows what is in them."""

    def __init__(self, server: str | None = None, resolver: str | None = None) -> None:
        self._server = server
        self._asked = resolver or server

    def answers(self, name: str) -> list[Answer]:
        return [
            _answer(name, label, address) if address else Answer(label, problem="it has no address")
            for label, address in self._servers(name)
        ]

    def caa(self, name: str) -> list[Caa]:
        # a top-level domain says nothing about its domains
        labels = name.rstrip(".").split(".")
        for level in (".".join(labels[start:]) for start in range(max(1, len(labels) - 1))):
            if found := self._caa_of(level):
                return found
        return []

    def name_servers(self, domain: str) -> list[str]:
        try:
            answer = self._resolver().resolve(domain, "NS", lifetime=_TIMEOUT_S)
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
        for address in (address for _, address in servers if address):
            try:
                found = _ask(name, address, dns.rdatatype.CAA)
            except (dns.exception.DNSException, OSError):
                continue
            return [Caa(item.tag.decode().lower(), item.value.decode()) for item in found]
        return []

    def _servers(self, name: str) -> list[tuple[str, str | None]]:
        """Name and address of each."""
        return [(self._server, self._server)] if self._server else self._authority(name)

    def _authority(self, name: str) -> list[tuple[str, str | None]]:
        """Of each server of the zone `name` lies in, as the parent zones delegate it."""
        resolver = self._resolver()
        try:
            zone = dns.resolver.zone_for_name(dns.name.from_text(name), lifetime=_TIMEOUT_S, resolver=resolver)
            servers = sorted(str(item.target).rstrip(".") for item in resolver.resolve(zone, "NS", lifetime=_TIMEOUT_S))
        except (dns.exception.DNSException, OSError) as error:
            raise HostError(
                f"the name servers of {name} are not found: {error}",
                "is the domain registered and delegated?",
                retryable=True,
            ) from None
        return [(server, address) for server in servers for address in _addresses(resolver, server) or [None]]

    def _resolver(self) -> dns.resolver.Resolver:
        resolver = dns.resolver.Resolver(configure=self._asked is None)
        if self._asked:
            resolver.nameservers = [self._asked]
        return resolver


def _addresses(resolver: dns.resolver.Resolver, server: str) -> list[str | None]:
    """One server that is misspelled, or gone, must not hide what the others say."""
    try:
        return [item.address for item in resolver.resolve(server, "A", lifetime=_TIMEOUT_S)]
    except (dns.exception.DNSException, OSError):
        return []


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
