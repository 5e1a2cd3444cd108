"""Where an image comes from: that it is ours, of which commit, and how old its packages are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone

from bootstrap.errors import ConflictError, UsageError
from bootstrap.images.bake import GIT_TAG, STACK_TAG, TAG, packages_of, stack_of
from bootstrap.ports.checkout import Commit
from bootstrap.ports.cloud import Image

# the packages of an image are as old as what it was baked from; a droplet catches up by itself, but only after its boot
MAX_AGE_DAYS = 30


@dataclass(frozen=True)
class Provenance:
    commit: str
    age_days: int
    # None when it is the checkout's commit, or there is no checkout to compare it with
    differs: str | None

    @property
    def is_old(self) -> bool:
        return self.age_days > MAX_AGE_DAYS

    def __str__(self) -> str:
        return f"commit {self.commit[:7]}, {self.age_days} days old"


def check_ours(image: Image, stack_name: str) -> None:
    """A droplet needs what is baked into our images: any other would be made, and never answer as one of ours."""
    if TAG not in image.tags:
        raise UsageError(
            f"image {image.id} ({image.name}) was not baked by bootstrap: it lacks the tag {TAG}",
            f"bootstrap image list; one of ours from another account lost its tags: add {TAG}, {STACK_TAG}{stack_name}",
        )
    if stack_of(image) != stack_name:
        raise ConflictError(
            f"image {image.id} ({image.name}) holds the stack {stack_of(image) or '?'}, not {stack_name}",
            "bootstrap image list, or name its folder: --stack DIR",
        )


def of(image: Image, checkout: Commit | None) -> Provenance:
    commit = next((tag.removeprefix(GIT_TAG) for tag in image.tags if tag.startswith(GIT_TAG)), "unknown")
    return Provenance(commit, (datetime.now(timezone.utc) - packages_of(image)).days, _difference(commit, checkout))


def _difference(commit: str, checkout: Commit | None) -> str | None:
    if checkout is None or checkout.id == "unknown":
        return None
    if commit == "unknown":
        return "the image does not say which commit it was baked from"
    if commit != checkout.id:
        return f"the image was baked from commit {commit[:7]}, this checkout is at {checkout.id[:7]}"
    return "this checkout has uncommitted changes, which may not be in the image" if checkout.dirty else None
