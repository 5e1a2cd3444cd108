"""docs/cli.md, and that help fits a terminal of eighty columns."""

from __future__ import annotations

from tools.manual import PAGE, manual


def test_the_page_says_what_help_says() -> None:
    # releases of click differ in layout; in words they agree
    assert PAGE.read_text().split() == manual().split(), "make docs"


def test_help_fits_eighty_columns() -> None:
    assert [line for line in manual().splitlines() if len(line) > 80 and "`" not in line] == []
