"""The cloud's network in the kernel: a namespace per instance, one veth to the host, one namespace per machine.

On the host: the interface `bc…` with the service address, a route for the range and under it a blackhole (without the
link nothing meant for the cloud can leave the host), and a table `bootstrap-NAME` with the masquerade rule. Where the
host's iptables policy for forwarded packets is drop (a Docker daemon does that), two rules of ours go on top of its
FORWARD chain, since no table can overrule another one's drop. `down` removes all of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from localcloud.host.command import CommandError, run, succeeds
from localcloud.host.files import locked
from localcloud.network import ipv6
from localcloud.network.chains import TABLE
from localcloud.network.plan import Doors, Interface, NetworkPlan
from localcloud.network.range import UPLINK, NetworkError, Range, private_link, public_link
from localcloud.network.render import ruleset
from localcloud.network.render6 import ruleset as ruleset6

BLACKHOLE_METRIC = "4278198272"
# who is up, shared by all instances of this host: the last one to leave gives ip_forward back
RUN = Path("/run/bootstrap-cloud")
IP_FORWARD = Path("/proc/sys/net/ipv4/ip_forward")


class Network:
    """`name` is the instance's; `home` its folder; `cidr` from `choose_range(home)`."""

    def __init__(self, name: str, cidr: str, home: Path, doors: Doors = Doors()) -> None:  # noqa: B008 (frozen)
        self.name, self.home, self.range, self.doors = name, home, Range(cidr), doors
        short = name if len(name) <= 10 else hashlib.sha256(name.encode()).hexdigest()[:10]
        self.namespace = f"bc-{short}"
        self.host_link = f"bc-{short}-h"
        self.table = f"bootstrap-{name}"

    def up(self) -> None:
        """Idempotent; machines that run keep their links."""
        with _host_lock():
            if not self._is_up():
                self._remove()
                self._refuse_clash()
                self._create_namespace()
                self._join_host()
            if ipv6.available():
                ipv6.join_host(self.namespace, self.host_link, self.range, BLACKHOLE_METRIC)
            self._way_out()
            _claim_forwarding(self.name)

    def clash(self) -> str | None:
        """The route by which something else has the range by now."""
        if self._is_up():
            return None
        routes = run(["ip", "-4", "route", "show", "to", "root", self.range.cidr]).splitlines()
        # what a crash left of our own goes with the next `up`
        others = (route.strip() for route in routes if self.host_link not in route and "blackhole" not in route)
        return next(others, None)

    def down(self) -> None:
        """Nothing of ours is left on the host. Machines must have stopped: `unplug` took their links."""
        with _host_lock():
            self._remove()
            _release_forwarding(self.name)

    def apply(self, plan: NetworkPlan) -> None:
        """All or nothing, in one transaction."""
        text = ruleset(plan, self.range, self.doors)
        if ipv6.available():
            text += ruleset6(plan, self.range, self.doors)
        try:
            self._inside("nft", "-f", "-", stdin=text)
        except CommandError as failed:
            raise NetworkError(f"network {self.name}: the firewall rules were not taken: {failed}") from failed

    def flush_connections(self, ip: str) -> None:
        """Break what is established from, to or through this address, as a reserved address does when it moves."""
        for direction in ("--orig-src", "--orig-dst", "--reply-src", "--reply-dst"):
            try:
                self._inside("conntrack", "-D", direction, ip)
            except CommandError as failed:
                if "0 flow entries" not in str(failed):  # conntrack's way to say there was none
                    raise

    def machine_namespace(self, machine: int) -> str:
        return f"{self.namespace}-{machine}"

    def plug(self, machine: int, interfaces: Sequence[Interface]) -> Path:
        """A fresh namespace for the machine with its interfaces in it; firewall rules of an earlier boot are gone."""
        self.unplug(machine)
        guest = self.machine_namespace(machine)
        run(["ip", "netns", "add", guest])
        run(["ip", "-n", guest, "link", "set", "lo", "up"])
        for interface in interfaces:
            link = public_link(machine) if interface.gateway else private_link(machine)
            self._plug(guest, link, interface)
        return Path("/run/netns") / guest

    def unplug(self, machine: int) -> None:
        guest = self.machine_namespace(machine)
        for link in (public_link(machine), private_link(machine)):
            # by its end in our namespace: a namespace that a dying process still holds would keep it for a while
            if succeeds(["ip", "-n", self.namespace, "link", "show", "dev", link]):
                run(["ip", "-n", self.namespace, "link", "del", "dev", link])
        if (Path("/run/netns") / guest).exists():
            run(["ip", "netns", "del", guest])

    def _plug(self, guest: str, link: str, interface: Interface) -> None:
        peer = ["peer", "name", interface.name, "address", interface.mac, "netns", guest]
        run(["ip", "-n", self.namespace, "link", "add", link, "type", "veth", *peer])
        # answers ARP for every address that is reached through another link, and at once
        self._sysctl({f"conf/{link}/proxy_arp": 1, f"conf/{link}/send_redirects": 0, f"neigh/{link}/proxy_delay": 0})
        run(["ip", "-n", self.namespace, "link", "set", "dev", link, "up"])
        for address in filter(None, (interface.address, interface.anchor)):
            run(["ip", "-n", self.namespace, "route", "replace", f"{address}/32", "dev", link])
            lladdr = ["lladdr", interface.mac, "dev", link, "nud", "permanent"]
            run(["ip", "-n", self.namespace, "neigh", "replace", address, *lladdr])
        if interface.gateway and ipv6.available():
            ipv6.plug(self.namespace, link, self.range, interface.address, interface.mac)

    def _inside(self, *argv: str, stdin: str | None = None) -> str:
        return run(["ip", "netns", "exec", self.namespace, *argv], stdin=stdin)

    def _sysctl(self, values: dict[str, int]) -> None:
        self._inside("sysctl", "-q", "-w", *(f"net/ipv4/{key}={value}" for key, value in values.items()))

    def _is_up(self) -> bool:
        return (
            self._table_exists(self.namespace)
            and self.range.service in run(["ip", "-4", "addr", "show", "to", f"{self.range.service}/32"])
            and f"dev {self.host_link}" in run(["ip", "-4", "route", "show", "exact", self.range.cidr])
        )

    def _table_exists(self, namespace: str) -> bool:
        return succeeds(["ip", "netns", "exec", namespace, "nft", "list", "table", "ip", TABLE])

    def _refuse_clash(self) -> None:
        if taken := run(["ip", "-4", "route", "show", "to", "root", self.range.cidr]).strip():
            raise NetworkError(
                f"network range {self.range.cidr} is in use by the route {taken.splitlines()[0].strip()}"
            )

    def _create_namespace(self) -> None:
        run(["ip", "netns", "add", self.namespace])
        self._sysctl({"ip_forward": 1, "conf/all/rp_filter": 0, "conf/default/rp_filter": 0})
        self._sysctl({"conf/all/send_redirects": 0, "conf/default/send_redirects": 0})
        run(["ip", "-n", self.namespace, "link", "set", "lo", "up"])
        for gateway in (self.range.gateway, self.range.anchor_gateway):
            run(["ip", "-n", self.namespace, "addr", "add", f"{gateway}/32", "dev", "lo"])

    def _join_host(self) -> None:
        peer = ["peer", "name", UPLINK, "mtu", _host_mtu(), "netns", self.namespace]
        run(["ip", "link", "add", self.host_link, "mtu", _host_mtu(), "type", "veth", *peer])
        run(["ip", "addr", "add", f"{self.range.service}/32", "dev", self.host_link])
        run(["ip", "link", "set", "dev", self.host_link, "up"])
        run(["ip", "-n", self.namespace, "link", "set", "dev", UPLINK, "up"])
        via = ["via", self.range.gateway, "dev", self.host_link, "onlink", "src", self.range.service]
        run(["ip", "route", "add", self.range.cidr, *via])
        run(["ip", "route", "add", "blackhole", self.range.cidr, "metric", BLACKHOLE_METRIC])
        out = ["via", self.range.service, "dev", UPLINK, "onlink", "src", self.range.gateway]
        run(["ip", "-n", self.namespace, "route", "add", "default", *out])
        self.apply(NetworkPlan())

    def _way_out(self) -> None:
        masquerade = f'ip saddr {self.range.cidr} oifname != "{self.host_link}" masquerade'
        chain = f"chain out {{ type nat hook postrouting priority srcnat; policy accept; {masquerade}; }}"
        table = f"table ip {self.table}"
        run(["nft", "-f", "-"], stdin=f"{table}\ndelete {table}\n{table} {{\n{chain}\n}}\n")
        self._open_docker_forwarding()

    def _forward_rules(self) -> list[list[str]]:
        mark = ["-m", "comment", "--comment", self.table, "-j", "ACCEPT"]
        return [["FORWARD", "-i", self.host_link, *mark], ["FORWARD", "-o", self.host_link, *mark]]

    def _open_docker_forwarding(self) -> None:
        if not _host_drops_forwarded():
            return
        for rule in self._forward_rules():
            if not succeeds(["iptables", "-C", *rule]):
                run(["iptables", "-I", *rule])

    def _remove(self) -> None:
        for left in Path("/run/netns").glob(f"{self.namespace}-*"):
            if left.name.removeprefix(f"{self.namespace}-").isdigit():  # a machine's, of a run that crashed
                run(["ip", "netns", "del", left.name])
        # before the namespace: that takes the link with it, but only some time after its own end
        if succeeds(["ip", "link", "show", "dev", self.host_link]):
            run(["ip", "link", "del", "dev", self.host_link])
        if (Path("/run/netns") / self.namespace).exists():
            run(["ip", "netns", "del", self.namespace])
        if run(["ip", "-4", "route", "show", "type", "blackhole", "exact", self.range.cidr]).strip():
            run(["ip", "route", "del", "blackhole", self.range.cidr, "metric", BLACKHOLE_METRIC])
        if ipv6.available():
            ipv6.leave_host(self.range, BLACKHOLE_METRIC)
        if succeeds(["nft", "list", "table", "ip", self.table]):
            run(["nft", "delete", "table", "ip", self.table])
        if _host_drops_forwarded():
            for rule in self._forward_rules():
                if succeeds(["iptables", "-C", *rule]):
                    run(["iptables", "-D", *rule])


def _host_mtu() -> str:
    """The MTU of the host's way out: guests' packets take it too."""
    for route in json.loads(run(["ip", "-4", "-j", "route", "show", "default"])):
        return (Path("/sys/class/net") / str(route["dev"]) / "mtu").read_text().strip()
    return "1500"


def _host_drops_forwarded() -> bool:
    try:
        return "-P FORWARD DROP" in run(["iptables", "-S", "FORWARD"])
    except CommandError:
        return False  # no iptables on this host: nothing of it can drop


def _host_lock() -> AbstractContextManager[None]:
    RUN.mkdir(parents=True, exist_ok=True)
    return locked(RUN / "lock")


def _claim_forwarding(name: str) -> None:
    (RUN / f"up-{name}").touch()
    if IP_FORWARD.read_text().strip() == "0":
        (RUN / "ip_forward-was-0").touch()
        IP_FORWARD.write_text("1")


def _release_forwarding(name: str) -> None:
    (RUN / f"up-{name}").unlink(missing_ok=True)
    changed = RUN / "ip_forward-was-0"
    if changed.exists() and not any(RUN.glob("up-*")):
        IP_FORWARD.write_text("0")
        changed.unlink()
