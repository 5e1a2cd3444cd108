"""What adopting writes is what Compose makes of it: it loads every result, and reads it as we do."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bootstrap.stack.loading import examine
from bootstrap_agent.contract.paths import ENV_EXAMPLE
from tests.composer import MISSING, ask, plugin
from tests.unit.stack.test_adopt import CASES, Case, adopted, desk

pytestmark = pytest.mark.skipif(plugin() is None, reason=MISSING)


def held_against_compose(folder: Path, *names: str) -> None:
    options = [f"--env-file={ENV_EXAMPLE}"]
    theirs = ask(folder, *[f"--file={name}" for name in names], *options)
    assert theirs.model is not None, theirs.said
    assert "not set" not in theirs.said, "every variable is in the example, above those that refer to it"
    ours = folder / Path(names[0]).parent / "ours.yaml"
    ours.write_text(yaml.safe_dump(examine(folder).document))
    again = ask(folder, f"--file={ours.relative_to(folder)}", *options).model
    assert again is not None
    for model in (theirs.model, again):
        # 2.26 takes that of the last document whole; nobody but us reads it
        model.pop("x-bootstrap")
    assert theirs.model == again


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_compose_loads_it_as_we_read_it(tmp_path: Path, case: Case) -> None:
    made = adopted(tmp_path, case)
    held_against_compose(tmp_path, *made.files, made.override)


def test_a_second_call_is_one_document_more(tmp_path: Path) -> None:
    case = CASES["one service"]
    adopted(tmp_path, case)
    (tmp_path / case.name).write_text(f"{case.text}  mq: {{image: 'rabbitmq:4'}}\n")
    from bootstrap.stack.adopt.adoption import adopt

    made = adopt(tmp_path)
    made.write()
    assert "\n---\n" in made.text
    held_against_compose(tmp_path, *made.files, made.override)


def test_the_example_of_our_own(tmp_path: Path) -> None:
    made = desk(tmp_path / "desk")
    held_against_compose(made.folder, *made.files, made.override)
