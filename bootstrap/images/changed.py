"""Whether an image is due, and why: what would go into one, beside what went into the newest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bootstrap.images.bake import GIT_TAG, SOURCE_TAG, SOURCES, STACK_TAG
from bootstrap.images.inputs import collect
from bootstrap.ports.checkout import Checkout
from bootstrap.ports.cloud import Cloud, Image
from bootstrap.scratch import Scratch
from bootstrap.stack.model import Stack


@dataclass(frozen=True)
class Due:
    """`newest` is the stack's newest image in the region. `files` differ from the commit that it was baked from: to
    tell a person, as the decision is made by hashes; empty where git does not know."""

    newest: Image | None
    is_due: bool
    why: str
    files: tuple[str, ...] = ()


def due(checkout: Checkout, cloud: Cloud, stack: Stack, region: str) -> Due:
    """Builds the agent's wheel; asks the cloud for its images, and changes nothing."""
    newest = next((i for i in cloud.images(STACK_TAG + stack.name) if not i.regions or region in i.regions), None)
    if newest is None:
        return Due(None, True, f"there is no image of {stack.name} in {region} yet")
    with Scratch("image") as folder:
        wanted = collect(checkout, stack, checkout.wheel(Path(folder))).hash
    if SOURCE_TAG + wanted in newest.tags:
        return Due(newest, False, f"nothing has changed since {newest.name} was baked")
    commit = next((tag.removeprefix(GIT_TAG) for tag in newest.tags if tag.startswith(GIT_TAG)), "unknown")
    files = checkout.changed(commit, [*(checkout.root / name for name in SOURCES), stack.folder])
    return Due(newest, True, _why(newest, commit, files), tuple(files or ()))


def _why(newest: Image, commit: str, files: Sequence[str] | None) -> str:
    if files is None:
        return f"what goes in differs from {newest.name}; which files, git does not know here (commit {commit[:7]})"
    if not files:
        # baked from a checkout with changes that are gone, or by another version of bootstrap
        return f"what goes in differs from {newest.name}, and no file that git knows from commit {commit[:7]}"
    what = "1 file differs" if len(files) == 1 else f"{len(files)} files differ"
    return f"{what} from commit {commit[:7]}, which {newest.name} was baked from"
