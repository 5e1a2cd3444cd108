"""Everything around the cloud, faked: machines with an agent, a visitor, the name server, a bucket, a progress."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from bootstrap.deployment import hostkeys
from bootstrap.deployment.environment import Environment
from bootstrap.errors import HostError, HostKeyError, NotFoundError
from bootstrap.ports.cloud import Cloud, Droplet, DropletSpec
from bootstrap.ports.dns import Answer, Caa
from bootstrap.ports.host import HostAddress, HostResult
from bootstrap.ports.object_store import StoredObject
from bootstrap.ports.web import ProbeReport, WebAnswer
from bootstrap.settings import Settings
from tests.fakes.cloud import EPOCH, Effects, FakeCloud

ROOT = Path(__file__).resolve().parents[2]
DOMAIN = "example.com"


@dataclass
class Machine:
    """What a droplet remembers, and what was sent to it. It is the `name`-th."""

    user_data: str
    offered: str
    name: str = "1"
    next_key: str | None = None
    env: dict[str, str] = field(default_factory=dict)
    credentials: dict[str, Any] = field(default_factory=dict)
    mounted: bool = False
    up: bool = False
    # new visitors hear nothing
    held: bool = False
    healthy: bool = True
    # its stack says that it is up, and does not answer
    deaf: bool = False
    timers: bool = False
    restored: list[str] = field(default_factory=list)
    stdin: list[str] = field(default_factory=list)
    # what its cloud-init failed with, and the logs of that
    boot_error: str | None = None
    boot_log: str = ""


class FakeHost:
    def __init__(self, world: Surroundings, address: HostAddress) -> None:
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
        result = self._result(self._machine, argv, stdin)
        if check and result.exit_code:
            last = (result.stderr.splitlines() or [f"exit code {result.exit_code}"])[-1]
            raise HostError(f"{self._address.ip}: {last}")
        return result

    def _result(self, machine: Machine, argv: Sequence[str], stdin: str | None) -> HostResult:
        if stdin is not None:
            machine.stdin.append(stdin)
        if argv[0] == "cloud-init":
            return HostResult(1 if machine.boot_error else 0, json.dumps(_cloud_init(machine.boot_error)), "")
        if "/var/log/cloud-init.log" in argv:
            return HostResult(0, machine.boot_log, "")
        if "bootstrap-agent" not in " ".join(argv):
            printed = self._world.shell.get(argv[0], "")
            return printed if isinstance(printed, HostResult) else HostResult(0, printed, "")
        command = " ".join(argv[3:])
        with self._world.effects.call(f"{machine.name} {command}"):
            return self._agent(machine, command, json.loads(stdin) if stdin else None)

    def _agent(self, machine: Machine, command: str, stdin: Any) -> HostResult:
        changed = self._world.effects.log.append
        answer: Any = {}
        if command == "hostkey rotate":
            machine.next_key = machine.next_key or hostkeys.generate().public
            answer = {"public_key": machine.next_key}
            changed(command)
        elif command == "hostkey commit":
            machine.offered, machine.next_key = machine.next_key or machine.offered, None
            changed(command)
        elif command == "secrets get" and not machine.env:
            return HostResult(4, "", "error: .env.production does not exist\n")
        elif command == "secrets get":
            answer = {"env": machine.env, "credentials": machine.credentials}
        elif command == "secrets put":
            machine.env, machine.credentials = stdin["env"], stdin["credentials"]
            changed(command)
        elif command.startswith("restore "):
            assert machine.mounted and machine.env
            machine.restored.append(command.split()[1])
            changed("restore")
        elif command == "volume mount" and not self._world.has_volume(self._address.ip):
            return HostResult(7, "", "error: the data volume is not attached\n")
        elif command == "stack up" and not machine.mounted:
            return HostResult(7, "", "error: /srv/data is not mounted\n")
        elif command == "stack up" and not machine.healthy:
            machine.held = False
            return HostResult(8, "", "error: auth-service is not healthy: boom\nhint: bootstrap logs auth-service\n")
        elif command == "status":
            state, health = ("running", "healthy") if machine.up else ("restarting", "unhealthy")
            answer = {
                "healthy": machine.up,
                "services": [{"name": "auth-service", "state": state, "health": health}],
                "certificate": {"issuer": "Test", "not_after": "2027-01-01T00:00:00Z"},
                "backup": {"last": None, "age_s": None},
                "volume": {"mounted": machine.mounted, "used_bytes": 1, "size_bytes": 10},
            }
        elif command == "info":
            answer = {"release": RELEASE, "deployment": {}, "cloud_init": "done", "health": ["/health/"]}
        elif command == "certificate ensure":
            answer = {"issuer": "Test", "not_after": "2027-01-01T00:00:00Z", "changed": not self._world.certified}
            if not self._world.certified:
                self._world.certified = True
                changed(command)
        if change := _SWITCHES.get(command):
            assert command != "stack up" or machine.env, "the stack needs its secrets"
            assert command != "volume unmount" or not machine.up, "unmounted below a running stack"
            if getattr(machine, change[0]) != change[1] and not (command == "stack up" and machine.deaf):
                setattr(machine, *change)
                changed(command)
        if command in ("stack up", "stack down"):
            machine.held = command == "stack down"
        return HostResult(0, json.dumps(answer), "")

    def wait_until_reachable(self, timeout_s: float) -> None:
        self.run(["true"])

    def interactive(self, command: str) -> int:
        self._world.effects.calls.append(command)
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
            with self._effects.change("create bucket"):
                self.exists = True

    def _bucket(self) -> dict[str, bytes]:
        """What was put into it shows that it is there."""
        if not self.exists and not self.objects:
            raise NotFoundError("the bucket does not exist")
        return self.objects

    def keeps_versions(self) -> bool:
        self._bucket()
        return self.versions

    def list(self, prefix: str) -> list[StoredObject]:
        found = [(key, body) for key, body in self._bucket().items() if key.startswith(prefix)]
        return [StoredObject(key, len(body), EPOCH) for key, body in sorted(found)]

    def read(self, key: str) -> bytes:
        if key not in self._bucket():
            raise NotFoundError(f"{key} does not exist")
        return self.objects[key]

    def delete_prefix(self, prefix: str) -> int:
        gone = [key for key in self._bucket() if key.startswith(prefix)]
        for key in gone:
            del self.objects[key]
        return len(gone)


class Quiet:
    def __init__(self) -> None:
        self.texts: list[str] = []
        # the step that began last
        self.latest: str | None = None

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        self.texts.append(text)
        self.latest = text
        yield

    def note(self, text: str) -> None:
        self.texts.append(text)

    def warn(self, text: str) -> None:
        self.texts.append(f"warning: {text}")


class Surroundings:
    """What surrounds a cloud, whichever it is. `env()` is a new process on the operator's side."""

    cloud: Cloud

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.settings = Settings.model_validate(
            {"domain": DOMAIN, "stack": ROOT / "stack", "ssh_key": folder / "key", **settings}
        )
        self.effects = Effects()
        self.store = FakeStore(self.effects)
        # there is a certificate on the data volume
        self.certified = False
        # what a program on a machine prints, or how it ends
        self.shell: dict[str, str | HostResult] = {}
        self.name_servers = ["ns1.digitalocean.com", "ns2.digitalocean.com"]
        self.closed = 0
        self.progress = Quiet()
        self.smtp_password: str | None = None
        self.other_servers: list[Answer] = []
        self.caa: list[Caa] = []

    def at(self, ip: str) -> Machine:
        """The machine whose own address this is; HostError when nothing answers there."""
        raise NotImplementedError

    def has_volume(self, ip: str) -> bool:
        raise NotImplementedError

    def behind(self, address: str) -> Machine | None:
        """Whom a visitor of this address meets: it may be a reserved one."""
        raise NotImplementedError

    def addresses(self, relative: str) -> list[str]:
        """Of the A and AAAA records of that name."""
        raise NotImplementedError

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


