"""The agent's commands, and the form of what each answers: one line of JSON on stdout.

This list is the only one: the agent's parser is made of it, the CLI decodes by it, the tests' fake answers with it, and
the suites that hold the fake and the real agent against it go through all of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec

from bootstrap_agent.contract.access import Access
from bootstrap_agent.contract.deployment import Deployment
from bootstrap_agent.contract.intake import IntakeOrder, Loaded, Present  # noqa: F401
from bootstrap_agent.contract.keptlogs import KeptLogs
from bootstrap_agent.contract.maintenance import Maintenance, MaintenanceOrder, MaintenanceState  # noqa: F401
from bootstrap_agent.contract.manifest import Manifest
from bootstrap_agent.contract.release import Release
from bootstrap_agent.contract.replacing import (  # noqa: F401
    Changed,
    HandedOver,
    Preflight,
    PreflightOrder,
    Released,
    StandingBy,
    TakenOver,
    TakeoverTold,
)
from bootstrap_agent.contract.restoring import Restored, RestoredDatabase, RestoreOrder  # noqa: F401
from bootstrap_agent.contract.series import SERIES_S, Point, Requests, Series  # noqa: F401
from bootstrap_agent.contract.stack import Databases

A = TypeVar("A")


@dataclass(frozen=True)
class Command(Generic[A]):
    """`form` is A itself. Commands that change something exclude each other; one with an `argument` takes one word
    more."""

    words: tuple[str, ...]
    form: Any
    changes: bool = True
    argument: str | None = None
    # how long it waits for another one to end
    patience_s: float = 30

    @property
    def name(self) -> str:
        return " ".join(self.words)


class Info(msgspec.Struct, frozen=True):
    """`cloud_init` in its own words. An agent of an earlier image says no more than that."""

    release: Release
    deployment: Deployment | None
    cloud_init: str
    health: tuple[str, ...] = ("/",)
    serving: tuple[str, ...] = ()
    databases: Databases | None = None
    media: tuple[str, ...] = ()


class Volume(msgspec.Struct, frozen=True):
    """`problem`: why the file system is not as large as its device; a site with the smaller one is better than none."""

    mounted: bool
    device: str
    formatted: bool
    problem: str | None = None


class SpacesKey(msgspec.Struct, frozen=True):
    access_key: str
    secret_key: str

    def __repr__(self) -> str:
        return f"SpacesKey({self.access_key!r}, …)"


class Credentials(msgspec.Struct, frozen=True, omit_defaults=True):
    """Also the form of credentials.json. Whoever knows `ping_url` may say that all is well here, whoever knows
    `webhook_url` may write into the operator's chat."""

    spaces: SpacesKey | None = None
    ping_url: str | None = None
    webhook_url: str | None = None

    def __repr__(self) -> str:
        urls = {"ping_url": self.ping_url, "webhook_url": self.webhook_url}
        shown = ", ".join(f"{name}={'…' if url else None}" for name, url in urls.items())
        return f"Credentials({self.spaces!r}, {shown})"


class Secrets(msgspec.Struct, frozen=True):
    """What `secrets get` answers, and what `secrets put` takes on stdin. `env` holds variables and their values."""

    env: dict[str, str]
    credentials: Credentials

    def __repr__(self) -> str:
        return f"Secrets({len(self.env)} variables)"


class Written(msgspec.Struct, frozen=True):
    """Paths."""

    written: tuple[str, ...]


class Kept(msgspec.Struct, frozen=True):
    """`.env.production` as it was when the data volume served last, as `age --armor` writes it; None where nothing was
    kept."""

    sealed: str | None = None


DONE = "done"


class Service(msgspec.Struct, frozen=True):
    """A container in Docker's own words; `health` is empty where it has no health check. `state` is DONE of one that
    is to run once, and ended well."""

    name: str
    state: str
    health: str

    @property
    def well(self) -> bool:
        return self.state == DONE or (self.state == "running" and self.health in ("", "healthy"))

    def __str__(self) -> str:
        return f"{self.name} is {self.state} {self.health}".rstrip()


class Services(msgspec.Struct, frozen=True):
    services: tuple[Service, ...]


class Failing(msgspec.Struct, frozen=True):
    """A renewal: since when, why the last time, and when the timer tries again."""

    since: datetime
    why: str
    retry_at: datetime

    def __str__(self) -> str:
        return f"its renewal fails since {self.since:%Y-%m-%dT%H:%M:%SZ}: {self.why}"


class Certificate(msgspec.Struct, frozen=True, omit_defaults=True):
    """An agent of an earlier image says no `renew_at`, and knows no failure of a renewal."""

    issuer: str
    not_after: datetime
    renew_at: datetime | None = None
    failing: Failing | None = None


