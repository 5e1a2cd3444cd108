"""What would lose data at a redeploy, of services that are known to keep some: always an error."""

from __future__ import annotations

import re
from posixpath import normpath

from bootstrap.stack.compose_view import Mount, ServiceView, StackView
from bootstrap.stack.findings import ERROR, Finding, Findings
from bootstrap_agent.contract.paths import DATA


def data_folder(stack: StackView, service: ServiceView) -> Findings:
    """A database's folder is on a volume of its own; elsewhere its image makes one without a name, gone with the
    container."""
    folder, home = service.data_folder, service.image_volume
    if not service.long_running or folder is None or home is None:
        return
    where, mount = f"{service.where}.volumes", _covering(service.mounts, folder)
    remedy = f"mount a volume of x-bootstrap.volumes there: {service.name}_data:{home}"
    if mount is not None and _within(folder, home) and not _within(mount.target, home):
        what = f"{mount.target} is not where this image keeps its data, {home} is: lost at the next redeploy"
        yield Finding(ERROR, where, what, f"mount it there: {mount.source or service.name + '_data'}:{home}")
    elif mount is None or mount.kind == "tmpfs" or (mount.kind == "volume" and not mount.source):
        what = f"its data in {folder} are on no volume that has a name: lost at the next redeploy"
        yield Finding(ERROR, where, what, remedy)


def data_binds(stack: StackView, service: ServiceView) -> Findings:
    """By the place of the mount too: an image of one's own may be any database."""
    for mount in service.data_mounts:
        place = stack.place(mount.source)
        if mount.is_bind and not f"{place}/".startswith(f"{DATA}/"):
            what = f"{mount.source} holds a database, and a new droplet does not have it: lost at the next redeploy"
            name = re.sub(r"\W+", "_", service.name)
            remedy = f"use a volume: {name}_data:{mount.target}, with device: {DATA}/{name}_data"
            yield Finding(ERROR, f"{service.where}.volumes", what, remedy)


def whole_data_volume(stack: StackView, service: ServiceView) -> Findings:
    for mount in service.mounts:
        if mount.is_bind and stack.place(mount.source) == str(DATA):
            what = f"{mount.source} is the whole data volume: certificates' keys and all databases"
            yield Finding(ERROR, f"{service.where}.volumes", what, "mount a folder of it, by a volume of x-bootstrap")


def warm_without_data(stack: StackView, service: ServiceView) -> Findings:
    """It runs before the data are there, and until after they have gone."""
    if stack.field is None or stack.field.handover is None or service.name not in stack.field.handover.warm:
        return
    for mount in service.mounts:
        if mount.source in stack.field.volumes or f"{stack.place(mount.source)}/".startswith(f"{DATA}/"):
            what = f"is warm and mounts {mount.source} of the data volume: the volume could not leave"
            yield Finding(ERROR, service.where, what, "take it out of x-bootstrap.handover.warm")


def broker_name(stack: StackView, service: ServiceView) -> Findings:
    if service.product == "rabbitmq" and service.long_running and not service.body.get("hostname"):
        what = "keeps its messages under its host's name, which is a new one in every container: lost at a redeploy"
        yield Finding(ERROR, service.where, what, f"add `hostname: {service.name}`")


def _covering(mounts: list[Mount], folder: str) -> Mount | None:
    """The innermost mount that the folder is in."""
    around = [mount for mount in mounts if _within(folder, mount.target)]
    return max(around, key=lambda mount: len(normpath(mount.target)), default=None)


def _within(path: str, folder: str) -> bool:
    return f"{normpath(path)}/".startswith(f"{normpath(folder or '/').rstrip('/')}/")