class World(Surroundings):
    """A cloud in memory with its machines."""

    cloud: FakeCloud

    def __init__(self, folder: Path, **settings: Any) -> None:
        super().__init__(folder, **settings)
        self.cloud = FakeCloud(self.effects)
        self.cloud.on_droplet, self.cloud.before = self._boot, self._before
        self.image = self.cloud.add_image(RELEASE["name"], "bootstrap-image", "bootstrap-image:ticket-tracking")
        self.machines: dict[str, Machine] = {}
        # what the next droplet offers instead of the key in its user-data
        self.impostor: str | None = None
        # what the cloud-init of the next droplets fails with
        self.boot_error: str | None = None
        self.boot_log = ""
        # what the next droplets are like: deaf, or with a stack that does not get healthy by the image they have
        self.deaf = False
        self.ill_images: set[int] = set()

    def _boot(self, droplet: Droplet, spec: DropletSpec) -> None:
        assert droplet.public_ip is not None
        key = self.impostor or public_key(spec.user_data)
        self.machines[droplet.public_ip] = Machine(
            spec.user_data,
            key,
            str(len(self.machines) + 1),
            healthy=droplet.image_id not in self.ill_images,
            deaf=self.deaf,
            boot_error=self.boot_error,
            boot_log=self.boot_log,
        )

    def _before(self, what: str, droplet: Droplet) -> None:
        """Nothing is done to a droplet that would hurt its data."""
        machine = self.machines.get(droplet.public_ip or "")
        if machine is None:
            return
        if what == "off":
            machine.up = machine.mounted = False
        assert what not in ("detach", "snapshot") or not machine.mounted, f"{what} while it is mounted"
        assert what != "delete" or not droplet.volume_ids, "deleted with the data volume attached"

    def at(self, ip: str) -> Machine:
        running = {droplet.public_ip for droplet in self.cloud.droplets() if droplet.status == "active"}
        if ip not in running or ip not in self.machines:
            raise HostError(f"{ip}: no answer", retryable=True)
        return self.machines[ip]

    def has_volume(self, ip: str) -> bool:
        return any(droplet.volume_ids for droplet in self.cloud.droplets() if droplet.public_ip == ip)

    def behind(self, address: str) -> Machine | None:
        holders = {ip.ip: ip.droplet_id for ip in self.cloud.reserved_ips()}
        met = [d.public_ip for d in self.cloud.droplets() if address == d.public_ip or holders.get(address) == d.id]
        with suppress(HostError):
            return self.at(met[0] or "") if met else None
        return None

    def addresses(self, relative: str) -> list[str]:
        return [r.data for r in self.cloud.records(DOMAIN) if r.type in ("A", "AAAA") and r.name == relative]

    def live(self) -> Machine:
        (droplet,) = self.cloud.droplets(f"bootstrap:{self.settings.key}:live")
        return self.at(droplet.public_ip or "")


