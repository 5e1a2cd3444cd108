"""Each part decides by what is there, and goes on from what an earlier run left: a killed deploy is run again."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from bootstrap.deployment import allowance, find, remote, rights, secrets
from bootstrap.deployment.environment import Environment
from bootstrap.images import changed
from bootstrap.images.bake import Workshop, build
from bootstrap.operations.create import plan, preflight
from bootstrap.operations.create import run as creating
from bootstrap.operations.deploy import way
from bootstrap.operations.redeploy import run as redeploying
from bootstrap.ports.cloud import Image
from bootstrap.stack import loading as stacks
from bootstrap_agent.contract import answers


@dataclass(frozen=True)
class Deployed:
    """`way` is what was done; `replaced` is the redeploy's report where there was one. `baked_s` is None when no image
    was due, and `why` says why it was, or not."""

    domain: str
    address: str
    way: str
    image: Image
    why: str
    files: tuple[str, ...]
    baked_s: float | None
    replaced: redeploying.Replaced | None


def deploy(
    env: Environment,
    shop: Workshop,
    *,
    build_size: str,
    keep_old: bool = False,
    attended: bool = True,
    ready: Callable[[Image], object] = lambda _: None,
) -> Deployed:
    """`attended`: a person is here, who can keep a key that is made. `ready` hears of the image before anything that
    serves is changed, and may raise."""
    deployment = find.find(env)
    way.check_keys(env, deployment, attended)
    _check(env, deployment)
    image, due, baked_s = _image(way.carried(env, deployment), deployment, shop, build_size)
    ready(image)
    deployment = find.find(env)
    what = way.of(env, deployment, image.id)
    replaced = None
    if what == way.REDEPLOY:
        named_otherwise = _names_differ(env, deployment)
        replaced = _replace(env, deployment, image, keep_old)
        if named_otherwise:
            # records and certificate are no part of a replacement
            env.progress.note("names have changed: records and certificate follow")
            _create(env, image)
    address = replaced.reserved_ip if replaced else _create(env, image).address
    return Deployed(env.settings.domain, address, what, image, due.why, due.files, baked_s, replaced)


def _check(env: Environment, deployment: find.Deployment) -> None:
    """Before minutes go into an image."""
    stack = stacks.load(env.settings.stack, env.settings.compose_files)
    secrets.check_given(stack, env.settings.domain, secrets.given(env, stack))
    if serving := deployment.live or deployment.candidate:
        plan.check_stack(env, serving, stack.name)
    if deployment.droplets:
        rights.check(env.cloud, rights.RESIZE if way.resizes(env, deployment) else rights.REDEPLOY)
    preflight.check_rights(env)


def _check_requests(env: Environment, deployment: find.Deployment, image_id: int | None) -> None:
    """Where a replacement would hold visitors, and none is under way, which only has to get to its end."""
    live, address = deployment.live, deployment.reserved_ip
    replaces = way.of(env, deployment, image_id) == way.REDEPLOY and not redeploying.under_way(env, deployment)
    if live is not None and address is not None and replaces:
        allowance.check_unless_down(env, live, address.ip, "a replacement")


def _image(
    env: Environment, deployment: find.Deployment, shop: Workshop, build_size: str
) -> tuple[Image, changed.Due, float | None]:
    """Minutes go into one that is due: what would be refused after them is refused before."""
    settings = env.settings
    stack = stacks.load(settings.stack, settings.compose_files)
    if settings.image is not None:
        image = plan.choose_image(env, stack.name)
        due = changed.Due(image, False, f"the settings name image {image.id}")
        env.progress.note(due.why)
        _check_requests(env, deployment, image.id)
        return image, due, None
    due = changed.due(shop.checkout, env.cloud, stack, settings.region)
    env.progress.note(f"{'an image is due' if due.is_due else 'no image is due'}: {due.why}")
    _check_requests(env, deployment, None if due.is_due or due.newest is None else due.newest.id)
    if not due.is_due:
        assert due.newest is not None, "without an image one is due"
        return due.newest, due, None
    built = build(
        shop, settings.stack, settings.compose_files, region=settings.region, size=build_size, if_changed=True
    )
    return built.image, due, built.seconds


def _replace(env: Environment, deployment: find.Deployment, image: Image, keep_old: bool) -> redeploying.Replaced:
    resize = way.resizes(env, deployment)

    def once() -> redeploying.Replaced:
        return redeploying.redeploy(env, image_id=image.id, keep_old=keep_old, resize=resize)

    report = once()
    if report.resumed and report.new.image != image.name:
        # what an earlier run had begun came first, with the image of then
        report = once()
    return report


def _create(env: Environment, image: Image) -> creating.Created:
    """Makes what is not there, and brings records, certificate and values after the settings where it is."""
    return creating.create(way.with_image(way.carried(env, find.find(env)), image.id))


def _names_differ(env: Environment, deployment: find.Deployment) -> bool:
    if deployment.live is None or "names" not in env.settings.model_fields_set:
        return False
    with closing(remote.connect(env, deployment.live)) as host:
        known = remote.agent(host, answers.INFO).deployment
    return known is not None and known.names != env.settings.names
