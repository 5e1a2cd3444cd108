"""What Compose does with the small files of tests/unit/stack/test_inputs.py is what their table says."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bootstrap_agent.contract.paths import ENV_EXAMPLE
from tests.composer import MISSING, ask, plugin
from tests.unit.stack.test_inputs import CASES, Case, write

pytestmark = pytest.mark.skipif(plugin() is None, reason=MISSING)


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_compose_refuses_what_we_say_it_refuses(tmp_path: Path, case: Case) -> None:
    write(tmp_path, case)
    shutil.copy(tmp_path / ENV_EXAMPLE, tmp_path / ".env")
    answer = ask(tmp_path, profiles=False)
    assert (answer.model is None) == bool(case.compose), answer.said
    assert case.compose in answer.said


def test_what_compose_reads_of_ports_and_names(tmp_path: Path) -> None:
    def ports(name: str) -> list[str]:
        model = ask(write(tmp_path, CASES[name])).model
        assert model is not None
        return [port["published"] for port in model["services"]["app"]["ports"]]

    assert ports("a range of ports") == ["80", "443", "444"]
    assert ports("a port that YAML 1.1 takes for a number") == ["2222"]
    assert ports("a port with a default") == ["80", "443"]
    model = ask(write(tmp_path, CASES["a service that YAML 1.1 takes for a yes"])).model
    assert model is not None and list(model["services"]) == ["on"]
