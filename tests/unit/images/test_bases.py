"""The prepared base: made once, started from for a week, made anew for another bootstrap, size, region or a week later,
and deleted when no bake starts from it any more."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bootstrap.errors import CloudError, CredentialsError
from bootstrap.images import bake as images
from bootstrap.images import bases
from bootstrap.images.provenance import of
from bootstrap.ports.cloud import Image
from tests.fakes.cloud import FakeCloud, ago
from tests.fakes.packer import MemoryPacker
from tests.fakes.world import ROOT, Quiet
from tests.unit.images.test_bake import cloud, root, shop, write

__all__ = ["cloud", "root", "shop"]
DAY = 24 * 3600


class Runs(MemoryPacker):
    """Every run's variables."""

    def __init__(self, cloud: FakeCloud) -> None:
        super().__init__(cloud)
        self.all: list[dict[str, Any]] = []

    def build(self, *args: Any, **rest: Any) -> None:
        super().build(*args, **rest)
        self.all.append(dict(self.variables))


@pytest.fixture
def packer(cloud: FakeCloud) -> Runs:
    return Runs(cloud)


@pytest.fixture
def kitchen(shop: images.Workshop, packer: Runs) -> images.Workshop:
    return replace(shop, packer=packer)


def build(shop: images.Workshop, root: Path, **options: Any) -> Image:
    return images.build(shop, root / "stack", **{"region": "nyc3", "size": "s-2vcpu-2gb", **options}).image


def older(cloud: FakeCloud, image: Image, seconds: float) -> None:
    cloud._images[image.id] = replace(cloud._images[image.id], created_at=ago(seconds))


def test_the_second_bake_starts_from_what_the_first_prepared(
    kitchen: images.Workshop, packer: Runs, root: Path, cloud: FakeCloud
) -> None:
    build(kitchen, root)
    write(root, {"stack/nginx/conf.d/site.conf": "server { listen 81; }\n"})
    build(kitchen, root)
    prepared, first, second = packer.all
    (base,) = bases.all_of(cloud)
    assert prepared["snapshot_name"] == base.name and "base_image" not in prepared
    assert first["base_image"] == second["base_image"] == str(base.id)
    assert [one.image for one in images.baked(cloud)] == cloud.images("bootstrap-image:ticket-tracking")
    # all is done once, in its order; what makes a machine quiet, pulls, builds and cleans, each time
    assert sorted({*prepared["steps"], *second["steps"]}) == default_steps()
    assert set(prepared["steps"]) & set(second["steps"]) == {"05-settle", "40-images", "90-clean"}
    assert "30-hardening" not in prepared["steps"], "Packer logs in to it as root"


def test_a_stacks_own_base_is_preferred_and_any_other_will_do(
    kitchen: images.Workshop, packer: Runs, root: Path, cloud: FakeCloud
) -> None:
    build(kitchen, root)
    (others,) = bases.all_of(cloud)
    file = root / "stack/docker-compose.prod.yml"
    file.write_text(file.read_text().replace("name: ticket-tracking", "name: another"))
    build(kitchen, root)
    assert packer.all[-1]["base_image"] == str(others.id)
    build(kitchen, root, base="new")
    own = packer.all[-1]["base_image"]
    build(kitchen, root)
    assert packer.all[-1]["base_image"] == own != str(others.id)


def default_steps() -> list[str]:
    text = (ROOT / "packer" / "droplet.pkr.hcl").read_text()
    found = text.partition('variable "steps"')[2].partition("default = [")[2].partition("]")[0]
    steps = [word.strip().strip('"') for word in found.split(",") if word.strip()]
    assert steps == sorted(path.stem for path in (ROOT / "packer" / "scripts").glob("*.sh"))
    return steps


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"agent/bootstrap_agent/main.py": "# changed\n"}, id="agent"),
        pytest.param({"packer/scripts/10-base.sh": "# changed\n"}, id="packer"),
        pytest.param({"region": "fra1"}, id="region"),
        pytest.param({"size": "s-4vcpu-8gb"}, id="size"),
        pytest.param({"base": "new"}, id="asked for"),
    ],
)
def test_another_base_is_made_for_what_the_one_is_not(
    kitchen: images.Workshop, root: Path, cloud: FakeCloud, change: dict[str, str]
) -> None:
    build(kitchen, root)
    write(root, {name: text for name, text in change.items() if "/" in name})
    build(kitchen, root, **{name: value for name, value in change.items() if "/" not in name})
    assert len(bases.all_of(cloud)) == 2


def test_without_a_base_all_is_baked_at_once(kitchen: images.Workshop, packer: Runs, root: Path) -> None:
    image = build(kitchen, root, base="none")
    (variables,) = packer.all
    assert "base_image" not in variables and "steps" not in variables
    assert images.packages_of(image) == image.created_at


def test_a_base_lasts_a_week_and_its_images_are_as_old_as_it(
    kitchen: images.Workshop, root: Path, cloud: FakeCloud
) -> None:
    build(kitchen, root)
    (base,) = bases.all_of(cloud)
    older(cloud, base, 6.5 * DAY)
    assert of(build(kitchen, root), None).age_days in (6, 7)
    older(cloud, base, 7.01 * DAY)
    assert of(build(kitchen, root), None).age_days == 0
    assert {one.id for one in bases.all_of(cloud)} > {base.id}, "another computer may just have begun with it"
    older(cloud, base, 7.1 * DAY)
    build(kitchen, root)
    assert base.id not in {one.id for one in bases.all_of(cloud)}


def test_prune_takes_along_what_no_bake_starts_from(kitchen: images.Workshop, root: Path, cloud: FakeCloud) -> None:
    build(kitchen, root)
    (base,) = bases.all_of(cloud)
    left = cloud.add_image("bootstrap-base-20260101000000", created_at=ago(4 * 3600))
    being_made = cloud.add_image("bootstrap-base-20260101000001", created_at=ago(60))
    assert {image.id for image in images.prune(cloud, Quiet(), keep=3)} == {left.id}
    assert {base.id, being_made.id} < {image.id for image in cloud.images()}


def test_a_base_that_fails_leaves_nothing(kitchen: images.Workshop, packer: Runs, root: Path, cloud: FakeCloud) -> None:
    packer.error = "no such host"
    with pytest.raises(CloudError):
        build(kitchen, root)
    assert cloud.images() == []


def test_a_token_that_may_not_delete_bakes_all_the_same(
    kitchen: images.Workshop, root: Path, cloud: FakeCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = cloud.add_image(
        "bootstrap-base-20260101000000", "bootstrap-base", "bootstrap-base:x", created_at=ago(30 * DAY)
    )

    def refuse(image_id: int) -> None:
        raise CredentialsError("the API token may not image:delete")

    monkeypatch.setattr(cloud, "delete_image", refuse)
    build(kitchen, root)
    assert old in bases.all_of(cloud)
