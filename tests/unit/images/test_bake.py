"""What goes into an image, when one is built, what is tagged and what is deleted: a cloud in memory, a Packer that
makes its snapshot there, a real checkout with git."""

from __future__ import annotations

import json
import stat
import subprocess
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from bootstrap.adapters.checkout import GitCheckout
from bootstrap.errors import CloudError, ConflictError, NotFoundError
from bootstrap.images import bake as images
from bootstrap.images import changed
from bootstrap.images.inputs import Inputs
from bootstrap.images.workshop import ABANDONED_S, PACKER_TAG
from bootstrap.ports.cloud import Droplet, SSHKey
from bootstrap.stack import loading as stacks
from tests.fakes.cloud import FakeCloud, ago
from tests.fakes.packer import MemoryPacker
from tests.fakes.world import Quiet

TOKEN = "dop_v1_secret"


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
            "bootstrap/cli/main.py": "# runs on the laptop only\n",
            "agent/bootstrap_agent/__init__.py": "",
            "agent/bootstrap_agent/main.py": "# agent\n",
            "agent/pyproject.toml": (project / "agent" / "pyproject.toml").read_text(),
            ".gitignore": "__pycache__/\n",
            "agent/bootstrap_agent/__pycache__/main.pyc": "cache",
        },
    )
    (root / "packer/scripts/10-base.sh").chmod(0o755)
    git = ["git", "-C", str(root), "-c", "user.name=t", "-c", "user.email=t@example.com"]
    for argv in (
        ["init", "-q"],
        ["add", "packer", "bootstrap", "agent", ".gitignore"],
        ["commit", "-qm", "."],
    ):
        subprocess.run([*git, *argv], check=True)
    return root


@pytest.fixture
def cloud() -> FakeCloud:
    return FakeCloud()


@pytest.fixture
def shop(root: Path, cloud: FakeCloud, tmp_path: Path) -> images.Workshop:
    return images.Workshop(
        cloud=cloud,
        packer=MemoryPacker(cloud),
        checkout=GitCheckout(root),
        progress=Quiet(),
        state_dir=tmp_path / "state",
        api_url="http://cloud.invalid",
        token=TOKEN,
    )


def build(shop: images.Workshop, root: Path, *, region: str = "nyc3", if_changed: bool = False) -> images.Built:
    return images.build(shop, root / "stack", region=region, size="s-2vcpu-2gb", if_changed=if_changed, base="none")


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
    assert packer(shop).variables["compose_file"] == "docker-compose.prod.yml"
    assert TOKEN not in str(packer(shop).variables) and packer(shop).secrets == {"token": TOKEN}


def test_a_registrys_password_is_in_a_file_of_the_builds_own_and_nowhere_else(
    shop: images.Workshop, root: Path, cloud: FakeCloud
) -> None:
    seen: list[tuple[Any, int]] = []

    class Reading(MemoryPacker):
        def build(self, template: Path, *, variables: Mapping[str, Any], **rest: Any) -> None:
            file = Path(variables["registry_login"])
            seen.append((json.loads(file.read_text() or "null"), stat.S_IMODE(file.stat().st_mode)))
            super().build(template, variables=variables, **rest)

    build(replace(shop, packer=Reading(cloud)), root)
    login = images.RegistryLogin("registry.example", "ada", "hunter2")
    shop = replace(shop, packer=Reading(cloud), registry=login)
    build(shop, root)
    assert seen == [(None, 0o600), ({"host": "registry.example", "user": "ada", "password": "hunter2"}, 0o600)]
    baking = packer(shop)
    assert "hunter2" not in f"{baking.variables} {baking.secrets} {shop} {login}"
    assert not Path(baking.variables["registry_login"]).exists()


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
    for change in ("stack/nginx/conf.d/site.conf", "packer/scripts/10-base.sh", "agent/bootstrap_agent/main.py"):
        write(root, {change: "# changed\n"})
        assert build(shop, root, if_changed=True).seconds is not None, change
    assert build(shop, root, if_changed=True).seconds is None
    assert build(shop, root, region="fra1", if_changed=True).seconds is not None, "no image there yet"


