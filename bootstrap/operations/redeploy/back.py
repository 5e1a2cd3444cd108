"""The way back: the actions that give volume and traffic to the old droplet again, each safe to run again."""

from __future__ import annotations

from contextlib import suppress

from bootstrap.deployment import find as finding
from bootstrap.deployment import remote
from bootstrap.errors import BootstrapError, CloudError, UsageError
from bootstrap.operations.redeploy import copies, exchange
from bootstrap.operations.redeploy.forward import HEALTH_S, VOLUME_S
from bootstrap.operations.redeploy.replacement import Replacement
from bootstrap_agent.contract import answers


def stop_candidate(work: Replacement) -> None:
    """Cleanly if it can be, else by its power: either way it no longer writes."""
    if work.new is None or work.volume_at() != work.new.id:
        return
    try:
        host = work.host(work.new)
        with suppress(UsageError):
            # an agent of an earlier image does nothing by itself
            remote.agent(host, answers.STANDBY_END)
        remote.agent(host, answers.STACK_DOWN, timeout_s=remote.STACK_S)
        remote.agent(host, answers.VOLUME_UNMOUNT, timeout_s=VOLUME_S)
    except BootstrapError as error:
        work.env.progress.warn(f"the candidate does not stop cleanly, so it is powered off: {error.message}")
        work.env.cloud.shutdown_droplet(work.new.id)


def return_volume(work: Replacement) -> None:
    """And the address, wherever it is: the old droplet holds who comes until it serves, and so did the candidate."""
    exchange.put_back(work)
    if work.volume_at() == work.old_droplet().id:
        _await_detachment(work)
    work.attach(work.old_droplet(), away_from=work.new, with_address=True)


def _await_detachment(work: Replacement) -> None:
    """One may have been asked for, and its answer lost: nobody is to serve on what is about to leave. Where the cloud
    cannot say, people who wait count more."""
    try:
        work.env.cloud.wait_until_quiet([], work.volume.id)
    except CloudError as error:
        work.env.progress.warn(f"whether {work.volume.name} is about to leave is not known: {error.message}")


def start_live(work: Replacement) -> None:
    old = work.old_droplet()
    host = work.host(old)
    remote.agent(host, answers.VOLUME_MOUNT, timeout_s=VOLUME_S)
    remote.agent(host, answers.STACK_UP, timeout_s=remote.STACK_S)
    work.hold_address(old)
    work.gate(work.address, HEALTH_S)
    remote.agent(host, answers.TIMERS_ENABLE)


def discard_candidate(work: Replacement) -> None:
    """By its role: one that failed while it was created is not known here yet."""
    copies.delete(work)
    for droplet in work.env.cloud.droplets(work.role(finding.CANDIDATE)):
        if finding.carries(work.env.settings, droplet, finding.RETIRED):
            if droplet.status != "off":
                work.env.cloud.shutdown_droplet(droplet.id)
            work.env.cloud.untag_droplet(droplet.id, work.role(finding.CANDIDATE))
        else:
            work.delete(droplet)
    for what in (finding.CANDIDATE, finding.FIRST_CONTACT):
        work.env.cloud.drop_tag(work.role(what))
    if work.old is not None:
        # deleting the address's earlier owner has been seen to unassign it (terraform-provider-digitalocean#147)
        work.hold_address(work.old)
