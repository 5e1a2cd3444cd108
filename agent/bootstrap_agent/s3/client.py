"""boto3's client for Spaces, and how long it asks again. boto3 is imported when it is used: it takes a while."""

from __future__ import annotations

import base64
import hashlib
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 15.0
_BUSY_STATUS = frozenset({429, 500, 502, 503, 504})
_BUSY_CODES = frozenset({"RequestTimeout", "SlowDown"})
_BEGUN = "bootstrap_begun"


@dataclass(frozen=True)
class Patience:
    """Seconds. A request is sent again, with growing pauses, until `wait_s` after it was first sent, while the server
    is out of reach, cuts the connection, or says that it is busy. `connect_s` for a connection, `silence_s` for one on
    which nothing comes: so a server that is frozen costs at most the sum of the three."""

    wait_s: float
    connect_s: float
    silence_s: float

    def pauses(self) -> Iterator[float]:
        """What to wait before the next attempt; ends when it is time to give up."""
        begun, attempts = time.monotonic(), 0
        while (pause := self.pause(attempts, begun)) is not None:
            yield pause
            attempts += 1

    def pause(self, attempts: int, begun: float) -> float | None:
        """After so many attempts since then; None: give up. The last attempt is made at the deadline itself."""
        left = self.wait_s - (time.monotonic() - begun)
        if left <= 0:
            return None
        grown = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(attempts, 10))
        # many droplets that lost the same server do not come back at once
        return min(left, grown * random.uniform(0.5, 1))  # noqa: S311


# a backup of hours outlives five minutes without a server; one that is frozen costs six minutes
TRANSFER = Patience(wait_s=300, connect_s=10, silence_s=60)
# somebody sits before it
COMMAND = Patience(wait_s=30, connect_s=10, silence_s=30)
# asked once: a status, and what is done after a failure, which is to be told soon
QUESTION = Patience(wait_s=0, connect_s=3, silence_s=5)


def connect(endpoint: str, region: str, access_key: str, secret_key: str, patience: Patience) -> Any:
    """Safe to use in several threads."""
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=patience.connect_s,
        read_timeout=patience.silence_s,
        # botocore counts attempts, six of which are over in 1.3 s: ours below goes by the clock
        retries={"mode": "standard", "total_max_attempts": 1},
        # ENDPOINT/BUCKET/KEY. boto3 does so by itself where an endpoint is given, unless ~/.aws/config says `virtual`:
        # then BUCKET.ENDPOINT, a name that the local cloud lacks, and that the certificate
        # *.REGION.digitaloceanspaces.com does not cover when the bucket's name holds a dot. Spaces takes both: the
        # boto3 example of DigitalOcean's reference, https://developers.digitalocean.com/documentation/spaces/ (seen
        # 2026-11-29), makes a bucket in this style.
        s3={"addressing_style": "path"},
        # Spaces wants no checksum trailers, which newer boto3 sends by itself
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        config=config,
    )
    events = client.meta.events
    events.register("before-call.s3", _begin)
    events.register("before-call.s3.PutBucketLifecycleConfiguration", _add_md5)
    events.register_first("needs-retry.s3", _ask_again(patience))
    return client


def _begin(context: dict[str, Any], **_: Any) -> None:
    context[_BEGUN] = time.monotonic()


def _ask_again(patience: Patience) -> Callable[..., float | None]:
    """botocore's own hook: seconds to sleep before the request is sent again, or None."""

    def decide(
        attempts: int, response: Any, caught_exception: Exception | None, request_dict: dict[str, Any], **_: Any
    ) -> float | None:
        if not _passes(response, caught_exception):
            return None
        return patience.pause(attempts - 1, request_dict["context"][_BEGUN])

    return decide


def _passes(response: Any, error: Exception | None) -> bool:
    """May the same request succeed later?"""
    from botocore.exceptions import ConnectionError as NotConnected
    from botocore.exceptions import HTTPClientError, SSLError

    if error is not None:
        # a certificate gets no better by waiting
        return isinstance(error, NotConnected | HTTPClientError) and not (
            isinstance(error, SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error)
        )
    answer, parsed = response
    return answer.status_code in _BUSY_STATUS or parsed.get("Error", {}).get("Code") in _BUSY_CODES


def _add_md5(params: dict[str, Any], **_: Any) -> None:
    """Ceph, which Spaces is made of, long refused rules without this header, and newer boto3 sends another checksum."""
    digest = hashlib.md5(params["body"], usedforsecurity=False).digest()
    params["headers"]["Content-MD5"] = base64.b64encode(digest).decode()