class _Visitor:
    def __init__(self, world: Surroundings) -> None:
        self._world = world

    def get(self, url: str, *, address: str, timeout_s: float = 10) -> WebAnswer:
        machine = self._world.behind(address)
        if machine is None or not (machine.up and machine.mounted and self._world.certified):
            raise HostError(f"{url}: connection refused", retryable=True)
        return WebAnswer(200, "ok", {})

    def prober(self, url: str, *, address: str) -> _Prober:
        def held() -> bool:
            machine = self._world.behind(address)
            return machine is not None and machine.held

        return _Prober(lambda: self.get(url, address=address), held, self._world.effects)


class _Prober:
    """Asks at both ends and with every call between them, as if each took a tenth of a second. Where visitors are held
    it waits."""

    def __init__(self, ask: Callable[[], object], held: Callable[[], bool], effects: Effects) -> None:
        self._ask, self._held, self._effects = ask, held, effects
        self._failures: list[str] = []
        self._waits, self._longest = 0, 0

    def _probe(self) -> None:
        if self._held():
            self._waits += 1
            return
        try:
            self._ask()
            self._failures.append("")
            self._longest = max(self._longest, self._waits)
        except HostError as error:
            self._failures.append(error.message)
        self._waits = 0

    def start(self) -> None:
        self._probe()
        self._effects.watch = self._probe

    def stop(self) -> ProbeReport:
        self._effects.watch = lambda: None
        self._probe()
        self._failures += ["timed out"] if self._waits else []
        failed = [failure for failure in self._failures if failure]
        outages = [len(list(group)) + 1 for silent, group in groupby(self._failures, bool) if silent]
        outage = max(outages, default=0) / 10
        return ProbeReport(len(self._failures), len(failed), outage, self._longest / 10, next(iter(failed), None))


class _Authority:
    def __init__(self, world: Surroundings) -> None:
        self._world = world

    def answers(self, name: str) -> list[Answer]:
        relative = "@" if name == DOMAIN else name.removesuffix(f".{DOMAIN}")
        return [Answer("ns1", tuple(sorted(self._world.addresses(relative)))), *self._world.other_servers]

    def caa(self, name: str) -> list[Caa]:
        return self._world.caa if f".{name}".endswith(f".{DOMAIN}") else []

    def name_servers(self, domain: str) -> list[str]:
        return self._world.name_servers if domain == DOMAIN else []


def public_key(user_data: str) -> str:
    """The ed25519 public key that cloud-init is to install, derived from the private one in user-data."""
    import textwrap

    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_private_key

    start, end = "-----BEGIN OPENSSH PRIVATE KEY-----", "-----END OPENSSH PRIVATE KEY-----"
    text = user_data[user_data.index(start) : user_data.index(end) + len(end)].replace("\\n", "\n")
    first, rest = text.split("\n", 1)
    key = load_ssh_private_key((first + "\n" + textwrap.dedent(rest) + "\n").encode(), None)
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