class BackupAge(msgspec.Struct, frozen=True):
    """The newest one's; both None before there is any."""

    last: str | None
    age_s: int | None


class Archive(msgspec.Struct, frozen=True, omit_defaults=True):
    """PostgreSQL's log: when all of it was in Spaces last; since when that fails, and why. `baseless_since`: from when
    on it restores nothing, as no base backup leads to it yet."""

    archived_at: datetime | None
    behind_since: datetime | None = None
    why: str | None = None
    baseless_since: datetime | None = None


class Usage(msgspec.Struct, frozen=True):
    mounted: bool
    used_bytes: int | None
    size_bytes: int | None


class Alarm(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is wrong, and since when. `told_at`: the latest mail about it; None while it is too young for one."""

    key: str
    message: str
    since: datetime
    told_at: datetime | None = None


class Status(msgspec.Struct, frozen=True, omit_defaults=True):
    """`…_error` says why a part is missing. `alarms` are those of the latest check."""

    healthy: bool
    services: tuple[Service, ...]
    certificate: Certificate | None
    backup: BackupAge
    volume: Usage
    archive: Archive | None = None
    services_error: str | None = None
    certificate_error: str | None = None
    backup_error: str | None = None
    alarms: tuple[Alarm, ...] = ()
    # since when visitors are led to a page that asks them to come again
    maintenance: datetime | None = None


class Ensured(msgspec.Struct, frozen=True):
    """A stack that gets its certificate by itself has neither issuer nor end."""

    issuer: str | None
    not_after: datetime | None
    changed: bool


class HostKey(msgspec.Struct, frozen=True):
    """As `ssh-ed25519 AAAA…`."""

    public_key: str


class Pruned(msgspec.Struct, frozen=True):
    """Ids of backups."""

    removed: tuple[str, ...]
    kept: tuple[str, ...]


class Sealed(msgspec.Struct, frozen=True):
    sealed: bool


class GateCheck(msgspec.Struct, frozen=True):
    path: str
    problem: str | None


class Gate(msgspec.Struct, frozen=True):
    """The stack's health paths, asked on the machine itself; a problem is one line."""

    checks: tuple[GateCheck, ...]


class Timers(msgspec.Struct, frozen=True):
    """Names of units."""

    enabled: bool
    timers: tuple[str, ...]


class MailServer(msgspec.Struct, frozen=True):
    """As the droplet meets it; `problem`, in one line, is why no mail goes there. All None: there is none to ask."""

    host: str | None
    port: int | None
    problem: str | None


class MailSent(msgspec.Struct, frozen=True):
    """The server took it."""

    host: str
    port: int
    sender: str
    to: str
    message_id: str


class Alerts(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is wrong by the latest check, which was at `checked_at`. `to` is who is mailed, None where nobody can be.
    `unsent` mails wait, for the reason of `problem`."""

    alarms: tuple[Alarm, ...]
    checked_at: datetime | None
    to: str | None
    pings: bool
    unsent: int = 0
    problem: str | None = None


class AlertsTested(msgspec.Struct, frozen=True):
    """`mail`, `pinged` and `chat` are None where that way is not set up; `…_problem` is why nothing went there."""

    mail: MailSent | None
    mail_problem: str | None
    pinged: bool | None
    ping_problem: str | None
    chat: bool | None = None
    chat_problem: str | None = None


# how a ConflictError of a command that waits for another one's end begins; more than one meaning has the class
BUSY = "the droplet is busy with"

INFO: Command[Info] = Command(("info",), Info, changes=False)
# the droplet may just be letting visitors in by itself: that is to end first
VOLUME_MOUNT: Command[Volume] = Command(("volume", "mount"), Volume, patience_s=150)
VOLUME_UNMOUNT: Command[Volume] = Command(("volume", "unmount"), Volume)
SECRETS_PUT: Command[Written] = Command(("secrets", "put"), Written)
SECRETS_KEPT: Command[Kept] = Command(("secrets", "kept"), Kept, changes=False)
SECRETS_GET: Command[Secrets] = Command(("secrets", "get"), Secrets, changes=False)
DEPLOYMENT_PUT: Command[Written] = Command(("deployment", "put"), Written)
STACK_UP: Command[Services] = Command(("stack", "up"), Services)
STACK_DOWN: Command[Services] = Command(("stack", "down"), Services)
# the parts of a replacement that visitors wait for: one command on each side. `bound` in seconds
HANDOVER: Command[HandedOver] = Command(("handover",), HandedOver, argument="bound", patience_s=120)
PREFLIGHT: Command[Preflight] = Command(("preflight",), Preflight, argument="volume")
STANDBY: Command[StandingBy] = Command(("standby", "begin"), StandingBy)
STANDBY_END: Command[StandingBy] = Command(("standby", "end"), StandingBy, changes=False)
STANDBY_WAIT: Command[StandingBy] = Command(("standby", "wait"), StandingBy, changes=False)
# takes part in the exclusion once there is something to do
TAKEOVER: Command[TakenOver] = Command(("takeover",), TakenOver, changes=False)
STACK_COMPLETE: Command[Services] = Command(("stack", "complete"), Services, patience_s=300)
STACK_CHANGE: Command[Changed] = Command(("stack", "change"), Changed)
RELEASE: Command[Released] = Command(("release",), Released)
STATUS: Command[Status] = Command(("status",), Status, changes=False)
MAINTENANCE_ON: Command[Maintenance] = Command(("maintenance", "on"), Maintenance)
MAINTENANCE_OFF: Command[Maintenance] = Command(("maintenance", "off"), Maintenance)
MAINTENANCE_SHOW: Command[Maintenance] = Command(("maintenance", "show"), Maintenance, changes=False)
MAINTENANCE_SERVE: Command[Maintenance] = Command(("maintenance", "serve"), Maintenance, changes=False)
CERTIFICATE_ENSURE: Command[Ensured] = Command(("certificate", "ensure"), Ensured)
CERTIFICATE_RENEW: Command[Ensured] = Command(("certificate", "renew"), Ensured)
HOSTKEY_ROTATE: Command[HostKey] = Command(("hostkey", "rotate"), HostKey)
HOSTKEY_COMMIT: Command[HostKey] = Command(("hostkey", "commit"), HostKey)
# before a machine goes
LOGS_KEEP: Command[KeptLogs] = Command(("logs", "keep"), KeptLogs, changes=False)
ACCESS_LIST: Command[Access] = Command(("access", "list"), Access, changes=False)
ACCESS_ADD: Command[Access] = Command(("access", "add"), Access)
ACCESS_REMOVE: Command[Access] = Command(("access", "remove"), Access)
BACKUP_NOW: Command[Manifest] = Command(("backup", "now"), Manifest)
# before a restore: what is to be restored must not be what goes to make room
BACKUP_SAFETY: Command[Manifest] = Command(("backup", "safety"), Manifest)
BACKUP_DATABASE: Command[Manifest] = Command(("backup", "database"), Manifest)
BACKUP_MEDIA: Command[Manifest] = Command(("backup", "media"), Manifest)
BACKUP_LIST: Command[tuple[Manifest, ...]] = Command(("backup", "list"), tuple[Manifest, ...], changes=False)
BACKUP_PRUNE: Command[Pruned] = Command(("backup", "prune"), Pruned)
ARCHIVE: Command[Archive] = Command(("archive",), Archive, changes=False)
RESTORE: Command[Restored] = Command(("restore",), Restored, argument="id")
# data of another host's: what is there, one stream beside it each (contract/frames.py on stdin), and all in its place
INTAKE_LOOK: Command[Present] = Command(("intake", "look"), Present, changes=False)
INTAKE_DATABASE: Command[Loaded] = Command(("intake", "database"), Loaded, argument="name")
INTAKE_MEDIA: Command[Loaded] = Command(("intake", "media"), Loaded, argument="folder")
INTAKE_COMMIT: Command[Present] = Command(("intake", "commit"), Present)
# for a drill's machine: no way out, for ever; and the health gate from within, where no visitor comes
SEAL: Command[Sealed] = Command(("seal",), Sealed)
GATE: Command[Gate] = Command(("gate",), Gate, changes=False)
TIMERS_ENABLE: Command[Timers] = Command(("timers", "enable"), Timers)
TIMERS_DISABLE: Command[Timers] = Command(("timers", "disable"), Timers)
MAIL_CHECK: Command[MailServer] = Command(("mail", "check"), MailServer, changes=False)
MAIL_SEND: Command[MailSent] = Command(("mail", "send"), MailSent, changes=False, argument="address")
# they take no part in the exclusion: a check must never keep a redeploy waiting
ALERTS_CHECK: Command[Alerts] = Command(("alerts", "check"), Alerts, changes=False)
ALERTS_LIST: Command[Alerts] = Command(("alerts", "list"), Alerts, changes=False)
ALERTS_TEST: Command[AlertsTested] = Command(("alerts", "test"), AlertsTested, changes=False)
SERIES: Command[Series] = Command(("series",), Series, changes=False)

COMMANDS: dict[str, Command[Any]] = {
    command.name: command for command in list(globals().values()) if isinstance(command, Command)
}
