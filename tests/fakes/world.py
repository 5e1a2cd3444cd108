"""Everything around the cloud, faked: machines with an agent, a visitor, the name server, a bucket, a progress."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bootstrap.config import Settings
from bootstrap.errors import HostError, HostKeyError, NotFoundError
from bootstrap.operations import hostkeys
from bootstrap.operations.environment import Environment
from bootstrap.ports.cloud import Droplet, DropletSpec
from bootstrap.ports.dns import Answer, Caa
from bootstrap.ports.host import HostAddress, HostResult
from bootstrap.ports.object_store import StoredObject
from bootstrap.ports.web import WebAnswer
from tests.fakes.cloud import Effects, FakeCloud

ROOT = Path(__file__).resolve().parents[2]
DOMAIN = "example.com"


@dataclass
class Machine:
    """What a droplet remembers, and what was sent to it."""

    user_data: str
    offered: str
    next_key: str | None = None
    env: dict[str, str] = field(default_factory=dict)
    credentials: dict[str, Any] = field(default_factory=dict)
    mounted: bool = False
    up: bool = False
    healthy: bool = True
    certified: bool = False
    timers: bool = False
    restored: list[str] = field(default_factory=list)
    stdin: list[str] = field(default_factory=list)
    # what its cloud-init failed with, and the logs of that
    boot_error: str | None = None
    boot_log: str = ""


class FakeHost:
    def __init__(self, world: World, address: HostAddress) -> None:
        self._world, self._address = world, address

    @property
    def _machine(self) -> Machine:
        machine = self._world.at(self._address.ip)
        key = hostkeys.pin(machine.offered).removeprefix(hostkeys.PIN)
        if key not in self._address.host_key_hashes:
            raise HostKeyError(f"{self._address.ip} offers another host key than the one pinned", "compare them")
        return machine

    def run(
        self, argv: Sequence[str], *, stdin: str | None = None, timeout_s: float = 60, check: bool = True
    ) -> HostResult:
        machine = self._machine
        if stdin is not None:
            machine.stdin.append(stdin)
        if argv[0] == "cloud-init":
            return HostResult(1 if machine.boot_error else 0, json.dumps(_cloud_init(machine.boot_error)), "")
        if "/var/log/cloud-init.log" in argv:
            return HostResult(0, machine.boot_log, "")
        if "bootstrap-agent" not in " ".join(argv):
            return HostResult(0, self._world.shell.get(argv[0], ""), "")
        command = " ".join(argv[3:])
        self._world.calls.append(command)
        return self._agent(machine, command, json.loads(stdin) if stdin else None)

    def _agent(self, machine: Machine, command: str, stdin: Any) -> HostResult:
        effects = self._world.cloud.effects
        answer: Any = {}
        if command == "hostkey rotate":
            machine.next_key = machine.next_key or hostkeys.generate().public
            answer = {"public_key": machine.next_key}
            effects.add(command)
        elif command == "hostkey commit":
            machine.offered, machine.next_key = machine.next_key or machine.offered, None
            effects.add(command)
        elif command == "secrets get" and not machine.env:
            return HostResult(4, "", "error: .env.production does not exist\n")
        elif command == "secrets get":
            answer = {"env": machine.env, "credentials": machine.credentials}
        elif command == "secrets put":
            machine.env, machine.credentials = stdin["env"], stdin["credentials"]
            effects.add(command)
        elif command.startswith("restore "):
            assert machine.mounted and machine.env
            machine.restored.append(command.split()[1])
            effects.add("restore")
        elif command == "stack up" and not machine.healthy:
            return HostResult(8, "", "error: auth-service is not healthy: boom\nhint: bootstrap logs auth-service\n")
        elif command == "status":
            answer = {
                "healthy": machine.up,
                "services": [{"name": "nginx", "state": "running", "health": "healthy"}],
                "certificate": {"issuer": "Test", "not_after": "2027-01-01T00:00:00Z"},
                "backup": {"last": None, "age_s": None},
                "volume": {"mounted": machine.mounted, "used_bytes": 1, "size_bytes": 10},
            }
        elif command == "info":
            answer = {"release": RELEASE, "deployment": {}, "cloud_init": "done", "health": ["/health/"]}
        elif command == "certificate ensure":
            answer = {"issuer": "Test", "not_after": "2027-01-01T00:00:00Z", "changed": not machine.certified}
        if change := _SWITCHES.get(command):
            if command == "stack up":
                assert machine.mounted and machine.env, "the stack needs its volume and its secrets"
            if getattr(machine, change[0]) != change[1]:
                setattr(machine, *change)
                effects.add(command)
        return HostResult(0, json.dumps(answer), "")

    def wait_until_reachable(self, timeout_s: float) -> None:
        self.run(["true"])

    def interactive(self, argv: Sequence[str]) -> int:
        self._world.calls.append(" ".join(argv))
        return 0

    def host_keys(self) -> tuple[str, ...]:
        return (self._machine.offered,)

    def close(self) -> None:
        self._world.closed += 1


def _cloud_init(error: str | None) -> dict[str, Any]:
    return {"status": "error" if error else "done", "errors": [error] if error else []}


_SWITCHES: dict[str, tuple[str, bool]] = {
    "volume mount": ("mounted", True),
    "volume unmount": ("mounted", False),
    "stack up": ("up", True),
    "stack down": ("up", False),
    "certificate ensure": ("certified", True),
    "timers enable": ("timers", True),
    "timers disable": ("timers", False),
}
RELEASE = {
    "name": "bootstrap-ticket-tracking-20261124100000-abc1234",
    "stack_dir": "/srv/stack",
    "compose_file": "docker-compose.prod.yml",
    "git_commit": "abc1234",
    "built_at": "2026-11-24T10:00:00Z",
}


class FakeStore:
    def __init__(self, effects: Effects) -> None:
        self._effects, self.exists, self.versions = effects, False, True
        self.objects: dict[str, bytes] = {}

    def ensure_bucket(self, prefix: str) -> None:
        if not self.exists:
            self.exists = True
            self._effects.add("create bucket")

    def keeps_versions(self) -> bool:
        if not self.exists:
            raise NotFoundError("the bucket does not exist")
        return self.versions

    def list(self, prefix: str) -> list[StoredObject]:
        return [
            StoredObject(k, len(v), "2026-11-24T02:00:00Z") for k, v in self.objects.items() if k.startswith(prefix)
        ]

    def read(self, key: str) -> bytes:
        return self.objects[key]

    def delete_prefix(self, prefix: str) -> int:
        gone = [key for key in self.objects if key.startswith(prefix)]
        for key in gone:
            del self.objects[key]
        return len(gone)


class Quiet:
    def __init__(self) -> None:
        self.texts: list[str] = []

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        self.texts.append(text)
        yield

    def note(self, text: str) -> None:
        self.texts.append(text)

    def warn(self, text: str) -> None:
        self.texts.append(f"warning: {text}")


class World:
    """One cloud, its machines and what surrounds them. `env()` is a new process on the operator's side."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.settings = Settings.model_validate(
            {"domain": DOMAIN, "stack": ROOT / "stack", "ssh_key": folder / "key", **settings}
        )
        self.cloud = FakeCloud(Effects())
        self.cloud.on_droplet = self._boot
        self.image = self.cloud.add_image(RELEASE["name"], "bootstrap-image", "bootstrap-image:ticket-tracking")
        self.store = FakeStore(self.cloud.effects)
        self.machines: dict[str, Machine] = {}
        self.calls: list[str] = []
        # what a program on a machine prints
        self.shell: dict[str, str] = {}
        self.name_servers = ["ns1.digitalocean.com", "ns2.digitalocean.com"]
        self.closed = 0
        self.progress = Quiet()
        # what the next droplet offers instead of the key in its user-data
        self.impostor: str | None = None
        # what the cloud-init of the next droplets fails with
        self.boot_error: str | None = None
        self.boot_log = ""
        self.smtp_password: str | None = None
        self.other_servers: list[Answer] = []
        self.caa: list[Caa] = []

    def _boot(self, droplet: Droplet, spec: DropletSpec) -> None:
        assert droplet.public_ip is not None
        key = self.impostor or _public_key(spec.user_data)
        self.machines[droplet.public_ip] = Machine(
            spec.user_data, key, boot_error=self.boot_error, boot_log=self.boot_log
        )

    def at(self, ip: str) -> Machine:
        machine = self.machines.get(ip)
        if machine is None:
            raise HostError(f"{ip}: no answer", retryable=True)
        return machine

    def live(self) -> Machine:
        (droplet,) = self.cloud.droplets(f"bootstrap:{self.settings.key}:live")
        return self.at(droplet.public_ip or "")

    def env(self) -> Environment:
        return Environment(
            settings=self.settings,
            cloud=self.cloud,
            hosts=lambda address: FakeHost(self, address),
            store=self.store,
            spaces_credentials=("access", "very-secret-spaces-key"),
            web=_Visitor(self),
            names=_Authority(self),
            progress=self.progress,
            state_dir=self.folder / "state",
            smtp_password=self.smtp_password,
        )


