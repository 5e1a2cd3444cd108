"""Each stream goes beside what is there while that is served; then all take its place at once, and the stack starts
with it: a run that ends before leaves nothing, and is run again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial

from bootstrap.deployment import find as finding
from bootstrap.deployment import gate, remote, rights
from bootstrap.deployment.environment import Environment
from bootstrap.deployment.lock import alone
from bootstrap.errors import ConflictError, HostError, NotFoundError, UsageError
from bootstrap.operations.backup import BACKUP_S
from bootstrap.operations.importing.sources import Source, check_dump, check_files, pieces
from bootstrap.operations.restore import back_up_after, back_up_first
from bootstrap.ports.host import Host
from bootstrap_agent.contract import answers
from bootstrap_agent.contract.answers import Loaded, Present

OLD = "bootstrap image build, then bootstrap redeploy"


@dataclass(frozen=True)
class Imported:
    """Database → table → rows as they are now; media folder → how many files."""

    databases: dict[str, dict[str, int]]
    media: dict[str, int]


def import_data(
    env: Environment,
    databases: Sequence[Source],
    media: Sequence[Source],
    *,
    replacing: bool = False,
    safely: bool = True,
    confirm: Callable[[str], object] = lambda _: None,
) -> Imported:
    """`confirm` hears what would be replaced, and may raise. Without `replacing` nothing ever is. ConflictError then,
    for what is not empty; UsageError for a source that cannot be one, before anything is asked."""
    for source in databases:
        check_dump(source)
    for source in media:
        check_files(source)
    rights.check(env.cloud, rights.BACKUP)
    with alone(env, "import") as locked:
        deployment, live = finding.find_live(locked)
        with closing(remote.connect(locked, live)) as host:
            wanted = _named(locked, host, databases, media)
            full = _full(_look(host), wanted)
            told = ", ".join(full.values())
            if full and not replacing:
                raise ConflictError(f"not empty: {told}", "to replace that, after a backup of it: --replace")
            if full:
                confirm(told)
                if safely:
                    back_up_first(locked, host, "to import all the same: --no-safety-backup")
            imported = _load(locked, host, wanted)
            health = remote.health_paths(host)
            _commit(locked, host, wanted, tuple(full))
        address = deployment.reserved_ip.ip if deployment.reserved_ip else live.public_ip
        if address is not None:
            with locked.progress.step("health from outside"):
                gate.wait_until_healthy(locked, health, address)
        if locked.store is not None:
            back_up_after(locked, live)
        return imported


@dataclass(frozen=True)
class _Wanted:
    """By name."""

    databases: dict[str, Source]
    media: dict[str, Source]


def _named(env: Environment, host: Host, databases: Sequence[Source], media: Sequence[Source]) -> _Wanted:
    info = remote.agent(host, answers.INFO)
    names = list(info.databases.names) if info.databases else []
    return _Wanted(
        _by_name(databases, names, "database", "--database"),
        _by_name(media, list(info.media), "media folder", "--media"),
    )


def _by_name(sources: Sequence[Source], known: list[str], what: str, option: str) -> dict[str, Source]:
    found: dict[str, Source] = {}
    for source in sources:
        if not known:
            raise NotFoundError(f"the stack on the droplet names no {what}", OLD)
        if source.name is None and len(known) > 1:
            raise UsageError(f"{source.path}: for which {what}?", f"{option} {known[0]}={source.path}")
        name = source.name or known[0]
        if name not in known:
            raise NotFoundError(f"the stack has no {what} {name}", f"one of {', '.join(known)}")
        if name in found:
            raise UsageError(f"two sources for {what} {name}", "name one")
        found[name] = replace(source, name=name)
    return found


def _look(host: Host) -> Present:
    try:
        return remote.agent(host, answers.INTAKE_LOOK, timeout_s=1800)
    except UsageError:
        raise HostError("the agent of this image is too old: it cannot import", OLD) from None


def _full(present: Present, wanted: _Wanted) -> dict[str, str]:
    """What would be replaced: name → in words."""
    told = {}
    for name in wanted.databases:
        tables = present.databases.get(name, {})
        first = sorted(tables, key=lambda table: -tables[table])[:3]
        more = f" and {len(tables) - len(first)} more tables" if len(tables) > len(first) else ""
        if tables:
            rows = ", ".join(f"{table} {tables[table]}" for table in first)
            told[name] = f"database {name} ({rows} rows{more})"
    for folder in wanted.media:
        if folder in present.media:
            before = f"{told[folder]}, " if folder in told else ""
            told[folder] = f"{before}{folder} ({present.media[folder]} files)"
    return told


def _load(env: Environment, host: Host, wanted: _Wanted) -> Imported:
    databases = {}
    for name, source in wanted.databases.items():
        databases[name] = dict(_send(env, host, answers.INTAKE_DATABASE, name, source).rows)
    media = {name: _send(env, host, answers.INTAKE_MEDIA, name, one).files for name, one in wanted.media.items()}
    return Imported(databases, media)


def _send(env: Environment, host: Host, command: answers.Command[Loaded], name: str, source: Source) -> Loaded:
    with env.progress.step(f"import of {name}: {source.told}"):
        fed = partial(remote.agent_fed, host, command, name, timeout_s=BACKUP_S)
        return remote.when_free(env, lambda: fed(pieces(source.path)))


def _commit(env: Environment, host: Host, wanted: _Wanted, confirmed: tuple[str, ...]) -> None:
    """What people write from now on where nothing was is theirs."""
    order = answers.IntakeOrder(tuple(wanted.databases), tuple(wanted.media), confirmed)
    try:
        with env.progress.step("what came takes its place"):
            remote.in_turn(env, host, answers.INTAKE_COMMIT, stdin=order, timeout_s=1800)
    finally:
        with env.progress.step("stack up"):
            remote.agent(host, answers.STACK_UP, timeout_s=remote.STACK_S)
