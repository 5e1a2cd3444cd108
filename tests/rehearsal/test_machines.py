"""The machine driver and the network without any API: two droplets, a volume, a reserved address, a firewall."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from dnslib import RR, A, DNSRecord  # type: ignore[import-untyped]
from dnslib.server import BaseResolver, DNSServer  # type: ignore[import-untyped]

from localcloud.machines import BASE, CACHE, Interface, MachineError, MachineSpec, NspawnDriver
from localcloud.network import Guest, Network, NetworkPlan, Rule, ipv6
from tests.networks import own_network
from tests.rehearsal.machines import ssh
from tests.waiting import until

pytestmark = pytest.mark.root
MEMORY_MB = 2048
DEVICE = "/dev/disk/by-id/scsi-0DO_Volume_data"
DRIVE = "/dev/disk/by-label/config-2"


class Everything(BaseResolver):  # type: ignore[misc]
    """Answers every name with one address."""

    def resolve(self, request: DNSRecord, handler: object) -> DNSRecord:
        reply = request.reply()
        reply.add_answer(RR(request.q.qname, rdata=A("192.0.2.77"), ttl=1))
        return reply


class Quiet:
    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_: None


@dataclass(frozen=True)
class Lab:
    driver: NspawnDriver
    net: Network
    key: Path

    def address(self, machine: int) -> str:
        return str(self.net.range.network[machine])

    @property
    def reserved(self) -> str:
        return str(self.net.range.network[200])

    def spec(self, machine: int) -> MachineSpec:
        mac = f"02:d0:00:00:00:{machine:02x}"
        public = Interface("eth0", mac, self.address(machine), self.net.range.prefix, self.net.range.gateway)
        public = replace(public, anchor=self.net.range.anchor_of(public.address))
        if ipv6.available():
            own = self.net.range.ipv6_of(public.address)
            public = replace(public, ipv6=own, ipv6_gateway=self.net.range.ipv6_gateway)
        private = Interface("eth1", mac.replace(":d0:", ":d1:"), f"10.116.0.{machine}", 20, None)
        meta = {"uuid": str(machine), "hostname": f"m{machine}", "public_keys": {"k": self._public_key()}}
        vendor = {"cloud-init": "#cloud-config\ndisable_root: false\nusers: []\n"}
        drive = {"meta_data.json": json.dumps(meta), "vendor_data.json": json.dumps(vendor)}
        return MachineSpec(
            id=machine,
            hostname=f"m{machine}",
            memory_mb=MEMORY_MB,
            vcpus=2,
            disk_gb=50,
            interfaces=(public, private),
            nameservers=(self.net.range.service,),
            config_drive={f"openstack/latest/{name}": text.encode() for name, text in drive.items()},
        )

    def boot(self, machine: int, image: str = BASE) -> float:
        """Seconds from create to a command over SSH."""
        began = time.monotonic()
        self.driver.create(self.spec(machine), image)
        self.driver.start(self.spec(machine))
        self.wait_for_ssh(machine)
        return time.monotonic() - began

    def ssh(self, machine: int, command: str) -> subprocess.CompletedProcess[str]:
        return ssh("root", self.address(machine), command, key=self.key)

    def says(self, machine: int, command: str) -> str:
        done = self.ssh(machine, command)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def wait_for_ssh(self, machine: int, timeout_s: float = 40) -> None:
        until(lambda: self.ssh(machine, "true").returncode == 0, f"ssh to machine {machine}", timeout_s)

    def guest(self, machine: int, **kwargs: object) -> Guest:
        defaults: dict[str, object] = {"private_ip": f"10.116.0.{machine}", "vpc": "v", "guarded": False, "ipv6": True}
        return Guest(machine=machine, public_ip=self.address(machine), **{**defaults, **kwargs})  # type: ignore[arg-type]

    def serve_name(self, machine: int) -> None:
        """The machine answers with its host name on port 8080."""
        self.says(machine, "mkdir -p /srv/www && hostname > /srv/www/id")
        self.says(machine, "systemd-run -q --unit=www --working-directory=/srv/www python3 -m http.server 8080")
        until(lambda: self.ssh(machine, "curl -sf 127.0.0.1:8080/id").returncode == 0, "a web server", 20)

    def _public_key(self) -> str:
        return self.key.with_suffix(".pub").read_text()


def curl(address: str, port: int = 8080) -> str:
    """What a visitor outside gets; empty when nothing answers."""
    argv = ["curl", "-sfg", "--noproxy", "*", "--max-time", "2", f"http://{address}:{port}/id"]
    return subprocess.run(argv, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    home = tmp_path_factory.mktemp("machines")
    key = home / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    with own_network(home) as net, machines(home, net) as driver:
        lab = Lab(driver, net, key)
        net.apply(NetworkPlan(tuple(lab.guest(machine) for machine in (11, 12, 13))))
        server = DNSServer(Everything(), address=net.range.service, logger=Quiet())
        server.start_thread()
        yield lab
        server.stop()
        server.server.server_close()


@contextmanager
def machines(home: Path, net: Network) -> Iterator[NspawnDriver]:
    driver = NspawnDriver(home, net, Path(os.environ.get("BOOTSTRAP_CLOUD_CACHE", CACHE)), pool_size_gb=10)
    try:
        driver.open()
        driver.ensure_base()
        yield driver
    finally:
        driver.delete()
        assert not list((home / "machines").glob("*")), "a machine's record is left"
        left = subprocess.run(["losetup", "-a"], capture_output=True, text=True).stdout
        assert str(home) not in left, f"a loop device is left: {left}"
        for mount in Path("/sys/fs/cgroup").iterdir():
            assert not list(mount.rglob(f"{net.namespace}-*")), "a control group is left"


@pytest.fixture(scope="module")
def pair(lab: Lab) -> Lab:
    for machine in (11, 12):
        busy = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
        assert lab.boot(machine) < 10 * busy
    return lab


def test_a_guest_has_name_key_resolver_and_its_vpc(pair: Lab) -> None:
    assert pair.says(11, "cloud-init status --wait >/dev/null; hostname") == "m11"
    assert pair.says(11, "getent hosts any.example.com").split()[0] == "192.0.2.77"
    assert pair.ssh(11, "ping -c1 -W2 10.116.0.12").returncode == 0
    assert pair.says(11, "systemctl is-system-running --wait") == "running"


def test_guests_share_no_control_group(pair: Lab) -> None:
    """A process of somebody else's has the number 0 there."""
    for machine in (11, 12):
        members = pair.says(machine, "cat /sys/fs/cgroup/system.slice/ssh.service/cgroup.procs").split()
        assert members and "0" not in members