def test_what_says_that_files_stay_out_of_a_build_is_told(shop: images.Workshop, root: Path) -> None:
    said = Telling()
    shop = replace(shop, progress=said)
    build(shop, root)
    assert not [line for line in said.said if "left out" in line]
    write(root, {"stack/web/.dockerignore": "tests\n", "stack/web/Prod.dockerignore": "docs\n"})
    build(shop, root)
    told = "left out of the builds is what these say: web/.dockerignore, web/Prod.dockerignore"
    assert [line for line in said.said if "left out" in line] == [told]


def test_what_changed_since_the_last_image_is_told(shop: images.Workshop, root: Path) -> None:
    said = Telling()
    shop = replace(shop, progress=said)
    first = build(shop, root).image
    assert said.changes() == [], "the first one changes nothing"
    write(
        root,
        {"stack/nginx/conf.d/site.conf": "# changed\n", "stack/new.conf": "", "packer/files/lib.sh": "# changed\n"},
    )
    build(shop, root)
    told = "changed since {}: new.conf (new), nginx/conf.d/site.conf, bootstrap itself"
    assert said.changes() == [told.format(first.name)]
    (root / "stack/new.conf").unlink()
    write(root, {f"stack/many/{number}": "" for number in range(9)})
    build(shop, root)
    assert said.changes()[1].endswith("many/5 (new), 4 files more")
    build(shop, root)
    assert said.changes()[2].endswith(": nothing")
    build(replace(shop, state_dir=root / "another computer"), root)
    assert len(said.changes()) == 3
    build(shop, root)
    assert len(said.changes()) == 4, "the same was baked elsewhere"
    write(root, {"stack/more.conf": ""})
    build(replace(shop, state_dir=root / "another computer"), root)
    build(shop, root)
    assert len(said.changes()) == 5, "another one was baked elsewhere"


class Telling(Quiet):
    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def note(self, text: str) -> None:
        self.said.append(text)

    def changes(self) -> list[str]:
        return [text for text in self.said if text.startswith("changed since")]


def test_a_failed_build_leaves_no_image_that_create_would_find(shop: images.Workshop, root: Path) -> None:
    packer(shop).error = "no such host"
    with pytest.raises(CloudError):
        build(shop, root)
    assert shop.cloud.images() == []


def test_what_killed_builds_left_is_deleted_but_not_what_others_may_need(
    shop: images.Workshop, root: Path, cloud: FakeCloud
) -> None:
    build(shop, root)
    own, tag = tuple(packer(shop).variables["tags"]), PACKER_TAG
    droplets = [
        Droplet(1, "packer-mine", "active", "nyc3", "s", 0, None, None, tags=own, created_at=ago(60)),
        Droplet(2, "packer-theirs", "active", "nyc3", "s", 0, None, None, tags=(tag, f"{tag}:x"), created_at=ago(60)),
        Droplet(3, "packer-old", "active", "nyc3", "s", 0, None, None, tags=(tag, f"{tag}:x"), created_at=ago(20000)),
        Droplet(4, "example.com-1", "active", "nyc3", "s", 0, None, None, tags=("bootstrap:x",), created_at=ago(20000)),
    ]
    cloud._droplets = {droplet.id: droplet for droplet in droplets}
    key = "packer-{:08x}-1234-5678-9abc-def012345678"
    keys = [
        SSHKey(1, key.format(int(time.time()) - 3600), "", ""),
        SSHKey(2, key.format(int(time.time()) - 5), "", ""),
        SSHKey(3, "packer-of-a-person", "", ""),
    ]
    cloud._keys = {key.id: key for key in keys}
    build(shop, root)
    assert [droplet.id for droplet in cloud.droplets()] == [2, 4]
    assert [key.id for key in cloud.ssh_keys()] == [2, 3]


def test_one_build_at_a_time(shop: images.Workshop, root: Path, cloud: FakeCloud) -> None:
    class Nested(MemoryPacker):
        def build(self, *args: Any, **kwargs: Any) -> None:
            build(replace(shop, packer=MemoryPacker(self.cloud)), root)

    with pytest.raises(ConflictError):
        build(replace(shop, packer=Nested(cloud)), root)


