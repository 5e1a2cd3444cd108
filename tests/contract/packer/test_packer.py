"""What `ports/packer.py` promises: the real Packer with a template that needs no cloud, and the unit tests' fake."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bootstrap.adapters.packer import PackerProcess
from bootstrap.errors import CloudError
from bootstrap.ports.packer import Packer
from tests.contract.packer.conftest import Kitchen
from tests.fakes.cloud import FakeCloud
from tests.fakes.packer import MemoryPacker

SECRET = "dop_v1_a-token-of-nobody"


@dataclass
class Subject:
    packer: Packer
    template: Path
    variables: Mapping[str, Any]
    # what the last build was given, secrets as well
    given: Callable[[], Mapping[str, Any]]
    # builds fail from now on, for this reason
    fail: Callable[[str], None]

    def build(self, lines: list[str]) -> None:
        self.packer.build(self.template, variables=self.variables, secrets={"token": SECRET}, line=lines.append)


@pytest.fixture(params=["packer", "fake"])
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Subject:
    inputs = tmp_path / "inputs.tar"
    tarfile.open(inputs, "w").close()
    variables = {"inputs": str(inputs), "region": "nyc3", "snapshot_name": "baked", "tags": ["a", "b"]}
    if request.param == "packer":
        kitchen: Kitchen = request.getfixturevalue("kitchen")
        return Subject(PackerProcess(), kitchen.template, variables, lambda: kitchen.seen["given"], kitchen.fail)
    fake = MemoryPacker(FakeCloud())
    (tmp_path / "template.pkr.hcl").touch()
    return Subject(
        fake,
        tmp_path,
        variables,
        lambda: {**fake.variables, **fake.secrets},
        lambda reason: setattr(fake, "error", reason),
    )


def test_a_build_is_given_every_variable_and_secret(subject: Subject) -> None:
    subject.build([])
    assert subject.given() == {**subject.variables, "token": SECRET}


def test_its_lines_have_no_colours_and_no_secret(subject: Subject) -> None:
    lines: list[str] = []
    subject.build(lines)
    assert lines and all(line.strip() and line.isprintable() for line in lines)
    assert SECRET not in "".join(lines)


def test_a_failure_is_the_clouds_with_the_last_error_and_comes_after_its_lines(subject: Subject) -> None:
    subject.fail("no such host")
    lines: list[str] = []
    with pytest.raises(CloudError, match=r"no such host$"):
        subject.build(lines)
    assert lines


def test_a_folder_without_a_template_is_a_failure(subject: Subject, tmp_path: Path) -> None:
    subject.template = tmp_path / "empty"
    (subject.template / "current").mkdir(parents=True)
    with pytest.raises(CloudError, match=r"packer build failed: ."):
        subject.build([])
