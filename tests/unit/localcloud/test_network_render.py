"""The ruleset as text: what a packet meets, in order. That it is accepted and works is proved in tests/rehearsal."""

from __future__ import annotations

from localcloud.network import Doors, Guest, NetworkPlan, Range, Rule
from localcloud.network.render import ruleset
from localcloud.network.render6 import ruleset as ruleset6

NET = Range("198.51.100.0/24")
DOORS = Doors(metadata=8169, tcp=(8080, 2525), translated=((587, 2525),))
EVERYWHERE = ("0.0.0.0/0", "::/0")


def chain(plan: NetworkPlan, name: str) -> list[str]:
    lines = [line.strip() for line in ruleset(plan, NET, DOORS).splitlines()]
    if f"chain {name} {{" not in lines:
        return []
    start = lines.index(f"chain {name} {{") + 1
    return lines[start : lines.index("}", start)]


def guest(machine: int, **kwargs: object) -> Guest:
    defaults: dict[str, object] = {"private_ip": f"10.116.0.{machine}", "vpc": "a", "guarded": False}
    return Guest(machine=machine, public_ip=f"198.51.100.{machine}", **{**defaults, **kwargs})  # type: ignore[arg-type]


def test_the_table_is_replaced_in_one_transaction() -> None:
    assert ruleset(NetworkPlan(), NET, DOORS).startswith("table ip cloud\ndelete table ip cloud\ntable ip cloud {\n")


def test_a_guest_sends_from_its_own_addresses_only() -> None:
    rules = chain(NetworkPlan((guest(11),)), "antispoof")
    assert 'iifname "pub11" ip saddr != { 198.51.100.11, 10.17.0.11 } drop' in rules
    assert 'iifname "vpc11" ip saddr != 10.116.0.11 drop' in rules


def test_a_guarded_guest_gets_what_its_rules_say_and_nothing_else() -> None:
    inbound = (Rule("tcp", "22", EVERYWHERE), Rule("udp", "8000-9000", ("10.0.0.0/8", "10.1.0.0/16")))
    plan = NetworkPlan((guest(11, guarded=True, inbound=inbound, outbound=(Rule("icmp", "", EVERYWHERE),)),))
    # overlapping peers are merged: nft refuses a set that holds both
    assert chain(plan, "in11") == ["tcp dport 22 return", "ip saddr { 10.0.0.0/8 } udp dport 8000-9000 return", "drop"]
    assert chain(plan, "out11") == ["ip protocol icmp return", "drop"]


def test_a_rule_for_ipv6_peers_only_opens_nothing() -> None:
    plan = NetworkPlan((guest(11, guarded=True, inbound=(Rule("tcp", "all", ("::/0",)),)),))
    assert chain(plan, "in11") == ["drop"]


def test_ipv6_packets_meet_rules_of_their_own() -> None:
    opened = (Rule("tcp", "22", EVERYWHERE), Rule("tcp", "80", ("0.0.0.0/0",)), Rule("icmp", "", ("fd00::/8", "::/1")))
    guests = (guest(11, ipv6=True, guarded=True, inbound=opened), guest(12, guarded=True, inbound=opened))
    lines = [line.strip() for line in ruleset6(NetworkPlan(guests), NET, DOORS).splitlines()]
    assert lines[:3] == ["table ip6 cloud", "delete table ip6 cloud", "table ip6 cloud {"]
    start = lines.index("chain in11 {") + 1
    assert lines[start : lines.index("}", start)] == [
        "tcp dport 22 return",
        "ip6 saddr { ::/1, fd00::/8 } meta l4proto ipv6-icmp return",
        "drop",
    ]
    assert 'iifname "pub11" ip6 saddr != { ::, fe80::/10, fdbc:c633:6400::b0/124 } drop' in lines
    assert 'iifname "pub12" drop' in lines and "chain in12 {" not in lines, "it has no IPv6"


def test_all_ports_of_a_protocol() -> None:
    plan = NetworkPlan((guest(11, guarded=True, inbound=(Rule("tcp", "all", ("0.0.0.0/0",)),)),))
    assert chain(plan, "in11") == ["meta l4proto tcp return", "drop"]


def test_dns_and_metadata_pass_before_any_firewall() -> None:
    rules = chain(NetworkPlan((guest(11, guarded=True),)), "forward")
    firewall = rules.index('iifname { "pub11", "vpc11" } jump out11')
    assert max(n for n, rule in enumerate(rules) if rule.endswith(("dport 53 accept", "dport 8169 accept"))) < firewall


def test_of_the_service_address_only_the_doors_are_open() -> None:
    rules = chain(NetworkPlan((guest(11),)), "forward")
    drops = [rule for rule in rules if rule.endswith("drop") and "ip daddr 198.51.100.2 " in rule]
    assert drops == [
        "ip daddr 198.51.100.2 meta l4proto != { tcp, icmp } drop",
        "ip daddr 198.51.100.2 tcp dport != { 2525, 8080 } drop",
    ]
    assert rules.index(drops[-1]) < rules.index('iifname "pub*" oifname "host0" accept')
    translated = 'iifname "pub*" ip daddr 198.51.100.2 tcp dport 587 dnat to 198.51.100.2:2525'
    assert translated in chain(NetworkPlan(), "translate")
    assert "tcp dport 0-65535 drop" in ruleset(NetworkPlan(), NET, Doors())


def test_a_reserved_address_leads_to_its_droplet_and_an_idle_one_nowhere() -> None:
    plan = NetworkPlan((guest(11, reserved_ip="198.51.100.200"),), idle_reserved_ips=("198.51.100.201",))
    assert "ip daddr 198.51.100.200 dnat to 10.17.0.11" in chain(plan, "translate")
    assert "ip daddr { 198.51.100.201 } drop" in chain(plan, "forward")


def test_an_anchor_address_without_a_reserved_one_leads_nowhere() -> None:
    plan = NetworkPlan((guest(11, reserved_ip="198.51.100.200"), guest(12)))
    assert "ip saddr 10.17.0.11 snat to 198.51.100.200" in chain(plan, "source")
    drops = [rule for rule in chain(plan, "forward") if "10.17." in rule]
    assert drops == ["ct status & dnat == 0 ip daddr 10.17.0.0/16 drop", "ip saddr 10.17.0.12 drop"]


def test_what_a_guest_may_ask_for_is_told_by_what_it_asked_for() -> None:
    """Not by the anchor address that a reserved one is translated to."""
    plan = NetworkPlan((guest(11, guarded=True, outbound=(Rule("tcp", "443", ("198.51.100.200/32",)),)),))
    assert chain(plan, "out11") == ["ct original ip daddr { 198.51.100.200/32 } tcp dport 443 return", "drop"]


def test_private_addresses_reach_the_same_vpc_only() -> None:
    plan = NetworkPlan((guest(11), guest(12), guest(13, vpc="b")))
    private = [rule for rule in chain(plan, "forward") if "vpc" in rule]
    assert private == [
        'iifname { "vpc11", "vpc12" } oifname { "vpc11", "vpc12" } accept',
        'iifname { "vpc13" } oifname { "vpc13" } accept',
    ]
