"""What goes into an image, when one is built, what is tagged and what is deleted: a cloud in memory, a Packer that
makes its snapshot there, a real checkout with git."""

from __future__ import annotations

import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, cast

import pytest

from bootstrap.adapters.checkout import GitCheckout
from bootstrap.errors import CloudError, ConflictError, NotFoundError
from bootstrap.operations import image as images
from bootstrap.ports.checkout import Commit
from bootstrap.ports.cloud import Cloud, Droplet, Image, SSHKey

TOKEN = "dop_v1_secret"


def ago(seconds: float) -> str:
    return datetime.fromtimestamp(time.time() - seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class MemoryCloud:
    snapshots: list[Image] = field(default_factory=list)
    machines: list[Droplet] = field(default_factory=list)
    keys: list[SSHKey] = field(default_factory=list)

    def images(self, tag: str | None = None) -> list[Image]:
        found = [image for image in self.snapshots if tag is None or tag in image.tags]
        return sorted(found, key=lambda image: image.created_at, reverse=True)

    def tag_image(self, image_id: int, tag: str) -> None:
        self.snapshots = [replace(i, tags=(*i.tags, tag)) if i.id == image_id else i for i in self.snapshots]

    def delete_image(self, image_id: int) -> None:
        self.snapshots = [image for image in self.snapshots if image.id != image_id]

    def droplets(self, tag: str | None = None) -> list[Droplet]:
        return [droplet for droplet in self.machines if tag is None or tag in droplet.tags]

    def delete_droplet(self, droplet_id: int) -> None:
        self.machines = [droplet for droplet in self.machines if droplet.id != droplet_id]

    def ssh_keys(self) -> list[SSHKey]:
        return self.keys

    def delete_ssh_key(self, key_id: int) -> None:
        self.keys = [key for key in self.keys if key.id != key_id]


@dataclass
class MemoryPacker:
    cloud: MemoryCloud
    variables: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    archive: dict[str, int] = field(default_factory=dict)
    error: CloudError | None = None

    def build(
        self, template: Path, *, variables: Mapping[str, Any], secrets: Mapping[str, str], line: Callable[[str], None]
    ) -> None:
        self.variables, self.secrets = variables, secrets
        with tarfile.open(variables["inputs"]) as tar:
            self.archive = {member.name: member.mode for member in tar.getmembers()}
        line("==> digitalocean.droplet: Creating droplet...")
        if self.error:
            raise self.error
        number = len(self.cloud.snapshots) + 1
        self.cloud.snapshots.append(
            Image(number, variables["snapshot_name"], ago(-number), regions=(variables["region"],))
        )


class Quiet:
    def __init__(self) -> None:
        self.notes: list[str] = []

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        yield

    def note(self, text: str) -> None:
        self.notes.append(text)

    def warn(self, text: str) -> None:
        self.notes.append(text)


class Checkout(GitCheckout):
    """Real but for the wheel, which takes a package index."""

    def wheel(self, into: Path) -> Path:
        path = into / "bootstrap-0-py3-none-any.whl"
        path.write_bytes(b"wheel")
        return path


def write(root: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project as git sees it: with its history, ignored files, and what somebody forgot in the stack."""
    project = Path(__file__).resolve().parents[3]
    root = tmp_path / "project"
    stack = {
        name: (project / "stack" / name).read_text() for name in ("docker-compose.prod.yml", ".env.production.example")
    }
    write(
        root,
        {
            **{f"stack/{name}": text for name, text in stack.items()},
            "stack/nginx/conf.d/site.conf": "server {}\n",
            "stack/nginx/ssl/privkey.pem": "private\n",
            "stack/.env.production": "DB_PASSWORD=hunter2\n",
            "stack/services/.env": "DB_PASSWORD=hunter2\n",
            "packer/droplet.pkr.hcl": "# template\n",
            "packer/files/lib.sh": "# lib\n",
            "packer/scripts/10-base.sh": "#!/bin/sh\n",
            "bootstrap/__init__.py": "",
            "bootstrap/errors.py": "# errors\n",
            "bootstrap/cli/main.py": "# runs on the laptop only\n",
            "bootstrap/agent/main.py": "# agent\n",
            "pyproject.toml": "[project]\n",
            ".gitignore": "__pycache__/\n",
            "bootstrap/agent/__pycache__/main.pyc": "cache",
        },
    )
    (root / "packer/scripts/10-base.sh").chmod(0o755)
    git = ["git", "-C", str(root), "-c", "user.name=t", "-c", "user.email=t@example.com"]
    for argv in (
        ["init", "-q"],
        ["add", "packer", "bootstrap", "pyproject.toml", ".gitignore"],
        ["commit", "-qm", "."],
    ):
        subprocess.run([*git, *argv], check=True)
    return root


@pytest.fixture
def cloud() -> MemoryCloud:
    return MemoryCloud()


@pytest.fixture
def shop(root: Path, cloud: MemoryCloud, tmp_path: Path) -> images.Workshop:
    return images.Workshop(
        cloud=cast(Cloud, cloud),
        packer=MemoryPacker(cloud),
        checkout=Checkout(root),
        progress=Quiet(),
        state_dir=tmp_path / "state",
        api_url="http://cloud.invalid",
        token=TOKEN,
    )


def build(shop: images.Workshop, root: Path, *, region: str = "nyc3", if_changed: bool = False) -> images.Built:
    return images.build(shop, root / "stack", region=region, size="s-2vcpu-2gb", if_changed=if_changed)


def packer(shop: images.Workshop) -> MemoryPacker:
    return cast(MemoryPacker, shop.packer)


def test_an_image_is_named_and_tagged_for_those_who_look_for_it(shop: images.Workshop, root: Path) -> None:
    built = build(shop, root)
    commit = shop.checkout.commit([]).id
    assert built.image.name.startswith("bootstrap-ticket-tracking-") and built.image.name.endswith(f"-{commit[:7]}")
    (found,) = shop.cloud.images("bootstrap-image:ticket-tracking")
    assert found == built.image
    assert {"bootstrap-image", f"bootstrap-image-git:{commit}"} < set(found.tags)
    assert packer(shop).variables["stack_dir"] == "/home/deploy/apps/Ticket-Tracking-System/Docker"
    assert TOKEN not in str(packer(shop).variables) and packer(shop).secrets == {"token": TOKEN}


def test_nothing_private_is_uploaded(shop: images.Workshop, root: Path) -> None:
    build(shop, root)
    names = set(packer(shop).archive)
    assert {"stack/docker-compose.prod.yml", "stack/.env.production.example", "files/lib.sh"} < names
    assert not {name for name in names if name.endswith((".env.production", ".env", ".pem", ".pyc"))}
    assert all(name.startswith(("stack/", "files/", "wheel/")) for name in names)


def test_if_changed_builds_only_for_what_is_baked(shop: images.Workshop, root: Path) -> None:
    first = build(shop, root)
    assert build(shop, root, if_changed=True) == images.Built(first.image, None)
    write(root, {"bootstrap/cli/main.py": "# changed, but no part of the image\n"})
    assert build(shop, root, if_changed=True).seconds is None
    for change in ("stack/nginx/conf.d/site.conf", "packer/scripts/10-base.sh", "bootstrap/agent/main.py"):
        write(root, {change: "# changed\n"})
        assert build(shop, root, if_changed=True).seconds is not None, change
    assert build(shop, root, if_changed=True).seconds is None
    assert build(shop, root, region="fra1", if_changed=True).seconds is not None, "no image there yet"


def test_a_failed_build_leaves_no_image_that_create_would_find(shop: images.Workshop, root: Path) -> None:
    packer(shop).error = CloudError("packer build failed")
    with pytest.raises(CloudError):
        build(shop, root)
    assert shop.cloud.images() == []


def test_what_killed_builds_left_is_deleted_but_not_what_others_may_need(
    shop: images.Workshop, root: Path, cloud: MemoryCloud
) -> None:
    build(shop, root)
    own, tag = tuple(packer(shop).variables["tags"]), images.PACKER_TAG
    cloud.machines = [
        Droplet(1, "packer-mine", "active", "nyc3", "s", 0, None, None, tags=own, created_at=ago(60)),
        Droplet(2, "packer-theirs", "active", "nyc3", "s", 0, None, None, tags=(tag, f"{tag}:x"), created_at=ago(60)),
        Droplet(3, "packer-old", "active", "nyc3", "s", 0, None, None, tags=(tag, f"{tag}:x"), created_at=ago(20000)),
        Droplet(4, "example.com-1", "active", "nyc3", "s", 0, None, None, tags=("bootstrap:x",), created_at=ago(20000)),
    ]
    key = "packer-{:08x}-1234-5678-9abc-def012345678"
    cloud.keys = [
        SSHKey(1, key.format(int(time.time()) - 3600), "", ""),
        SSHKey(2, key.format(int(time.time()) - 5), "", ""),
        SSHKey(3, "packer-of-a-person", "", ""),
    ]
    build(shop, root)
    assert [droplet.id for droplet in cloud.machines] == [2, 4]
    assert [key.id for key in cloud.keys] == [2, 3]


def test_one_build_at_a_time(shop: images.Workshop, root: Path) -> None:
    class Nested(MemoryPacker):
        def build(self, *args: Any, **kwargs: Any) -> None:
            build(replace(shop, packer=MemoryPacker(self.cloud)), root)

    with pytest.raises(ConflictError):
        build(replace(shop, packer=Nested(cast(MemoryCloud, shop.cloud))), root)


def test_prune_keeps_the_newest_and_those_in_use(shop: images.Workshop, cloud: MemoryCloud) -> None:
    def baked(number: int, stack: str) -> Image:
        return Image(
            number, f"{stack}-{number}", ago(1000 - number), tags=("bootstrap-image", f"bootstrap-image:{stack}")
        )

    unfinished = Image(8, "bootstrap-a-20260101000000-abc1234", ago(images.ABANDONED_S + 60))
    being_tagged = Image(9, "bootstrap-a-20260101000000-abc1234", ago(10))
    cloud.snapshots = [
        *(baked(n, "a") for n in (1, 2, 3, 4)),
        baked(5, "b"),
        unfinished,
        being_tagged,
        Image(7, "mine", ago(9)),
    ]
    cloud.machines = [Droplet(1, "example.com-1", "active", "nyc3", "s", 2, None, None)]
    deleted = images.prune(shop.cloud, shop.progress, keep=1)
    assert {image.id for image in deleted} == {1, 3, 8}
    assert {image.id for image in cloud.snapshots} == {2, 4, 5, 7, 9}


def test_an_unknown_image_is_not_found(shop: images.Workshop) -> None:
    with pytest.raises(NotFoundError):
        images.find(shop.cloud, 99)


def test_outside_of_git_the_commit_is_unknown(tmp_path: Path) -> None:
    write(tmp_path, {"packer/droplet.pkr.hcl": "", "stack/a": ""})
    checkout = GitCheckout(tmp_path)
    assert checkout.commit([tmp_path]) == Commit("unknown", dirty=False)
    assert checkout.files(tmp_path / "stack") == [tmp_path / "stack/a"]