def test_a_guest_cannot_use_an_address_that_is_not_its_own(pair: Lab) -> None:
    pair.says(11, f"ip addr add {pair.address(77)}/32 dev eth0")
    assert pair.ssh(11, f"ping -c1 -W1 -I {pair.address(77)} {pair.address(12)}").returncode == 1
    pair.says(11, f"ip addr del {pair.address(77)}/32 dev eth0")


def test_a_guest_has_an_anchor_address_and_sends_from_its_own(pair: Lab) -> None:
    anchor = pair.net.range.anchor_of(pair.address(11))
    assert pair.says(11, "hostname -I").split()[:2] == [pair.address(11), anchor]
    source = "ip -o route get {} | grep -o 'src [0-9.]*'"
    for target in ("192.0.2.1", pair.address(12)):
        assert pair.says(11, source.format(target)) == f"src {pair.address(11)}"
    pair.net.apply(NetworkPlan((pair.guest(11, reserved_ip=pair.reserved), pair.guest(12))))
    arrived = ssh("root", pair.reserved, "echo $SSH_CONNECTION", key=pair.key).stdout.split()
    assert (arrived[0], arrived[2]) == (pair.net.range.service, anchor)
    pair.net.apply(NetworkPlan((pair.guest(11), pair.guest(12))))


def test_the_config_drive_is_a_disk_that_root_reads_and_nobody_writes(pair: Lab) -> None:
    assert pair.says(11, f"stat -Lc '%a %U %G' {DRIVE}") == "660 root disk"
    assert pair.says(11, f"blkid -p -s LABEL -o value {DRIVE}") == "config-2"
    told = json.loads(pair.says(11, f"mount {DRIVE} /mnt && cat /mnt/openstack/latest/meta_data.json && umount /mnt"))
    assert told["hostname"] == "m11"
    assert pair.ssh(11, f"dd if=/dev/zero of={DRIVE} count=1 conv=fsync").returncode != 0


