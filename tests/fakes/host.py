"""Machines with an agent, faked. Every answer is a struct of the contract, so that none is made up here."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, Protocol

import pyrage
import yaml

from bootstrap.deployment import hostkeys
from bootstrap.errors import HostError, HostKeyError
from bootstrap.ports.host import HostAddress, HostResult
from bootstrap_agent.contract import answers, dotenv, form, frames, manifest, paths, units
from bootstrap_agent.contract.answers import COMMANDS
from bootstrap_agent.contract.deployment import Deployment
from bootstrap_agent.contract.manifest import DatabasePart, Manifest, MediaPart
from bootstrap_agent.contract.release import Release
from bootstrap_agent.contract.stack import Databases
from tests.fakes.cloud import EPOCH, Effects

RELEASE = Release(
    name="bootstrap-ticket-tracking-20261124100000-abc1234",
    stack_dir="/srv/stack",
    compose_file=paths.COMPOSE_FILE,
    images={},
    git_commit="abc1234",
    built_at=EPOCH,
)
DATABASES = Databases("db", {"auth_db": "auth_service", "ticket_db": "ticket_service"}, "DB_USER")
CERTIFIED_UNTIL = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(days=60)


@dataclass
class Machine:
    """What a droplet remembers, and what was sent to it. It is the `name`-th."""

    user_data: str
    offered: str
    name: str = "1"
    next_key: str | None = None
    env: dict[str, str] = field(default_factory=dict)
    credentials: answers.Credentials = field(default_factory=answers.Credentials)
    mounted: bool = False
    # why the data volume's file system does not follow its device
    no_growth: str | None = None
    # of the data volume's file system, once it is as large as the volume
    disk_bytes: int = 10
    up: bool = False
    # new visitors hear nothing
    held: bool = False
    healthy: bool = True
    # its stack says that it is up, and does not answer
    deaf: bool = False
    timers: bool = False
    # its kernel stands still
    dead: bool = False
    # it reaches nothing any more
    sealed: bool = False
    restored: list[str] = field(default_factory=list)
    stdin: list[str] = field(default_factory=list)
    # what its cloud-init failed with, and the logs of that
    boot_error: str | None = None
    boot_log: str = ""
    certificate: answers.Certificate = field(default_factory=lambda: answers.Certificate("Test", CERTIFIED_UNTIL))
    # what it says of its mail server, when it has one
    mail_problem: str | None = None
    # why it makes none
    no_backup: str | None = None
    # what its latest check found
    alarms: tuple[answers.Alarm, ...] = ()
    # an image of before there was `mail`, and `alerts`
    knows_mail: bool = True
    # what an import would replace: rows of databases, files of media
    holds: tuple[dict[str, dict[str, int]], dict[str, int]] = field(default_factory=lambda: ({}, {}))
    # what its release's jobs take on a copy of the data
    jobs_s: float = 0.0
    # it is well with the copy, and not with the data
    ill_in_the_end: bool = False
    # likewise, the parts of a replacement
    knows_handover: bool = True
    # likewise, that the address may come before the data
    knows_holding: bool = True

    # what its visitors meet instead of the stack
    away: answers.MaintenanceOrder | None = None
    # a value with which its stack does not come up
    dislikes: str | None = None
    # the lines of its authorized_keys
    let_in: list[str] = field(default_factory=list)
    # what it was told since it was made
    told: Deployment | None = None

    def __post_init__(self) -> None:
        (user,) = (yaml.safe_load(self.user_data) or {}).get("users") or [{}]
        self.let_in = list(user.get("ssh_authorized_keys", ()))

    @property
    def deployment(self) -> Deployment:
        """As cloud-init writes it, unless it was told something else."""
        if self.told:
            return self.told
        files = yaml.safe_load(self.user_data)["write_files"]
        (text,) = (file["content"] for file in files if file["path"] == str(paths.DEPLOYMENT))
        return form.decode(text, Deployment, closed=True)


class Around(Protocol):
    """What a machine needs of what surrounds it."""

    effects: Effects
    shell: dict[str, str | HostResult]
    certified: bool
    kept: dict[str, str]
    closed: int
    # what a restore says that it found, where it is not the usual
    restored: answers.Restored | None

    def at(self, ip: str) -> Machine: ...
    def has_volume(self, ip: str) -> bool: ...


class FakeHost:
    def __init__(self, world: Around, address: HostAddress) -> None:
        self._world, self._address = world, address

    @property
    def _machine(self) -> Machine:
        machine = self._world.at(self._address.ip)
        if machine.dead:
            raise HostError(f"{self._address.ip}: no answer", retryable=True)
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

    def feed(self, argv: Sequence[str], pieces: Iterable[bytes], *, timeout_s: float) -> HostResult:
        machine = self._machine
        sent = b"".join(frames.unframed(io.BytesIO(b"".join(pieces)))) if str(paths.AGENT) in argv else b"".join(pieces)
        return self._result(machine, argv, sent.decode(errors="replace"))

    def _result(self, machine: Machine, argv: Sequence[str], stdin: str | None) -> HostResult:
        if stdin is not None:
            machine.stdin.append(stdin)
        if argv[0] == "cloud-init":
            return HostResult(1 if machine.boot_error else 0, json.dumps(_cloud_init(machine.boot_error)), "")
        if "/var/log/cloud-init.log" in argv:
            return HostResult(0, machine.boot_log, "")
        if str(paths.AGENT) not in argv:
            printed = self._world.shell.get(argv[0], "")
            return printed if isinstance(printed, HostResult) else HostResult(0, printed, "")
        command = " ".join(argv[3:])
        with self._world.effects.call(f"{machine.name} {command}"):
            return self._agent(machine, command, stdin)

    def _agent(self, machine: Machine, command: str, stdin: str | None) -> HostResult:
        words = command.split()
        known = COMMANDS.get(command) or COMMANDS.get(" ".join(words[:-1]))
        assert known and len(words) == len(known.words) + bool(known.argument), f"the agent has no command {command}"
        if refused := self._refused(machine, command):
            return refused
        changed = self._world.effects.log.append
        if command == "hostkey rotate":
            machine.next_key = machine.next_key or hostkeys.generate().public
            changed(command)
        elif command == "hostkey commit":
            machine.offered, machine.next_key = machine.next_key or machine.offered, None
            changed(command)
        elif command == "deployment put" and stdin:
            machine.told = form.decode(stdin, Deployment, closed=True)
            changed(command)
        elif command in ("access add", "access remove"):
            lines = form.decode(stdin or "{}", answers.Access, closed=True).keys
            keys = {line.split()[1] for line in lines}
            left = [line for line in machine.let_in if line.split()[1] not in keys]
            machine.let_in = [*left, *lines] if command == "access add" else left
        elif command.startswith("maintenance o"):
            sent_in = form.decode(stdin or "{}", answers.MaintenanceOrder, closed=True)
            machine.away = sent_in if command == "maintenance on" else None
        elif command == "seal":
            machine.sealed, machine.credentials = True, answers.Credentials()
        elif command == "secrets put":
            sent = form.decode(stdin or "", answers.Secrets, closed=True)
            machine.env, machine.credentials = sent.env, sent.credentials
            changed(command)
        elif command.startswith("restore "):
            if form.decode(stdin or "{}", answers.RestoreOrder).settings:
                machine.env = machine.env or {"DJANGO_SECRET_KEY": "of before"}
            assert machine.mounted and machine.env
            machine.restored.append(command.split()[1])
            changed("restore")
        answer = self._answer(machine, words)
        if command == "certificate ensure" and not self._world.certified:
            self._world.certified = True
            changed(command)
        self._switch(machine, command)
        return HostResult(0, form.encode(answer), "")

    def _refused(self, machine: Machine, command: str) -> HostResult | None:
        if command == "secrets get" and not machine.env:
            return HostResult(4, "", "error: .env.production does not exist\n")
        if command in ("volume mount", "takeover") and not self._world.has_volume(self._address.ip):
            return HostResult(7, "", "error: the data volume is not attached\n")
        if command == "stack up" and not machine.mounted:
            return HostResult(7, "", "error: /srv/data is not mounted\n")
        if command.startswith("preflight ") and (machine.mounted or not self._world.has_volume(self._address.ip)):
            return HostResult(7, "", "error: the copy is not attached, or another volume is mounted\n")
        if command == "takeover" and machine.ill_in_the_end:
            machine.mounted = True
            return HostResult(8, "", "error: /serving/auth/: boom, for 60 s\n")
        if (command in ("stack up", "takeover") or command.startswith("preflight ")) and not machine.healthy:
            machine.held = machine.held and command == "takeover"
            return HostResult(8, "", "error: auth-service is not healthy: boom\nhint: bootstrap logs auth-service\n")
        if command == "stack change" and machine.dislikes in machine.env.values():
            return HostResult(8, "", "error: service auth-service is exited: boom\nhint: bootstrap logs auth-service\n")
        if command.startswith("backup ") and machine.no_backup:
            return HostResult(10, "", f"error: {machine.no_backup}\n")
        if command.startswith(("handover ", "preflight ", "standby ", "takeover")) and not machine.knows_handover:
            word = command.split()[0]
            return HostResult(2, "", f"bootstrap-agent: error: argument COMMAND: invalid choice: {word!r}\n")
        if command.startswith(("mail ", "alerts ", "maintenance ")) and not machine.knows_mail:
            word = command.split()[0]
            return HostResult(2, "", f"bootstrap-agent: error: argument COMMAND: invalid choice: {word!r}\n")
        return None

    def _switch(self, machine: Machine, command: str) -> None:
        if change := _SWITCHES.get(command):
            assert command != "stack up" or machine.env, "the stack needs its secrets"
            assert command != "volume unmount" or not machine.up, "unmounted below a running stack"
            if getattr(machine, change[0]) != change[1] and not (command == "stack up" and machine.deaf):
                setattr(machine, *change)
                self._world.effects.log.append(command)
        recipient = machine.deployment.backup.recipient
        if command in ("stack up", "stack complete") and recipient:
            whom = [pyrage.x25519.Recipient.from_str(recipient)]
            self._world.kept[machine.deployment.volume] = pyrage.encrypt(
                dotenv.render(machine.env).encode(), whom, armored=True
            ).decode()
        if command == "takeover":
            machine.mounted, machine.up, machine.sealed, machine.held = True, not machine.deaf, False, False
            self._world.effects.log.append(command)
        if command.startswith("preflight "):
            machine.sealed = True
        if command == "standby begin":
            machine.held = machine.knows_holding
        if command.startswith("handover "):
            machine.up = machine.mounted = machine.timers = False
            self._world.effects.log.append(command)
        if command in ("stack up", "stack down") or command.startswith("handover "):
            machine.held = command != "stack up"

    def _answer(self, machine: Machine, words: list[str]) -> object:
        match words:
            case ["info"]:
                well = ("/health/",), ("/serving/auth/",)
                return answers.Info(RELEASE, machine.deployment, "done", *well, DATABASES, ("media_files",))
            case ["status"]:
                state, health = ("running", "healthy") if machine.up else ("restarting", "unhealthy")
                return answers.Status(
                    healthy=machine.up,
                    services=(answers.Service("auth-service", state, health),),
                    certificate=machine.certificate,
                    backup=answers.BackupAge(None, None),
                    volume=answers.Usage(machine.mounted, 1, machine.disk_bytes),
                    alarms=machine.alarms,
                )
            case ["volume", action]:
                device = paths.device_of(machine.deployment.volume)
                return answers.Volume(action == "mount", str(device), formatted=False, problem=machine.no_growth)
            case ["deployment", "put"]:
                return answers.Written((str(paths.DEPLOYMENT),))
            case ["stack", "change"]:
                return answers.Changed(("auth-service",), 4.2)
            case ["stack", action]:
                running = (answers.Service("auth-service", "running", "healthy"),)
                return answers.Services(running if action == "up" else ())
            case ["secrets", "kept"]:
                return answers.Kept(self._world.kept.get(machine.deployment.volume))
            case ["preflight", _]:
                return answers.Preflight(
                    {"up": 20.0, "jobs": machine.jobs_s}, machine.jobs_s < 30, 3.0 + machine.jobs_s
                )
            case ["standby", action]:
                return answers.StandingBy(action == "begin", action == "begin" and machine.knows_holding)
            case ["maintenance", _]:
                away = machine.away
                return answers.Maintenance(EPOCH, away.allow, away.retry_after_s) if away else answers.Maintenance()
            case ["release"]:
                return answers.Released(True)
            case ["takeover"]:
                return answers.TakenOver({"mount": 0.2, "answer": 2.0}, ("/serving/auth/",), whole=False)
            case ["handover", _]:
                return answers.HandedOver({"ahead": 0.1, "stop": 1.2, "unmount": 0.1})
            case ["secrets", "get"]:
                return answers.Secrets(machine.env, machine.credentials)
            case ["secrets", "put"]:
                return answers.Written((f"{RELEASE.stack_dir}/{paths.ENV_FILE}", str(paths.CREDENTIALS)))
            case ["certificate", _]:
                return answers.Ensured("Test", CERTIFIED_UNTIL, changed=not self._world.certified)
            case ["hostkey", action]:
                return answers.HostKey(machine.next_key or "" if action == "rotate" else machine.offered)
            case ["timers", action]:
                return answers.Timers(action == "enable", units.TIMERS)
            case ["logs", "keep"]:
                return answers.KeptLogs("example_com/logs/20261124_020000_x.log.gz.age", 100)
            case ["access", _]:
                return answers.Access(tuple(machine.let_in))
            case ["backup", "list"]:
                return (_manifest("full"),)
            case ["backup", "prune"]:
                return answers.Pruned((), (_manifest("full").id,))
            case ["backup", kind]:
                return _manifest({"now": "full", "safety": "full"}.get(kind, kind))
            case ["archive"]:
                return answers.Archive(EPOCH)
            case ["restore", wanted]:
                return self._world.restored or answers.Restored(
                    wanted, {"auth_db": answers.RestoredDatabase(1, 3, {"public.user": 3})}, ("media_files",)
                )
            case ["intake", "look"] | ["intake", "commit"]:
                return answers.Present(*machine.holds)
            case ["intake", what, _]:
                return answers.Loaded({"public.user": 3}) if what == "database" else answers.Loaded(files=2)
            case ["seal"]:
                return answers.Sealed(True)
            case ["gate"]:
                return answers.Gate((answers.GateCheck("/health/", "status 502" if machine.deaf else None),))
            case ["mail", "check"]:
                if not (host := machine.env.get("DJANGO_EMAIL_HOST")):
                    return answers.MailServer(None, None, None)
                return answers.MailServer(host, int(machine.env["DJANGO_EMAIL_PORT"]), machine.mail_problem)
            case ["mail", "send", address]:
                return answers.MailSent("smtp.example.net", 2525, machine.env["DJANGO_EMAIL_FROM"], address, "<1@a>")
            case ["alerts", "test"]:
                to, pings = machine.deployment.alerts.email, bool(machine.credentials.ping_url)
                if not to or machine.mail_problem:
                    return answers.AlertsTested(None, machine.mail_problem, pings or None, None)
                sent = answers.MailSent("smtp.example.net", 2525, "no-reply@example.com", to, "<1@a>")
                return answers.AlertsTested(sent, None, pings or None, None)
            case ["alerts", _]:
                to, pings = machine.deployment.alerts.email, bool(machine.credentials.ping_url)
                return answers.Alerts(machine.alarms, EPOCH, to, pings)
            case ["series"]:
                at = int(EPOCH.timestamp())
                points = tuple(answers.Point(at + n * answers.SERIES_S, 10 + n, 30, 50 - n) for n in range(3))
                requests = (answers.Requests(at, 900, 9, 1),)
                return answers.Series(answers.SERIES_S, points, requests, "/srv/data/nginx_logs/access.log")
        raise AssertionError(f"no fake answer to {' '.join(words)}")

    def interactive(self, command: str, *, terminal: bool) -> int:
        self._world.effects.calls.append(command)
        return 0

    def listen(self, command: str, heard: Callable[[str], None]) -> int:
        self._world.effects.calls.append(command)
        for line in self._world.said:
            heard(line)
        return 0

    def wait_until_reachable(self, timeout_s: float) -> None:
        self.run(["true"])

    def tunnel(self, local: int, address: str, port: int, ready: Callable[[], None]) -> int:
        self._world.effects.calls.append(f"{local}:{address}:{port}")
        ready()
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


def _manifest(kind: str) -> Manifest:
    databases = {"auth_db": DatabasePart("d", 1, "0" * 64, {"public.user": 3})} if kind != "media" else {}
    media = MediaPart("m", 1, "0" * 64, ("media_files",)) if kind != "database" else None
    backup_id = "20261124_020000"
    return Manifest(
        id=backup_id,
        kind=kind,
        created_at=manifest.time_of(backup_id),
        databases=databases,
        media=media,
        release=RELEASE.name,
    )
