"""A ready droplet: created, reached over its pinned host key, set up by cloud-init, with a host key of its own.

`create` and `redeploy` share this. Every step may be killed and run again: the droplet is found by its role.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from bootstrap.deployment import cloudinit, hostkeys, people, remote
from bootstrap.deployment.environment import Environment
from bootstrap.deployment.find import FIRST_CONTACT, carries, resource_name, tag
from bootstrap.deployment.sshkey import Keypair
from bootstrap.errors import CloudError, HostError, KeptOutError, NotFoundError
from bootstrap.ports.cloud import VPC, Droplet, DropletSpec, FirewallRule, Image, SSHKey
from bootstrap.ports.host import Host
from bootstrap.settings import Settings
from bootstrap.userdata import render
from bootstrap_agent.contract import answers
from bootstrap_agent.waiting import until

BOOT_S = 300
# for a machine that had its time to boot in an earlier run
SECOND_LOOK_S = 30
RELOAD_S = 60


@dataclass(frozen=True)
class Placement:
    """What a droplet is put into: it outlives every droplet."""

    key: SSHKey
    public_key: str
    vpc: VPC
    recipient: str | None
    # lines of authorized_keys: who else may log in
    people: tuple[str, ...] = ()


def prepare_placement(env: Environment, keypair: Keypair, recipient: str | None) -> Placement:
    """SSH key, VPC and firewall: looked for first, created when absent."""
    with env.progress.step("ssh key, vpc and firewall"):
        keys = env.cloud.ssh_keys()
        key = _ensure_ssh_key(env, keypair, keys)
        vpc = _ensure_vpc(env)
        _ensure_firewall(env)
        others = [one for one in people.kept(env, keys) if one.fingerprint != keypair.fingerprint]
    return Placement(key, keypair.public, vpc, recipient, tuple(map(people.plain, others)))


def prepare_droplet(
    env: Environment,
    placement: Placement,
    image: Image,
    role: str,
    *,
    volume_ids: Sequence[str] = (),
    extra_tags: Sequence[str] = (),
) -> tuple[Droplet, Host]:
    """The droplet of that role, ready for the agent's commands; an earlier run's is completed, not doubled, and one
    that never got right is replaced: user-data run once."""
    found = _with_role(env, role)
    if found is not None:
        try:
            return make_ready(env, found)
        except HostError as error:
            if not can_be_replaced(env, found, error):
                raise
            env.progress.warn(f"{error.message}; {found.name} holds nothing yet: a new one takes its place")
        discard(env, found, volume_ids)
    with env.progress.step(f"droplet {env.settings.size} from image {image.name}"):
        droplet = _create(env, placement, image, role, volume_ids, extra_tags)
    return make_ready(env, droplet)


def can_be_replaced(env: Environment, droplet: Droplet, error: HostError) -> bool:
    """Until the first contact has ended, nothing was handed to it: no secret, no data, no visitor. Where only the way
    there is closed, another droplet would be no better."""
    return carries(env.settings, droplet, FIRST_CONTACT) and not isinstance(error, KeptOutError)


def discard(env: Environment, droplet: Droplet, volume_ids: Iterable[str]) -> None:
    with env.progress.step(f"droplet {droplet.name} deleted"):
        env.cloud.shutdown_droplet(droplet.id)
        for volume_id in volume_ids:
            env.cloud.detach_volume(volume_id, droplet.id)
        # this very run may have pinned one more
        forget_pins(env, env.cloud.droplet(droplet.id) or droplet)
        env.cloud.delete_droplet(droplet.id)


def make_ready(env: Environment, droplet: Droplet) -> tuple[Droplet, Host]:
    """Powered on, reached, cloud-init done, host key its own."""
    patience_s = _patience_s(env, droplet)
    droplet = _until_active(env, droplet)
    host = remote.connect(env, droplet)
    with env.progress.step(f"first contact with {droplet.public_ip} over its pinned host key"):
        host.wait_until_reachable(timeout_s=patience_s)
    with env.progress.step("cloud-init"):
        cloudinit.wait_until_done(env, host)
    if carries(env.settings, droplet, FIRST_CONTACT):
        with env.progress.step("host key of user-data replaced"):
            droplet, host = rotate_host_key(env, droplet, host)
    return droplet, host


def _patience_s(env: Environment, droplet: Droplet) -> float:
    """One that was created long ago has booted by now, or never will; powered off, it boots now."""
    longest = env.settings.boot_timeout_s
    if droplet.status == "off":
        return longest
    left = longest - (datetime.now(timezone.utc) - droplet.created_at).total_seconds()
    return min(longest, max(left, SECOND_LOOK_S))


def rotate_host_key(env: Environment, droplet: Droplet, host: Host) -> tuple[Droplet, Host]:
    """Until the end both keys are pinned and FIRST_CONTACT stays on the droplet: killed at any point, run again. A
    key that was put in place already is replaced once more then, and its pin stays, too: the pins of all others go at
    the end of the run that gets through, as only then it is certain what sshd offers."""
    fresh = hostkeys.pin(remote.agent(host, answers.HOSTKEY_ROTATE).public_key)
    env.cloud.tag_droplet(droplet.id, fresh)
    remote.agent(host, answers.HOSTKEY_COMMIT)
    host.close()

    _wait_for_key(remote.connect(env, replace(droplet, tags=(*droplet.tags, fresh))), fresh)
    first_contact = tag(env.settings, FIRST_CONTACT)
    kept = [name for name in droplet.tags if not name.startswith(hostkeys.PIN) and name != first_contact]
    renewed = replace(droplet, tags=(*kept, fresh))
    host = remote.connect(env, renewed)
    host.wait_until_reachable(timeout_s=RELOAD_S)
    forget_pins(env, replace(droplet, tags=tuple(set(droplet.tags) - set(renewed.tags))))
    env.cloud.delete_tag(first_contact)
    return renewed, host


def _wait_for_key(host: Host, fresh: str) -> None:
    """sshd takes a moment to reload: it offers the old key until then, and for an instant nobody listens."""
    old = last = HostError(f"sshd still offers its old host key after {RELOAD_S} s", "run the same command again")

    def offered() -> bool:
        nonlocal last
        try:
            keys = host.host_keys()
        except HostError as error:
            if not error.retryable:
                raise
            last = error
            return False
        last = old
        return fresh in map(hostkeys.pin, keys)

    until(offered, timeout_s=RELOAD_S, late=lambda: last)
    host.close()


def forget_pins(env: Environment, droplet: Droplet) -> None:
    """A host-key pin is a tag of one droplet only: it goes with it, or the account fills with them. In one call: one
    that was taken off and not deleted, a later run would not find."""
    for pinned in droplet.tags:
        if pinned.startswith(hostkeys.PIN):
            env.cloud.delete_tag(pinned)


def _create(
    env: Environment,
    placement: Placement,
    image: Image,
    role: str,
    volume_ids: Sequence[str],
    extra_tags: Iterable[str],
) -> Droplet:
    settings = env.settings
    host_key = hostkeys.generate()
    spec = DropletSpec(
        name=f"{settings.machine_name}-{datetime.now(timezone.utc):%Y%m%d-%H%M%S}",
        region=settings.region,
        size=settings.size,
        image_id=image.id,
        ssh_key_ids=(placement.key.id,),
        user_data=render.user_data(
            settings,
            host_key.private,
            host_key.public,
            placement.public_key,
            placement.recipient,
            placement.people,
        ),
        vpc_uuid=placement.vpc.id,
        volume_ids=tuple(volume_ids),
        # the firewall guards the first tag, so the droplet is never without it
        tags=(
            tag(settings),
            tag(settings, role),
            hostkeys.pin(host_key.public),
            tag(settings, FIRST_CONTACT),
            *extra_tags,
        ),
        metrics_agent=settings.alerts.metrics_agent,
    )
    return env.cloud.create_droplet(spec)


def _with_role(env: Environment, role: str) -> Droplet | None:
    found = env.cloud.droplets(tag(env.settings, role))
    return found[0] if found else None


def _until_active(env: Environment, droplet: Droplet) -> Droplet:
    """An earlier run may have left it being created, or someone powered it off. Not before its first contact: what
    failed in the first boot, cloud-init does not try in the second, and then finds nothing wrong."""
    if droplet.status == "off" and carries(env.settings, droplet, FIRST_CONTACT):
        raise HostError(f"droplet {droplet.name} is off before its first contact", "run the same command again")
    if droplet.status == "off":
        with env.progress.step(f"power on {droplet.name}"):
            env.cloud.power_on_droplet(droplet.id)

    def active() -> Droplet | None:
        nonlocal droplet
        if droplet.status != "active" or droplet.public_ip is None:
            found = env.cloud.droplet(droplet.id)
            if found is None:
                gone = f"droplet {droplet.name} went away while it was created"
                raise NotFoundError(gone, "run the same command again")
            droplet = found
        return droplet if droplet.status == "active" and droplet.public_ip is not None else None

    def late() -> CloudError:
        return CloudError(f"droplet {droplet.name} is {droplet.status} for {BOOT_S} s", "look at it, then run again")

    return until(active, timeout_s=BOOT_S, pause_s=1, late=late)


def _ensure_ssh_key(env: Environment, keypair: Keypair, keys: Sequence[SSHKey]) -> SSHKey:
    for key in keys:
        if key.fingerprint == keypair.fingerprint:
            return key
    return env.cloud.create_ssh_key(keypair.name, keypair.public)


def _ensure_vpc(env: Environment) -> VPC:
    name = f"bootstrap-{env.settings.region}"
    for vpc in env.cloud.vpcs():
        if vpc.name == name:
            return vpc
    return env.cloud.create_vpc(name, env.settings.region)


def firewall_rules(settings: Settings) -> tuple[FirewallRule, ...]:
    anyone, ssh = ("0.0.0.0/0", "::/0"), FirewallRule("tcp", "22", settings.ssh_from)
    if not settings.is_served:
        return (ssh,)
    return (
        ssh,
        FirewallRule("tcp", "80", anyone),
        FirewallRule("tcp", "443", anyone),
        FirewallRule("icmp", "all", anyone),
    )


def _ensure_firewall(env: Environment) -> None:
    env.cloud.put_firewall(resource_name(env.settings), firewall_rules(env.settings), [tag(env.settings)])
