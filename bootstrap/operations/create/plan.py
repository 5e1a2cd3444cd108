"""Everything that can be known before anything is created: what will exist, what it costs, whether it can work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from bootstrap.deployment import cost, find, secrets, sshkey
from bootstrap.deployment.environment import Environment
from bootstrap.errors import BootstrapError, ConflictError, CredentialsError, NotFoundError, UsageError
from bootstrap.images import provenance
from bootstrap.images.bake import STACK_TAG, stack_of
from bootstrap.operations.create import preflight
from bootstrap.operations.restore import choose_backup, order_of
from bootstrap.ports.cloud import Droplet, Image, Size
from bootstrap.settings import Settings
from bootstrap.settings.parts import SPACES_REGIONS
from bootstrap.stack import loading as stacks
from bootstrap.stack.model import Stack
from bootstrap_agent.contract.deployment import Spaces


@dataclass(frozen=True)
class Source:
    """Another deployment, whose backup this one starts from: its backups are read, and nothing of it is changed. No
    value of its `.env.production` and no certificate comes along."""

    env: Environment
    sanitise: bool

    @property
    def place(self) -> Spaces:
        of = self.env.settings
        return Spaces(of.spaces_endpoint, of.spaces_region, of.bucket, of.prefix)


@dataclass(frozen=True)
class Plan:
    """`image` is None when a droplet runs already and no image is needed; `from_backup` was found in the bucket."""

    stack: Stack
    deployment: find.Deployment
    size: Size
    image: Image | None
    given: Mapping[str, str]
    costs: tuple[cost.Item, ...]
    # the account's address
    owner: str
    from_backup: str | None = None
    to: datetime | None = None
    source: Source | None = None


def check(
    env: Environment, from_backup: str | None = None, to: datetime | None = None, source: Source | None = None
) -> Plan:
    """Raises the first thing that would stop `create`; changes nothing."""
    preflight.check_rights(env)
    return make(env, from_backup, to, source)


def make(
    env: Environment, from_backup: str | None = None, to: datetime | None = None, source: Source | None = None
) -> Plan:
    """The same, of a token whose rights are known."""
    with env.progress.step("settings, account, size, image and deployment"):
        return _check(env, from_backup, to, source)


def _check(env: Environment, from_backup: str | None, to: datetime | None, source: Source | None) -> Plan:
    settings = env.settings
    loaded = stacks.load(settings.stack, settings.compose_files)
    given = secrets.given(env, loaded)
    secrets.check_given(loaded, settings.domain, given)
    sshkey.check(settings.ssh_key)
    account = env.cloud.account()
    if account.status == "locked":
        raise CredentialsError(f"the account of {account.email} is locked", "see the control panel")
    size = choose_size(env)
    _check_spaces(env)
    if source:
        _check_source(env, loaded, source)
    if from_backup:
        _check_backup(source.env if source else env, from_backup, to)
    held = find.all_there_is(env.cloud)
    deployment = find.find(env, held)
    runs = check_stack(env, deployment.live, loaded.name) if deployment.live else None
    if deployment.volume and deployment.volume.region != settings.region:
        raise ConflictError(
            f"the data volume of {settings.domain} is in {deployment.volume.region}, not in {settings.region}",
            f"set `region: {deployment.volume.region}`, or delete the volume: bootstrap destroy --volume",
        )
    preflight.check(env, account, held, deployment)
    image = None if deployment.live else choose_image(env, loaded.name, size)
    volume_gb = deployment.volume.size_gb if deployment.volume else settings.volume_size_gb
    costs = [
        *cost.items([size], volume_gb, backups=env.store is not None, uptime_check=settings.alerts.uptime_check),
        *cost.snapshots(known.size_gb if (known := image or runs) else None, volume_gb),
    ]
    return Plan(loaded, deployment, size, image, given, tuple(costs), account.email, from_backup, to, source)


def check_stack(env: Environment, running: Droplet, stack_name: str) -> Image | None:
    """A deployment keeps its stack: with another one's folder, it would get another one's settings and image. Returns
    the image that runs, unless it was deleted since."""
    image = next((image for image in env.cloud.images() if image.id == running.image_id), None)
    runs = stack_of(image) if image else None
    if runs not in (None, stack_name):
        raise ConflictError(
            f"{env.settings.domain} runs the stack {runs}, and {env.settings.stack} is {stack_name}",
            f"name the folder of {runs}: --stack DIR, or `stack:` in bootstrap.yaml",
        )
    return image


def choose_image(env: Environment, stack_name: str, size: Size | None = None) -> Image:
    """The one asked for, else the newest of this stack that is in the region and fits on the disk."""
    settings = env.settings
    if settings.image is not None:
        image = next((image for image in env.cloud.images() if image.id == settings.image), None)
        if image is None:
            raise NotFoundError(f"there is no image {settings.image}", "bootstrap image list")
        provenance.check_ours(image, stack_name)
        _check_image(image, settings.region, size)
        return image
    images = env.cloud.images(STACK_TAG + stack_name)
    if not images:
        raise NotFoundError(f"there is no image of {stack_name} yet", "bootstrap image build")
    problem: BootstrapError | None = None
    for image in images:
        try:
            _check_image(image, settings.region, size)
            return image
        except UsageError as error:
            problem = problem or error
    assert problem is not None
    raise problem


def _check_image(image: Image, region: str, size: Size | None) -> None:
    if image.regions and region not in image.regions:
        raise UsageError(
            f"image {image.name} is not in {region}, only in {', '.join(image.regions)}",
            f"bootstrap image build with `region: {region}`, or transfer it in the control panel",
        )
    if size and image.min_disk_gb > size.disk_gb:
        raise UsageError(
            f"image {image.name} needs a disk of {image.min_disk_gb} GB, size {size.slug} has {size.disk_gb}",
            "choose a larger --size",
        )


def choose_size(env: Environment) -> Size:
    settings = env.settings
    region = next((region for region in env.cloud.regions() if region.slug == settings.region), None)
    if region is None:
        known = ", ".join(sorted(region.slug for region in env.cloud.regions() if region.available))
        raise NotFoundError(f"there is no region {settings.region}", f"one of {known}")
    if not region.available:
        raise ConflictError(f"region {settings.region} takes no new droplets now", "choose another --region")
    if not region.has_volumes:
        raise NotFoundError(f"region {settings.region} has no volumes for the data", "choose another --region")
    size = next((size for size in env.cloud.sizes() if size.slug == settings.size), None)
    if size is None or settings.region not in size.regions:
        where = f" in {settings.region}" if size else ""
        raise NotFoundError(f"there is no size {settings.size}{where}", "https://slugs.do-api.dev")
    return size


def _check_spaces(env: Environment) -> None:
    """The key is right; the bucket may still be missing."""
    if env.store is None:
        return
    _check_spaces_region(env.settings)
    try:
        env.store.list(env.settings.prefix + "manifest_")
    except NotFoundError:
        return


def _check_spaces_region(settings: Settings) -> None:
    """Not every region has Spaces; another S3 server knows its own."""
    region = settings.spaces_region
    if settings.spaces.endpoint is not None or region in SPACES_REGIONS:
        return
    # a region is a city and a number
    near = [one for one in SPACES_REGIONS if one.rstrip("0123456789") == region.rstrip("0123456789")]
    raise UsageError(
        f"region {region} has no Spaces, so the backups would have no bucket",
        f"set `spaces: {{region: {near[0] if near else 'REGION'}}}`; Spaces are in {', '.join(SPACES_REGIONS)}",
    )


def _check_source(env: Environment, stack: Stack, source: Source) -> None:
    """Its people are not ours to write to, nor to be looked at by whoever sees a staging."""
    own, other = env.settings.domain, source.env.settings.domain
    if own == other:
        raise UsageError(f"{own} is that deployment itself", "leave out its name: --from-backup latest")
    if env.settings.mail:
        raise UsageError(f"a copy of {other} would send its mails from {own}", "`mail: off` in its bootstrap.yaml")
    if source.sanitise and not stack.bootstrap.sanitise:
        raise UsageError(
            f"the stack has no x-bootstrap.sanitise: {own} would serve the data of {other} as they are",
            "add one (docs/everyday.md), or confirm it: --unsanitised",
        )


def _check_backup(env: Environment, wanted: str, to: datetime | None) -> None:
    """Its absence, or that of its key, is told now, not when there is a droplet to fill."""
    if env.store is None:
        raise NotFoundError("no backup without a Spaces key", "set SPACES_ACCESS_KEY_ID and SPACES_SECRET_ACCESS_KEY")
    order_of(env, choose_backup(env, wanted, to), to)
