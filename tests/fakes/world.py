"""Everything around the cloud, faked: a visitor, the name server, a bucket, a progress, and machines on a cloud."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from hashlib import md5
from itertools import groupby
from pathlib import Path
from typing import Any

from bootstrap.deployment import zones
from bootstrap.deployment.environment import Environment
from bootstrap.errors import HostError, NotFoundError
from bootstrap.ports.cloud import Cloud, Droplet, DropletSpec
from bootstrap.ports.dns import Answer, Caa
from bootstrap.ports.host import HostResult
from bootstrap.ports.object_store import StoredObject
from bootstrap.ports.web import ProbeReport, Sample, WebAnswer
from bootstrap.settings import Settings
from bootstrap_agent.contract import answers
from tests.fakes.cloud import EPOCH, Effects, FakeCloud
from tests.fakes.host import RELEASE, FakeHost, Machine

ROOT = Path(__file__).resolve().parents[2]
DOMAIN = "example.com"


class FakeStore:
    def __init__(self, effects: Effects) -> None:
        self._effects, self.exists, self.versions = effects, False, True
        self.objects: dict[str, bytes] = {}
        # when, where it matters
        self.modified: dict[str, datetime] = {}
        # what a key of one bucket may not do
        self.lacking: list[str] = []

    def hasty(self) -> FakeStore:
        return self

    def ensure_bucket(self, prefix: str) -> list[str]:
        if not self.exists:
            with self._effects.change("create bucket"):
                self.exists = True
        return self.lacking

    def may_not(self, prefix: str) -> list[str]:
        self._bucket()
        return self.lacking

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
        return [
            StoredObject(key, len(body), self.modified.get(key, EPOCH), f'"{md5(body).hexdigest()}"')
            for key, body in sorted(found)
        ]

    def read(self, key: str) -> bytes:
        if key not in self._bucket():
            raise NotFoundError(f"{key} does not exist")
        return self.objects[key]

    def chunks(self, key: str, start: int = 0) -> Iterator[bytes]:
        body = self.read(key)[start:]
        yield from (body[at : at + 1000] for at in range(0, len(body), 1000))

    def write(self, key: str, data: bytes) -> None:
        self._bucket()[key] = data

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
            {"domain": DOMAIN, "stack": ROOT / "stack", "ssh_key": folder / "key"}
            | {"recovery_key": folder / "recovery.key", **settings}
        )
        self.effects = Effects()
        self.store = FakeStore(self.effects)
        # there is a certificate on the data volume
        self.certified = False
        # data volume → what it keeps of the secrets that its data know
        self.kept: dict[str, str] = {}
        # what a program on a machine prints, or how it ends
        self.shell: dict[str, str | HostResult] = {}
        # what `listen` hears
        self.said: list[str] = []
        self.name_servers = ["ns1.digitalocean.com", "ns2.digitalocean.com"]
        self.closed = 0
        self.restored: answers.Restored | None = None
        self.progress = Quiet()
        self.smtp_password: str | None = None
        self.ping_url: str | None = None
        self.webhook_url: str | None = None
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

    def zones(self) -> list[str]:
        """Which there are, without a request of the API."""
        raise NotImplementedError

    def addresses(self, place: zones.Place) -> list[str]:
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
            ping_url=self.ping_url,
            webhook_url=self.webhook_url,
        )


class World(Surroundings):
    """A cloud in memory with its machines."""

    cloud: FakeCloud

    def __init__(self, folder: Path, **settings: Any) -> None:
        super().__init__(folder, **settings)
        self.cloud = FakeCloud(self.effects)
        self.cloud.on_droplet, self.cloud.before = self._boot, self._before
        self.image = self.cloud.add_image(RELEASE.name, "bootstrap-image", "bootstrap-image:ticket-tracking")
        self.machines: dict[str, Machine] = {}
        # what the next droplet offers instead of the key in its user-data
        self.impostor: str | None = None
        # what the cloud-init of the next droplets fails with
        self.boot_error: str | None = None
        self.boot_log = ""
        # what the next droplets are like: deaf, or with a stack that does not get healthy by the image they have
        self.deaf = False
        self.jobs_s, self.ill_in_the_end = 0.0, False
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
            jobs_s=self.jobs_s,
            ill_in_the_end=self.ill_in_the_end,
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
        assert what != "detach" or not machine.mounted, "detached while it is mounted"
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

    def zones(self) -> list[str]:
        return self.cloud.domains()

    def addresses(self, place: zones.Place) -> list[str]:
        there = self.cloud.records(place.zone)
        return [r.data for r in there if r.type in ("A", "AAAA") and r.name == place.name]

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

    def waiting_s(self) -> float:
        return self._waits / 10

    def stop(self) -> ProbeReport:
        self._effects.watch = lambda: None
        self._probe()
        self._failures += ["timed out"] if self._waits else []
        failed = [failure for failure in self._failures if failure]
        outages = [len(list(group)) + 1 for silent, group in groupby(self._failures, bool) if silent]
        outage = max(outages, default=0) / 10
        samples = tuple(Sample(n / 10, 0.0, not failure) for n, failure in enumerate(self._failures))
        longest = self._longest / 10
        return ProbeReport(len(self._failures), len(failed), outage, longest, next(iter(failed), None), samples)


class _Authority:
    def __init__(self, world: Surroundings) -> None:
        self._world = world

    def answers(self, name: str) -> list[Answer]:
        if self._world.settings.dns_elsewhere:
            # whoever keeps the records did what they were told
            found = [ip.ip for ip in self._world.cloud.reserved_ips()]
        else:
            place = zones.place(name, self._world.zones())
            found = self._world.addresses(place) if place else []
        return [Answer("ns1", tuple(sorted(found))), *self._world.other_servers]

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
