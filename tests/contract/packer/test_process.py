"""Packer as a process, beyond what the port's suite asks."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from bootstrap.adapters.packer import PackerProcess
from bootstrap.errors import CloudError
from tests.contract.packer.conftest import Kitchen

VARIABLES = {"inputs": "", "region": "nyc3", "snapshot_name": "baked", "tags": ["a"]}
SECRET = "dop_v1_a-token-of-nobody"


@pytest.mark.parametrize("reason", [None, "no such host"])
def test_secrets_are_in_the_environment_only_and_nothing_stays_behind(
    kitchen: Kitchen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: str | None
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = set(tmp_path.iterdir())
    build = lambda: PackerProcess().build(  # noqa: E731
        kitchen.template, variables=VARIABLES, secrets={"token": SECRET}, line=lambda _: None
    )
    if reason is None:
        build()
    else:
        kitchen.fail(reason)
        with pytest.raises(CloudError):
            build()
    seen = kitchen.seen
    assert seen["given"]["token"] == SECRET
    assert SECRET not in str(seen["argvs"]) + seen["text"] and "build" in seen["argvs"][-1]
    assert seen["mode"] == 0o600 and tmp_path in Path(seen["values"]).parents
    assert set(tmp_path.iterdir()) == before


def test_a_variable_that_nobody_gave_is_named(kitchen: Kitchen) -> None:
    with pytest.raises(CloudError, match=r"packer build failed: .*snapshot_name"):
        PackerProcess().build(
            kitchen.template,
            variables={name: value for name, value in VARIABLES.items() if name != "snapshot_name"},
            secrets={"token": SECRET},
            line=lambda _: None,
        )
