"""docs/cli.md, and that help fits a terminal of eighty columns."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cache
from importlib.util import find_spec

from tools.manual import PAGE


@cache
def manual() -> str:
    """In a process of its own: a click command keeps the names of its help option from the first test that asked."""
    program = "from tools.manual import manual; print(manual())"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout


def test_the_page_says_what_help_says() -> None:
    # releases of click differ in layout; in words they agree
    assert PAGE.read_text().split() == manual().split(), "make docs"


def test_help_fits_eighty_columns() -> None:
    assert [line for line in manual().splitlines() if len(line) > 80 and "`" not in line] == []


def test_the_local_cloud_s_commands_stand_there_under_their_own_name() -> None:
    page = PAGE.read_text()
    assert "## localcloud faults add\n" in page and "## localcloud start\n" in page
    assert "`bootstrap cloud …` is the same as `localcloud …`" in page and "## localcloud serve" not in page


def test_make_docs_runs_what_is_there() -> None:
    make = subprocess.run(
        ["make", "--dry-run", "--always-make", "docs"], cwd=PAGE.parents[1], capture_output=True, text=True, check=True
    )
    modules = re.findall(r"bin/python -m (\S+)", make.stdout)
    assert "tools.manual" in modules and "tools.audit_page" in modules
    assert all(find_spec(module) for module in modules), modules
