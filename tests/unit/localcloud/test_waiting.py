from __future__ import annotations

import time

import pytest

from localcloud.host.waiting import until, within


class Late(Exception):
    pass


def test_the_first_true_value_is_the_answer() -> None:
    values = iter([None, 0, "", "there", "later"])
    assert until(lambda: next(values), timeout_s=5, pause_s=0.01, late=Late) == "there"


def test_at_the_deadline_the_caller_s_own_error_is_raised() -> None:
    began, asked = time.monotonic(), list[float]()
    with pytest.raises(Late):
        until(lambda: asked.append(time.monotonic()), timeout_s=0.1, pause_s=0.02, late=Late)
    assert len(asked) > 1 and 0.1 <= time.monotonic() - began < 5


def test_no_time_at_all_is_one_look() -> None:
    assert until(lambda: "there", timeout_s=0, late=Late) == "there"
    with pytest.raises(Late):
        until(lambda: None, timeout_s=0, late=Late)


def test_what_goes_wrong_in_the_look_is_not_waited_for() -> None:
    def broken() -> bool:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        until(broken, timeout_s=5, late=Late)


def test_within_says_whether_it_came_true() -> None:
    values = iter([False, True])
    assert within(lambda: next(values), timeout_s=5, pause_s=0.01)
    assert not within(lambda: False, timeout_s=0.05, pause_s=0.01)