def test_prune_keeps_the_newest_and_those_in_use(shop: images.Workshop, cloud: FakeCloud) -> None:
    name = "bootstrap-a-20260101000000-abc1234"
    a = [
        cloud.add_image(f"a-{age}", "bootstrap-image", "bootstrap-image:a", created_at=ago(age)) for age in (4, 3, 2, 1)
    ]
    b = cloud.add_image("b", "bootstrap-image", "bootstrap-image:b", created_at=ago(5))
    unfinished = cloud.add_image(name, created_at=ago(ABANDONED_S + 60))
    being_tagged, mine = cloud.add_image(name, created_at=ago(10)), cloud.add_image("mine", created_at=ago(9))
    cloud._droplets[1] = Droplet(1, "example.com-1", "active", "nyc3", "s", a[1].id, None, None, created_at=ago(60))
    deleted = images.prune(shop.cloud, shop.progress, keep=1)
    assert {image.id for image in deleted} == {a[0].id, a[2].id, unfinished.id}
    assert {image.id for image in cloud.images()} == {a[1].id, a[3].id, b.id, being_tagged.id, mine.id}


def test_delete_is_for_all_that_are_named_or_for_none(shop: images.Workshop, cloud: FakeCloud) -> None:
    used, mine, base = (
        cloud.add_image("used", "bootstrap-image", "bootstrap-image:a", created_at=ago(3)),
        cloud.add_image("mine", created_at=ago(2)),
        cloud.add_image("base", "bootstrap-base", created_at=ago(1)),
    )
    free = cloud.add_image("free", "bootstrap-image", "bootstrap-image:a", created_at=ago(4))
    cloud._droplets[1] = Droplet(1, "example.com-1", "active", "nyc3", "s", used.id, None, None, created_at=ago(60))
    with pytest.raises(ConflictError, match=r"\(used\) is in use: example.com-1"):
        images.delete(cloud, shop.progress, [free.id, used.id])
    with pytest.raises(NotFoundError, match=str(mine.id)):
        images.delete(cloud, shop.progress, [free.id, mine.id])
    assert len(cloud.images()) == 4
    assert images.delete(cloud, shop.progress, [free.id, base.id, free.id]) == [free, base]
    assert {image.id for image in cloud.images()} == {used.id, mine.id}


def test_an_unknown_image_is_not_found(shop: images.Workshop) -> None:
    with pytest.raises(NotFoundError):
        images.find(shop.cloud, 99)


def test_an_image_is_due_when_what_goes_in_differs_and_the_reason_is_told(shop: images.Workshop, root: Path) -> None:
    stack = stacks.load(root / "stack", ())
    first = changed.due(shop.checkout, shop.cloud, stack, "nyc3")
    assert (first.newest, first.is_due, first.why) == (None, True, "there is no image of ticket-tracking in nyc3 yet")
    git = ["git", "-C", str(root), "-c", "user.name=t", "-c", "user.email=t@example.com"]
    subprocess.run([*git, "add", "stack"], check=True)
    subprocess.run([*git, "commit", "-qm", "."], check=True)
    built = build(shop, root)
    commit = shop.checkout.commit([]).id
    same = changed.due(shop.checkout, shop.cloud, stack, "nyc3")
    assert (same.newest, same.is_due, same.files) == (built.image, False, ())
    (root / "stack/nginx/conf.d/site.conf").write_text("server { }\n")
    differs = changed.due(shop.checkout, shop.cloud, stack, "nyc3")
    assert differs.is_due and differs.files == ("stack/nginx/conf.d/site.conf",)
    assert differs.why == f"1 file differs from commit {commit[:7]}, which {built.image.name} was baked from"
    (root / ".git").rename(root / "gone")
    assert "git does not know here" in changed.due(shop.checkout, shop.cloud, stack, "nyc3").why


def test_other_compose_files_make_another_image(root: Path) -> None:
    files = {"stack/compose.yaml": root / "stack/docker-compose.prod.yml"}
    assert Inputs(files, "compose.yaml").hash != Inputs(files, "compose.yaml:compose.production.yaml").hash
