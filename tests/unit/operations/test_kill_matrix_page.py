"""docs/kill-matrix.md is written by tests/rehearsal/test_kill.py; a new step has to be killed before it has a row."""

from __future__ import annotations

import pytest

from tests.rehearsal import killing

PAGE = killing.PAGE.read_text()
ROWS = killing.rows_of(PAGE)


@pytest.mark.parametrize("command", killing.SOURCES)
def test_each_step_has_a_row(command: str) -> None:
    steps = {step for step in killing.steps_of(command) if step not in killing.ONLY_WHEN}
    assert killing.steps_on(ROWS)[command] == steps


def test_what_has_no_row_is_a_step() -> None:
    steps = {step for command in killing.SOURCES for step in killing.steps_of(command)}
    assert set(killing.ONLY_WHEN) < steps


def test_all_but_the_rows_is_as_it_would_be_written_today() -> None:
    assert killing.page(ROWS) == PAGE
