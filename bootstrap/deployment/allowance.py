"""How many requests the token may still make: looked at before visitors wait for what needs some.

A token has 5000 an hour, for all that uses it. One that has used them up in the middle of a replacement ends it there.
"""

from __future__ import annotations

from contextlib import closing

from bootstrap.deployment import gate, remote
from bootstrap.deployment.environment import Environment
from bootstrap.errors import BootstrapError, CloudError
from bootstrap.ports.cloud import Cloud, Droplet

# From its `await quiet` to its end a replacement makes some 60, also where lists are behind and events pending
# (tests/contract/cloud/test_allowance.py). On top: repetitions, 20 a minute for an event that takes its time, the way
# back, and whatever else goes on using this token meanwhile.
NEEDED = 300
# a site that answers does so within this
LOOK_S = 5


def check(cloud: Cloud, what: str) -> None:
    """CloudError when too few are left for `what`, which nobody has to wait for yet."""
    if few := _few(cloud, what):
        raise few


def check_unless_down(env: Environment, live: Droplet, address: str, what: str) -> None:
    """The same, and only a warning where the site does not answer: nobody is made to wait who does not wait already."""
    few = _few(env.cloud, what)
    if few is None:
        return
    if (silent := _silent(env, live, address)) is None:
        raise few
    env.progress.warn(f"{few.message}; begun all the same, as {env.settings.domain} does not answer: {silent}")


def _silent(env: Environment, live: Droplet, address: str) -> str | None:
    try:
        with closing(remote.connect(env, live)) as host:
            paths = remote.health_paths(host)
        gate.wait_until_healthy(env, paths, address, patience_s=LOOK_S)
    except BootstrapError as error:
        return error.message
    return None


def _few(cloud: Cloud, what: str) -> CloudError | None:
    left = cloud.allowance()
    if left is None or left.requests >= NEEDED:
        return None
    return CloudError(
        f"the token may make {left.requests} more requests of the API, and {what} is not begun with less than "
        f"{NEEDED}: each comes back an hour after it was made, the next one at {left.more_at:%H:%M:%S} UTC",
        f"run the same command again within the hour, not before {left.more_at:%H:%M} UTC, when the first comes back; "
        "or with another token, which has its own 5000",
        retryable=True,
    )
