"""How many requests the token may still make: looked at before visitors wait for what needs some.

A token has 5000 an hour, for all that uses it. One that has used them up in the middle of a replacement ends it there.
"""

from __future__ import annotations

from bootstrap.errors import CloudError
from bootstrap.ports.cloud import Cloud

# From its `await quiet` to its end a replacement makes some 60, also where lists are behind and events pending
# (tests/contract/cloud/test_allowance.py). On top: repetitions, 20 a minute for an event that takes its time, the way
# back, and whatever else goes on using this token meanwhile.
NEEDED = 300


def check(cloud: Cloud, what: str) -> None:
    """CloudError when too few are left for `what`, which nobody has to wait for yet."""
    left = cloud.allowance()
    if left is None or left.requests >= NEEDED:
        return
    raise CloudError(
        f"the token may make {left.requests} more requests of the API, and {what} is not begun with less than "
        f"{NEEDED}: each comes back an hour after it was made, the next one at {left.more_at:%H:%M:%S} UTC",
        "run the same command again then, at the latest in an hour; or with another token, which has its own 5000",
        retryable=True,
    )
