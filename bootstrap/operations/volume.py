"""`bootstrap volume grow`: the data volume becomes larger while the site serves."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass

from bootstrap.deployment import cost, find, remote, rights
from bootstrap.deployment.environment import Environment
from bootstrap.deployment.lock import alone
from bootstrap.errors import HostError, NotFoundError, UsageError
from bootstrap.ports.host import Host
from bootstrap_agent.contract import answers
from bootstrap_agent.waiting import until

# the file system needs some of it for itself, and a volume is in GiB
ROUNDING = 0.9
# until the droplet sees it
SEEN_S = 60


@dataclass(frozen=True)
class Grown:
    """Sizes in GiB; `usable_gb` is the file system's, as the droplet sees it."""

    volume: str
    before_gb: int
    size_gb: int
    usable_gb: float
    usd_more: float


def grow(env: Environment, size_gb: int) -> Grown:
    """Never smaller. Again, with the same size: the file system follows, where an earlier run was killed between."""
    rights.check(env.cloud, rights.GROW)
    with alone(env, "volume") as locked:
        deployment, live = find.find_live(locked)
        volume = deployment.volume
        if volume is None:
            raise NotFoundError(f"the deployment of {env.settings.domain} has no data volume", "bootstrap status")
        if size_gb < volume.size_gb:
            raise UsageError(
                f"{volume.name} has {volume.size_gb} GiB, and no volume gets smaller", "name a larger size"
            )
        if locked.recorder:
            locked.recorder.add(from_gb=volume.size_gb, to_gb=size_gb)
        with locked.progress.step(f"volume {volume.name} from {volume.size_gb} to {size_gb} GiB"):
            locked.cloud.grow_volume(volume.id, size_gb)
        with closing(remote.connect(locked, live)) as host, locked.progress.step("its file system"):
            usable_gb = _used_whole(host, size_gb)
    more = round((size_gb - volume.size_gb) * cost.VOLUME_PER_GIB, 2)
    return Grown(volume.name, volume.size_gb, size_gb, usable_gb, more)


def _used_whole(host: Host, size_gb: int) -> float:
    """GiB of the file system, once the droplet's kernel has seen the larger device."""
    usable_gb = 0.0

    def whole() -> bool:
        nonlocal usable_gb
        # mounted already: what is left of it is to use all that is there
        if problem := remote.agent(host, answers.VOLUME_MOUNT, timeout_s=300).problem:
            raise HostError(
                f"the volume has {size_gb} GiB, its file system does not follow: {problem}",
                "run the same command again",
            )
        usage = remote.agent(host, answers.STATUS, timeout_s=60).volume
        usable_gb = round((usage.size_bytes or 0) / 2**30, 1)
        return usable_gb >= size_gb * ROUNDING

    def late() -> HostError:
        seen = f"the volume has {size_gb} GiB, and the droplet still sees {usable_gb}"
        return HostError(seen, "run the same command again; a reboot of the droplet sees it for certain")

    until(whole, timeout_s=SEEN_S, pause_s=1, late=late)
    return usable_gb
