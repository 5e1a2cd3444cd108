"""The first value ends the wait, the deadline ends it with the caller's own error."""

import time

import pytest

from bootstrap.errors import HostError
from bootstrap_agent.waiting import until


def never() -> Exception:
    return AssertionError("it was too late")


def test_the_first_value_is_returned_and_nothing_is_asked_after_it() -> None:
    answers = iter([None, False, "there", "too much"])
    assert until(lambda: next(answers), timeout_s=60, pause_s=0, late=never) == "there"
    assert next(answers) == "too much"


@pytest.mark.parametrize("value", [0, "", [], True])
def test_what_is_empty_is_a_value(value: object) -> None:
    assert until(lambda: value, timeout_s=0, late=never) is value


def test_at_the_deadline_the_callers_error_says_what_was_heard_last() -> None:
    heard: list[int] = []

    def busy() -> bool:
        heard.append(len(heard))
        return False

    with pytest.raises(HostError, match=r"busy, asked \d+ times") as caught:
        until(busy, timeout_s=0.05, pause_s=0.01, late=lambda: HostError(f"busy, asked {len(heard)} times"))
    assert 2 <= len(heard) <= 7 and caught.value.message == f"busy, asked {len(heard)} times"


def test_a_pause_longer_than_the_deadline_does_not_move_it_and_it_is_asked_once_more_at_its_end() -> None:
    began, asked = time.monotonic(), []
    with pytest.raises(HostError):
        until(lambda: asked.append(1), timeout_s=0.05, pause_s=600, late=lambda: HostError("late"))
    assert time.monotonic() - began < 60 and len(asked) == 2


def test_without_time_it_is_asked_once() -> None:
    asked: list[int] = []
    with pytest.raises(HostError):
        until(lambda: asked.append(1), timeout_s=0, late=lambda: HostError("late"))
    assert asked == [1]


def test_an_error_of_the_question_goes_through() -> None:
    def broken() -> bool:
        raise ValueError("not a matter of waiting")

    with pytest.raises(ValueError, match="not a matter"):
        until(broken, timeout_s=60, late=never)