def test_what_a_machine_uses_is_measured_from_outside(pair: Lab) -> None:
    before = pair.driver.usage(11)
    pair.says(11, "timeout 2 sh -c 'while :; do :; done' || true")
    after = pair.driver.usage(11)
    assert before and after
    # a busy host gives less than was asked for
    assert after.cpu_s - before.cpu_s > 0.2 and 0 < after.memory <= 100
    assert pair.driver.usage(99) is None


def test_a_process_that_takes_more_than_the_machine_has_is_killed_and_nothing_else(pair: Lab) -> None:
    uptime = pair.says(11, "systemctl show -P ActiveEnterTimestampMonotonic ssh")
    hog = pair.ssh(11, f"exec python3 -c 'b = bytearray({MEMORY_MB * 1024**2})'")
    assert hog.returncode in (137, 255), hog  # killed: the session's own exit or ssh's word for it
    assert pair.says(11, "systemctl show -P ActiveEnterTimestampMonotonic ssh") == uptime
    assert pair.says(11, f"python3 -c 'print(len(bytearray({MEMORY_MB // 2 * 1024**2})))'") == str(1024**3)
    assert pair.says(12, "hostname") == "m12"


def test_a_volume_moves_with_its_data_and_only_when_nothing_holds_it(pair: Lab) -> None:
    driver = pair.driver
    driver.create_volume("v1", 2)
    driver.attach(11, "v1", "data")
    pair.says(11, f"mkfs.ext4 -q {DEVICE} && mount {DEVICE} /mnt && echo kept > /mnt/file")
    with pytest.raises(MachineError, match="attached to machine 11"):
        driver.attach(12, "v1", "data")
    # a container's namespace holds the mount too
    pair.says(11, "systemd-run -q --unit=box --property=PrivateMounts=yes sleep infinity")
    driver.detach(11, "v1")
    assert pair.ssh(11, f"test -e {DEVICE} || mountpoint -q /mnt").returncode != 0

    driver.attach(12, "v1", "data")
    assert pair.says(12, f"mount {DEVICE} /mnt && cat /mnt/file") == "kept"
    pair.says(12, "systemd-run -q --unit=writer sh -c 'exec sleep infinity >> /mnt/file'")
    until(lambda: pair.ssh(12, "fuser -s /mnt/file || ls -l /proc/*/fd | grep -q /mnt/file").returncode == 0, "it", 10)
    with pytest.raises(MachineError, match="still in use"):
        driver.detach(12, "v1")
    pair.says(12, "systemctl stop writer")
    driver.detach(12, "v1")

    assert driver.snapshot_volume("v1", "s1") > 0
    driver.create_volume("v2", 3, snapshot="s1")
    driver.attach(11, "v2", "data")
    assert pair.says(11, f"mount {DEVICE} /mnt && cat /mnt/file && umount /mnt") == "kept"
    driver.detach(11, "v2")
    for volume in ("v1", "v2"):
        driver.delete_volume(volume)
    driver.delete_volume_snapshot("s1")


def test_a_reserved_address_moves_and_breaks_what_was_established(pair: Lab) -> None:
    for machine in (11, 12):
        pair.serve_name(machine)
    pair.net.apply(NetworkPlan((pair.guest(11, reserved_ip=pair.reserved), pair.guest(12))))
    assert curl(pair.reserved) == "m11"
    for machine in (11, 12):  # a droplet reaches it too, also its own
        assert pair.says(machine, f"curl -sf -m 2 {pair.reserved}:8080/id") == "m11"
    with socket.create_connection((pair.reserved, 8080), timeout=5) as connection:
        pair.net.apply(NetworkPlan((pair.guest(11), pair.guest(12, reserved_ip=pair.reserved))))
        pair.net.flush_connections(pair.reserved)
        assert curl(pair.reserved) == "m12"
        with pytest.raises(ConnectionResetError):
            connection.sendall(b"GET /id HTTP/1.0\r\n\r\n")
            assert connection.recv(100) == b"never"
    pair.net.apply(NetworkPlan((pair.guest(11), pair.guest(12)), idle_reserved_ips=(pair.reserved,)))
    assert curl(pair.reserved) == ""


