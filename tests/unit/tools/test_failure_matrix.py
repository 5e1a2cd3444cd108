"""docs/failure-matrix.md: a new step has to be killed before it has a row. That each call has one, the test that fails
them knows: tests/contract/cloud/test_failures.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import failure_matrix as matrix
from tools.failure_matrix import A_CALL_FAILS, PAGE, Row
from tools.steps import ONLY_WHEN, SOURCES, STEPS, in_source, named

TEXT = PAGE.read_text()


@pytest.mark.parametrize("command", STEPS)
def test_each_step_has_a_row(command: str) -> None:
    assert command not in SOURCES or set(STEPS[command]) == in_source(command)
    assert matrix.steps_killed(matrix.rows_of(TEXT))[command] == set(STEPS[command])


def test_what_an_undisturbed_run_has_not_is_a_step() -> None:
    assert ONLY_WHEN.keys() < set(STEPS["create"])


def test_a_progress_line_is_of_the_step_with_most_words_of_its_own() -> None:
    assert named("reserved ip") == "reserved ip"
    assert named("droplet a.example-1 deleted") == "droplet … deleted"
    assert named("droplet a.example-1") == "droplet …"


def test_all_but_the_rows_is_as_it_would_be_written_today() -> None:
    assert matrix.page(matrix.rows_of(TEXT)) == TEXT


def test_who_writes_rows_leaves_those_of_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrix, "PAGE", tmp_path / "page.md")
    killed = Row("create", "reserved ip", "killed after it", "droplet", "whole")
    call = Row("create", "reserved ip", f"{A_CALL_FAILS}`POST /reserved_ips`", "—", "not needed")
    first = Row("create", "cloud-init", "killed in it", "droplet", "whole")
    old = Row("create", "reserved ip", "killed in it", "droplet", "whole")
    elsewhere = Row("destroy", "droplet …", "killed in it", "droplet", "whole")
    matrix.PAGE.write_text(matrix.page([call, old, elsewhere]))
    matrix.write([killed, first])
    assert matrix.rows_of(matrix.PAGE.read_text()) == [first, killed, call, elsewhere]
