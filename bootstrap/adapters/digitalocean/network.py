"""Reserved IPs, firewalls, VPCs, domains and their records."""

from __future__ import annotations

from collections.abc import Sequence

from bootstrap.adapters.digitalocean import convert
from bootstrap.adapters.digitalocean.resources import Resources
from bootstrap.errors import NotFoundError
from bootstrap.ports.cloud import VPC, Firewall, FirewallRule, Record, ReservedIP

ASSIGN_S = 120


class NetworkResources(Resources):
    def reserved_ips(self) -> list[ReservedIP]:
        """Settled: one on its way to a droplet names none yet, and whoever looks for it would reserve another."""
        listed = self._listed_ips()
        moved = [address for address in listed if address.droplet_id is None and self._settle(address)]
        return self._listed_ips() if moved else listed

    def _listed_ips(self) -> list[ReservedIP]:
        listed = [convert.reserved_ip(item) for item in self._api.get("reserved_ips")["reserved_ips"]]
        found = self._with_own("reserved_ip", listed, lambda address: address.ip, self._address)
        self._reserved |= {address.ip for address in found}
        return found

    def _address(self, ip: str) -> ReservedIP | None:
        answer = self._api.find(f"reserved_ips/{ip}")
        return convert.reserved_ip(answer["reserved_ip"]) if answer else None

    def reserved_ip(self, ip: str) -> ReservedIP | None:
        found = self._address(ip)
        return self._address(ip) if found and found.droplet_id is None and self._settle(found) else found

    def reserved_ip_of(self, droplet_id: int) -> ReservedIP | None:
        """Only what is under way can still bring it one."""
        item = self._when_quiet("droplet", droplet_id)
        addresses = convert.public_addresses(item) if item else []
        if len(addresses) < 2:
            return None
        found = (self._address(ip) for ip in addresses[::-1])
        return next((address for address in found if address and address.droplet_id == droplet_id), None)

    def _settle(self, address: ReservedIP) -> bool:
        under_way = self._under_way(f"reserved_ips/{address.ip}")
        for action_id in under_way:
            self._api.wait_for_action(action_id, ASSIGN_S)
        return bool(under_way)

    def create_reserved_ip(self, droplet_id: int) -> ReservedIP:
        before = {ip.ip for ip in self._listed_ips()}

        def look() -> str | None:
            # one that is new and held by nobody is on its way to the droplet
            now = self._listed_ips()
            ours = [ip.ip for ip in now if ip.droplet_id == droplet_id]
            fresh = [ip.ip for ip in now if ip.droplet_id is None and ip.ip not in before]
            return next(iter(ours + fresh), None)

        made = self._api.create(
            lambda: str(self._api.post("reserved_ips", {"droplet_id": droplet_id})["reserved_ip"]["ip"]),
            look,
            in_lists=True,
            unique=True,
        )
        self._remember("reserved_ip", made, made)
        return self._api.wait_until(lambda: self._held_by(droplet_id, made), f"assignment of {made}", ASSIGN_S)

    def assign_reserved_ip(self, ip: str, droplet_id: int) -> None:
        def there() -> ReservedIP | None:
            return self._held_by(droplet_id, ip)

        if there():
            return
        self._api.act(f"reserved_ips/{ip}/actions", {"type": "assign", "droplet_id": droplet_id}, there, ASSIGN_S)
        self._api.wait_until(there, f"assignment of {ip}", ASSIGN_S)

    def _held_by(self, droplet_id: int, ip: str) -> ReservedIP | None:
        now = self._address(ip)
        if now is None:
            raise NotFoundError(f"the reserved IP {ip} does not exist")
        return now if now.droplet_id == droplet_id else None

    def delete_reserved_ip(self, ip: str) -> None:
        self._api.delete(f"reserved_ips/{ip}")

    def firewalls(self) -> list[Firewall]:
        listed = [convert.firewall(item) for item in self._api.get("firewalls")["firewalls"]]
        return self._with_own("firewall", listed, lambda firewall: firewall.id, self._firewall_of)

    def _firewall_of(self, firewall_id: str) -> Firewall | None:
        answer = self._api.find(f"firewalls/{firewall_id}")
        return convert.firewall(answer["firewall"]) if answer else None

    def firewall(self, name: str) -> Firewall | None:
        return self._api.listed(lambda: self._firewall(name))

    def put_firewall(self, name: str, inbound: Sequence[FirewallRule], tags: Sequence[str]) -> Firewall:
        body = convert.firewall_body(name, inbound, tags)
        present = self._firewall(name)
        if present and _says(present, inbound, tags):
            return present
        self._create_tags(tuple(tags))
        if present is None:
            present = self._api.create(
                lambda: convert.firewall(self._api.post("firewalls", body)["firewall"]),
                lambda: self._firewall(name),
                in_lists=True,
                unique=True,
            )
            self._remember("firewall", present, present.id)
        if _says(present, inbound, tags):
            return present
        return convert.firewall(self._api.put(f"firewalls/{present.id}", body)["firewall"])

    def _firewall(self, name: str) -> Firewall | None:
        return next((firewall for firewall in self.firewalls() if firewall.name == name), None)

    def delete_firewall(self, firewall_id: str) -> None:
        self._api.delete(f"firewalls/{firewall_id}")

    def vpcs(self) -> list[VPC]:
        return [convert.vpc(item) for item in self._api.get("vpcs")["vpcs"]]

    def create_vpc(self, name: str, region: str) -> VPC:
        return self._api.create(
            lambda: convert.vpc(self._api.post("vpcs", {"name": name, "region": region})["vpc"]),
            lambda: next((vpc for vpc in self.vpcs() if vpc.name == name), None),
        )

    def domains(self) -> list[str]:
        return [convert.domain(item) for item in self._api.get("domains")["domains"]]

    def create_domain(self, name: str) -> None:
        self._api.create(
            lambda: self._api.post("domains", {"name": name}),
            lambda: {} if name in self.domains() else None,
        )

    def delete_domain(self, name: str) -> None:
        self._api.delete(f"domains/{name}")

    def records(self, domain: str) -> list[Record]:
        answer = self._api.find(f"domains/{domain}/records")
        return [convert.record(item) for item in answer["domain_records"]] if answer else []

    def put_record(
        self, domain: str, type: str, name: str, data: str, ttl: int, *, among: Sequence[Record] | None = None
    ) -> Record:
        known = self.records(domain) if among is None else among
        present = [record for record in known if (record.type, record.name) == (type, name)]
        body = {"type": type, "name": name, "data": data, "ttl": ttl}
        if not present:
            return self._api.create(
                lambda: convert.record(self._api.post(f"domains/{domain}/records", body)["domain_record"]),
                lambda: next(iter(self._records_of(domain, type, name)), None),
            )
        # another record of the same name would answer half of the questions
        for extra in present[1:]:
            self.delete_record(domain, extra.id)
        if (present[0].data, present[0].ttl) == (data, ttl):
            return present[0]
        return convert.record(self._api.put(f"domains/{domain}/records/{present[0].id}", body)["domain_record"])

    def _records_of(self, domain: str, type: str, name: str) -> list[Record]:
        return [record for record in self.records(domain) if (record.type, record.name) == (type, name)]

    def delete_record(self, domain: str, record_id: int) -> None:
        self._api.delete(f"domains/{domain}/records/{record_id}")


def _says(firewall: Firewall, inbound: Sequence[FirewallRule], tags: Sequence[str]) -> bool:
    def form(rules: Sequence[FirewallRule]) -> set[tuple[str, str, frozenset[str]]]:
        return {(rule.protocol, rule.ports, frozenset(rule.sources)) for rule in rules}

    return form(firewall.inbound) == form(inbound) and set(firewall.tags) == set(tags)
