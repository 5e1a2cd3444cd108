"""Whether anything was written behind the archiver's own mark, by what PostgreSQL says of its transactions."""

from __future__ import annotations

import pytest

from bootstrap_agent.backup.position import behind_mark


@pytest.mark.parametrize(
    ("snapshot", "mark", "expected"),
    [
        ("700:700:", 700, "701:701:"),
        ("690:700:690,695", 700, "690:701:690,695"),
        # another one took number 700, and may have ended by now
        ("700:700:", 701, ""),
        ("690:700:690", 702, ""),
    ],
)
def test_nothing_but_the_mark(snapshot: str, mark: int, expected: str) -> None:
    assert behind_mark(snapshot, mark) == expected
