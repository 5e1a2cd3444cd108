"""`maintenance on`, `off` and `show`."""

from __future__ import annotations

import socket
from contextlib import closing
from datetime import datetime, timezone
from ipaddress import ip_network

from bootstrap_agent import detour, stopping, unavailable, volume
from bootstrap_agent.certificate import pair
from bootstrap_agent.compose import Compose
from bootstrap_agent.contract import units
from bootstrap_agent.contract.answers import Maintenance, MaintenanceOrder, MaintenanceState
from bootstrap_agent.contract.deployment import Deployment
from bootstrap_agent.contract.errors import HostError, UsageError
from bootstrap_agent.contract.paths import MAINTENANCE_PAGE
from bootstrap_agent.contract.release import Release
from bootstrap_agent.contract.stack import XBootstrap
from bootstrap_agent.run import note, run
from bootstrap_agent.waiting import until

READY_S = 20
# for answers under way; whoever takes longer is cut
QUIET_S = 10


def on(
    order: MaintenanceOrder, release: Release, deployment: Deployment, x: XBootstrap, compose: Compose
) -> Maintenance:
    """Again: page and time are those of now, and who was let in before still is."""
    volume.require_mounted()
    _check_certificate(deployment, x)
    before = detour.state()
    own = release.folder / MAINTENANCE_PAGE
    page = order.page or (own.read_text(errors="replace") if own.is_file() else None)
    wanted = MaintenanceState(
        since=before.since if before else datetime.now(timezone.utc).replace(microsecond=0),
        allow=_networks((*(before.allow if before else ()), *order.allow)),
        retry_after_s=order.retry_after_s,
        page=page or unavailable.page(deployment.domain),
    )
    detour.order(wanted)
    run(["systemctl", "--quiet", "restart", units.MAINTENANCE])
    until(_answers, timeout_s=READY_S, pause_s=0.1, late=lambda: _silent(before))
    detour.lead_away(wanted, old=False)
    _let_finish(x, compose)
    detour.lead_away(wanted, old=True)
    return show()


def off() -> Maintenance:
    volume.require_mounted()
    detour.end()
    return show()


def show() -> Maintenance:
    known = detour.state()
    if known is None:
        return Maintenance()
    return Maintenance(**{name: getattr(known, name) for name in Maintenance.__struct_fields__})


def _check_certificate(deployment: Deployment, x: XBootstrap) -> None:
    if x.certificate is None:
        raise UsageError(
            "the stack gets its certificate by itself, so nobody else can answer its visitors over TLS",
            "let its own proxy show the page",
        )
    if not (pair.lineage(deployment) / "privkey.pem").exists():
        raise HostError(f"there is no certificate of {deployment.domain} yet", "bootstrap create completes it")


def _networks(given: tuple[str, ...]) -> tuple[str, ...]:
    try:
        return tuple(dict.fromkeys(str(ip_network(one, strict=False)) for one in given))
    except ValueError as error:
        raise UsageError(f"--allow: {error}") from None


def _answers() -> bool:
    for port in (detour.HTTP, detour.HTTPS):
        with closing(socket.socket()) as asked:
            asked.settimeout(1)
            if asked.connect_ex(("127.0.0.1", port)) != 0:
                return False
    return True


def _silent(before: MaintenanceState | None) -> HostError:
    # whom nobody can tell is let in, unless they were led away before
    if before is None:
        detour.end()
    return HostError(f"{units.MAINTENANCE} does not answer", f"journalctl -u {units.MAINTENANCE} on the droplet")


def _let_finish(x: XBootstrap, compose: Compose) -> None:
    """Where the stack can tell when nobody is being answered any more."""
    quiet = x.handover.quiet if x.handover else None
    if quiet is not None and stopping.ask_quiet(compose, quiet, QUIET_S).code != 0:
        note("somebody was still being answered, and is asked to come again")