class _Visitor:
    def __init__(self, world: World) -> None:
        self._world = world

    def get(self, url: str, *, address: str, timeout_s: float = 10) -> WebAnswer:
        by_ip = {d.public_ip: d.public_ip for d in self._world.cloud.droplets()}
        holders = {ip.ip: ip.droplet_id for ip in self._world.cloud.reserved_ips()}
        by_id = {d.id: d.public_ip for d in self._world.cloud.droplets()}
        target = by_ip.get(address) or by_id.get(holders.get(address) or 0)
        machine = self._world.machines.get(target or "")
        if machine is None or not (machine.up and machine.certified):
            raise HostError(f"{url}: connection refused", retryable=True)
        return WebAnswer(200, "ok", {})

    def prober(self, url: str, *, address: str) -> Any:
        raise NotImplementedError


class _Authority:
    def __init__(self, world: World) -> None:
        self._world = world

    def answers(self, name: str) -> list[Answer]:
        relative = "@" if name == DOMAIN else name.removesuffix(f".{DOMAIN}")
        found = [r.data for r in self._world.cloud.records(DOMAIN) if (r.type, r.name) == ("A", relative)]
        return [Answer("ns1", tuple(found)), *self._world.other_servers]

    def caa(self, name: str) -> list[Caa]:
        return self._world.caa

    def name_servers(self, domain: str) -> list[str]:
        return self._world.name_servers


def _public_key(user_data: str) -> str:
    """The ed25519 public key that cloud-init is to install, derived from the private one in user-data."""
    import textwrap

    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_private_key

    start, end = "-----BEGIN OPENSSH PRIVATE KEY-----", "-----END OPENSSH PRIVATE KEY-----"
    text = user_data[user_data.index(start) : user_data.index(end) + len(end)].replace("\\n", "\n")
    first, rest = text.split("\n", 1)
    key = load_ssh_private_key((first + "\n" + textwrap.dedent(rest) + "\n").encode(), None)
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
