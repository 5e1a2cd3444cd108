"""How both sides speak to Spaces: arguments of botocore's Config, stated once."""

from __future__ import annotations

from typing import Any

CLIENT: dict[str, Any] = {
    # ENDPOINT/BUCKET/KEY. boto3 does so by itself where an endpoint is given, unless ~/.aws/config says `virtual`: then
    # BUCKET.ENDPOINT, a name that the local cloud lacks, and that the certificate *.REGION.digitaloceanspaces.com does
    # not cover when the bucket's name holds a dot. Spaces takes both: the boto3 example of DigitalOcean's reference,
    # https://developers.digitalocean.com/documentation/spaces/ (seen 2026-11-29), makes a bucket in this style.
    "s3": {"addressing_style": "path"},
    # Spaces wants no checksum trailers, which newer boto3 sends by itself
    "request_checksum_calculation": "when_required",
    "response_checksum_validation": "when_required",
}
