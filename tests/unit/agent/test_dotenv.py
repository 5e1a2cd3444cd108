"""Values of .env.production survive writing and reading; that Compose reads them the same is tested on a machine."""

import pytest

from bootstrap.errors import HostError
from bootstrap_agent import dotenv

VALUES = {
    "EMPTY": "",
    "PLAIN": "postgresql://auth:Abc123@db:5432/auth_db",
    "DOLLAR": "pa$$word ${OTHER}",
    "HASH": "before #after",
    "SPACES": "  two  words ",
    "DOUBLE": 'say "yes"',
    "BOTH": 'it\'s "both" and $HOME',
    "BACKSLASH": "C:\\new\\table \\$ \\\\",
    "LINES": "first\nsecond\ttab\r",
    "UNICODE": "pässword ✓",
}


def test_every_value_survives() -> None:
    assert dotenv.parse(dotenv.render(VALUES)) == VALUES


def test_one_line_a_value() -> None:
    lines = dotenv.render(VALUES).splitlines()
    assert len([line for line in lines if not line.startswith("#")]) == len(VALUES)


@pytest.mark.parametrize("line", ["A=$OTHER", 'A="$OTHER"', "A=x #y", "no value", "1A=x"])
def test_what_would_change_its_meaning_is_refused(line: str) -> None:
    with pytest.raises(HostError, match="line 1"):
        dotenv.parse(line)


def test_a_name_that_is_none_is_refused() -> None:
    with pytest.raises(HostError, match="environment variable"):
        dotenv.render({"A\nB": "x"})
