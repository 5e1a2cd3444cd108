"""What differs from what was baked: whether an image is due, by the hash of all that goes in, and which files are why.

The image tells a hash only. Its files are told by the computer that baked it, which remembers them, or else by git."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bootstrap.images.inputs import Inputs, collect
from bootstrap.images.workshop import value
from bootstrap.ports.checkout import Checkout
from bootstrap.ports.cloud import Cloud, Image
from bootstrap.scratch import Scratch
from bootstrap.stack.model import Stack

TAG = "bootstrap-image"
STACK_TAG, GIT_TAG, SOURCE_TAG = f"{TAG}:", f"{TAG}-git:", f"{TAG}-src:"
# folders of the checkout that an image is made of, beside the stack
SOURCES = ("packer", "agent")
SHOWN = 6


def newest_of(cloud: Cloud, stack: Stack, region: str) -> Image | None:
    images = cloud.images(STACK_TAG + stack.name)
    return next((image for image in images if not image.regions or region in image.regions), None)


def is_of(image: Image, inputs: Inputs) -> bool:
    """Was it baked from just these?"""
    return value(image, SOURCE_TAG) == inputs.hash


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
    newest = newest_of(cloud, stack, region)
    if newest is None:
        return Due(None, True, f"there is no image of {stack.name} in {region} yet")
    with Scratch("image") as folder:
        same = is_of(newest, collect(checkout, stack, checkout.wheel(Path(folder))))
    if same:
        return Due(newest, False, f"nothing has changed since {newest.name} was baked")
    commit = value(newest, GIT_TAG) or "unknown"
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


def remember(state_dir: Path, stack: str, inputs: Inputs) -> None:
    path = _path(state_dir, stack)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"hash": inputs.hash, "files": inputs.digests}))


def since(state_dir: Path, stack: str, newest: Image, inputs: Inputs) -> str | None:
    """In one line; None when it was not this computer that baked `newest`, or something else after it."""
    try:
        last = json.loads(_path(state_dir, stack).read_text())
        before: Mapping[str, str] = last["files"]
        known = last["hash"] == value(newest, SOURCE_TAG)
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    return _told(before, inputs.digests) if known else None


def _told(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    marks = {
        **{name: "" for name in now if before.get(name) != now[name]},
        **{name: " (new)" for name in now if name not in before},
        **{name: " (gone)" for name in before if name not in now},
    }
    own = [f"{name.removeprefix('stack/')}{marks[name]}" for name in sorted(marks) if name.startswith("stack/")]
    parts = own[:SHOWN] + ([f"{len(own) - SHOWN} files more"] if len(own) > SHOWN else [])
    if len(own) < len(marks):
        parts.append("bootstrap itself")
    return ", ".join(parts) or "nothing"


def _path(state_dir: Path, stack: str) -> Path:
    return state_dir / "baked" / f"{stack}.json"
