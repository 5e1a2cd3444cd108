"""Names as the domain's own authority answers them: no cache in between."""

from __future__ import annotations

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.resolver

from bootstrap.errors import HostError

_TIMEOUT_S = 5


class AuthorityNames:
    """`server` is the authority to ask (the local cloud's); None means: find the domain's own."""

    def __init__(self, server: str | None = None) -> None:
        self._server = server

    def addresses(self, name: str) -> list[str]:
        servers = [self._server] if self._server else _authority(name)
        problem: Exception | None = None
        for server in servers:
            try:
                return _ask(name, server)
            except (dns.exception.DNSException, OSError) as error:
                problem = error
        raise HostError(
            f"no name server of {name} answers: {problem}", "is the domain delegated to it?", retryable=True
        )

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
                f"the name servers of {domain} cannot be told: {error}", "is a name server in reach?", retryable=True
            ) from None
        return sorted(str(item.target).rstrip(".").lower() for item in answer)


def _ask(name: str, server: str) -> list[str]:
    query = dns.message.make_query(name, dns.rdatatype.A)
    query.flags &= ~dns.flags.RD
    answer, _ = dns.query.udp_with_fallback(query, server, timeout=_TIMEOUT_S)
    if answer.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        raise OSError(f"{server} says {dns.rcode.to_text(answer.rcode())}")
    return sorted(item.address for rrset in answer.answer if rrset.rdtype == dns.rdatatype.A for item in rrset)


def _authority(name: str) -> list[str]:
    """Addresses of the name servers of the zone `name` lies in, as the parent zones delegate it."""
    try:
        zone = dns.resolver.zone_for_name(dns.name.from_text(name), lifetime=_TIMEOUT_S)
        servers = [str(item.target) for item in dns.resolver.resolve(zone, "NS", lifetime=_TIMEOUT_S)]
        return [item.address for server in servers for item in dns.resolver.resolve(server, "A", lifetime=_TIMEOUT_S)]
    except (dns.exception.DNSException, OSError) as error:
        raise HostError(
            f"the name servers of {name} are not found: {error}",
            "is the domain registered and delegated?",
            retryable=True,
        ) from None
