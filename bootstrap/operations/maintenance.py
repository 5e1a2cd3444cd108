"""`bootstrap maintenance`: visitors are led to a page that asks them to come again; nothing of the stack is touched."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from ipaddress import ip_address

from bootstrap.deployment import find, remote, rights
from bootstrap.deployment.environment import Environment
from bootstrap.deployment.lock import alone
from bootstrap.errors import HostError, UsageError
from bootstrap.ports.host import Host
from bootstrap_agent.contract import answers
from bootstrap_agent.contract.answers import A, Command, Maintenance, MaintenanceOrder

# a page that people read, and no more
LONGEST = 256 * 1024


def on(
    env: Environment, *, allow: Sequence[str] = (), retry_after_s: int = 300, page: str | None = None
) -> Maintenance:
    """This computer is let through, by the address that it has for the droplet, and `allow`; so is who was before."""
    if page is not None and len(page.encode()) > LONGEST:
        raise UsageError(f"the page has more than {LONGEST // 1024} KiB", "leave pictures out: nothing else is served")
    rights.check(env.cloud, rights.BACKUP)
    with alone(env, "maintenance") as locked:
        _, live = find.find_live(locked)
        with closing(remote.connect(locked, live)) as host, locked.progress.step("visitors are led to the page"):
            order = MaintenanceOrder((*_own_address(host), *allow), retry_after_s, page)
            return _ask(host, answers.MAINTENANCE_ON, order)


def off(env: Environment) -> Maintenance:
    rights.check(env.cloud, rights.BACKUP)
    with alone(env, "maintenance") as locked:
        _, live = find.find_live(locked)
        with closing(remote.connect(locked, live)) as host, locked.progress.step("visitors come in"):
            return _ask(host, answers.MAINTENANCE_OFF)


def show(env: Environment) -> Maintenance:
    with remote.live(env) as host:
        return _ask(host, answers.MAINTENANCE_SHOW)


def _own_address(host: Host) -> tuple[str, ...]:
    """As sshd sees it: `203.0.113.7 50312 198.51.100.4 22`. None where a jump host hides it."""
    said = host.run(["printenv", "SSH_CONNECTION"], check=False).stdout.split()
    try:
        return (str(ip_address(said[0])),) if said else ()
    except ValueError:
        return ()


def _ask(host: Host, command: Command[A], order: MaintenanceOrder | None = None) -> A:
    try:
        return remote.agent(host, command, stdin=order)
    except UsageError as error:
        if "invalid choice" not in error.message:
            raise
        remedy = "bootstrap image build, then bootstrap redeploy"
        raise HostError("the agent on the droplet is too old to know maintenance", remedy) from None
