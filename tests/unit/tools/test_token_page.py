"""docs/token.md: as it would be written today."""

from __future__ import annotations

from bootstrap.deployment import rights
from tools.token_page import PAGE, page


def test_the_page_is_as_it_would_be_written_today() -> None:
    assert PAGE.read_text() == page(), "make docs"


def test_no_scope_is_left_out() -> None:
    """Every verb has its column."""
    assert {scope.split(":")[1] for scope in rights.ALL} == {"read", "create", "update", "delete"}
    rows = [line for line in page().splitlines() if line.startswith("| ")][1:]
    named = [row.split(" | ")[0].removeprefix("| ").removesuffix(": done without") for row in rows]
    assert named == [*rights.COMMANDS, *rights.EXTRAS]