def test_a_firewall_drops_what_it_does_not_name(pair: Lab) -> None:
    anywhere = ("0.0.0.0/0", "::/0")
    rules = {"inbound": (Rule("tcp", "22", anywhere),), "outbound": (Rule("tcp", "443", anywhere),)}
    assert curl(pair.address(11)) == "m11"
    pair.net.apply(NetworkPlan((pair.guest(11, guarded=True, **rules), pair.guest(12))))
    assert curl(pair.address(11)) == ""
    assert pair.says(11, "hostname") == "m11"
    for way_in in (pair.address(11), "10.116.0.11"):
        assert pair.ssh(12, f"curl -sf -m 1 {way_in}:8080/id").returncode == 28
    assert pair.ssh(11, f"curl -sf -m 1 {pair.address(12)}:8080/id").returncode == 28
    assert pair.says(11, "getent hosts other.example.com").split()[0] == "192.0.2.77"
    pair.net.apply(NetworkPlan((pair.guest(11), pair.guest(12))))
    assert curl(pair.address(11)) == "m11"


@pytest.mark.skipif(not ipv6.available(), reason="this computer's kernel has IPv6 switched off")
def test_a_guest_has_ipv6_behind_the_same_firewall(pair: Lab) -> None:
    address = pair.net.range.ipv6_of(pair.address(11))
    assert f"inet6 {address}/64 scope global" in pair.says(11, "ip -6 -o addr show dev eth0")
    pair.says(11, "mkdir -p /srv/six && hostname > /srv/six/id")
    pair.says(11, "systemd-run -q --unit=six --working-directory=/srv/six python3 -m http.server 8081 --bind ::")
    until(lambda: curl(f"[{address}]", 8081) == "m11", "the web server over IPv6", 20)
    assert pair.says(12, f"curl -sfg -m 2 http://[{address}]:8081/id") == "m11", "a neighbour"
    assert pair.ssh(11, "curl -sfg -m 9 http://[2001:db8::1]/").returncode == 7, "no way out, and told at once"

    only_ipv4 = (Rule("tcp", "22", ("0.0.0.0/0",)), Rule("tcp", "8081", ("0.0.0.0/0",)))
    pair.net.apply(NetworkPlan((pair.guest(11, guarded=True, inbound=only_ipv4), pair.guest(12))))
    assert (curl(pair.address(11), 8081), curl(f"[{address}]", 8081)) == ("m11", "")
    both = (Rule("tcp", "22", ("0.0.0.0/0",)), Rule("tcp", "8081", ("0.0.0.0/0", "::/0")))
    pair.net.apply(NetworkPlan((pair.guest(11, guarded=True, inbound=both), pair.guest(12))))
    assert (curl(pair.address(11), 8081), curl(f"[{address}]", 8081)) == ("m11", "m11")
    pair.net.apply(NetworkPlan((pair.guest(11), pair.guest(12))))


def test_a_reboot_from_inside_comes_back_with_network_and_volume(pair: Lab) -> None:
    pair.driver.create_volume("v3", 1)
    pair.driver.attach(11, "v3", "data")
    before = pair.says(11, "cat /proc/sys/kernel/random/boot_id")
    pair.ssh(11, "reboot")

    def rebooted() -> bool:
        answer = pair.ssh(11, "cat /proc/sys/kernel/random/boot_id")
        return answer.returncode == 0 and answer.stdout.strip() != before

    until(rebooted, "the reboot", 40)
    assert pair.driver.running(11)
    pair.says(11, f"test -b {DEVICE} && test -b {DRIVE}")
    pair.driver.detach(11, "v3")
    pair.driver.delete_volume("v3")


def test_a_snapshot_boots_elsewhere_with_its_own_address_and_name(pair: Lab) -> None:
    pair.says(11, "echo mine > /root/marker; sync")
    pair.driver.stop(11, graceful=True)
    assert not pair.driver.running(11)
    assert pair.driver.snapshot(11, "snap-1") > 0.1
    pair.net.apply(NetworkPlan(tuple(pair.guest(machine) for machine in (11, 12, 13))))
    pair.boot(13, "snap-1")
    assert pair.says(13, "cat /root/marker; cloud-init status --wait >/dev/null; hostname").split() == ["mine", "m13"]
    pair.driver.destroy(13)
    pair.driver.delete_image("snap-1")
    assert pair.driver.images() == [BASE]


def test_a_guest_that_powers_itself_off_is_off_and_starts_again(pair: Lab) -> None:
    pair.ssh(12, "poweroff")
    until(lambda: not pair.driver.running(12), "the power-off", 30)
    pair.driver.start(pair.spec(12))
    pair.wait_for_ssh(12)
