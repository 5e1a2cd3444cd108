"""The example in Compose's grammar: what refers to a variable is filled in, what only looks like it stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.stack.env_template import parse
from bootstrap.stack.errors import StackError
from bootstrap_agent.contract import dotenv

NO_BREAK = st.text(st.characters(exclude_characters="\0\n\r<>", exclude_categories=("Cs",)))


def render(text: str, **given: str) -> dict[str, str]:
    return parse(text).render("a.example", {}, given)


def test_references_in_both_spellings_are_filled_in_but_not_within_single_quotes() -> None:
    text = "A=x\nB=$A-${A}\nC='$A'\nD=\"${B}\\$A\"\nE=$$A # said\nexport F=<domain>"
    found = {"A": "x", "B": "x-x", "C": "$A", "D": "x-x$A", "E": "$A", "F": "a.example"}
    assert render(text) == found
    assert parse(text).derived == {"B", "D"}


@given(NO_BREAK)
def test_what_somebody_gave_is_taken_as_it_is_wherever_it_is_referred_to(value: str) -> None:
    assert render("A=<generated>\nURL=x://${A}@$A", A=value) == {"A": value, "URL": f"x://{value}@{value}"}


@given(NO_BREAK)
def test_a_quoted_value_is_rendered_as_compose_would_read_it(value: str) -> None:
    assert render(dotenv.render({"A": value})) == {"A": value}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("A=100$", "A holds a $ that is no ${NAME}"),
        ("A=${B:-x}\nB=", "A refers to ${B:-x}, and Compose reads B further down only"),
        ("A=${B:-x", "A holds a ${ that is no ${NAME}"),
        ("A=${B:?give one}", "A refers to ${B}, which is not set"),
        ("B=\nA=${B:?give one}", "A needs ${B:?give one}, which is empty"),
        ("A=${C:-$B}", "A refers to ${B}, which is not set"),
        ("A=$B", "A refers to ${B}, which is not set"),
        ("A=${B}\nB=$A", "A → B → A refer to each other"),
    ],
)
def test_what_compose_could_not_fill_in_is_named(text: str, said: str) -> None:
    (wrong,) = parse(text).wrong_references()
    assert said in wrong.message and wrong.remedy


def test_defaults_are_taken_as_compose_takes_them() -> None:
    text = "EMPTY=\nHOST=db\nA=${PORT:-5432}\nB=${HOST:+on}\nC=${EMPTY:-x}${EMPTY-y}\nD=${NONE:-$HOST.<domain>}"
    found = render(text, HOST="mine")
    assert found == {"EMPTY": "", "HOST": "mine", "A": "5432", "B": "on", "C": "x", "D": "mine.a.example"}
    assert render(text + "\nE=${HOST:?none}", HOST="h")["E"] == "h"


def test_an_address_is_no_placeholder() -> None:
    text = "A=Shop <shop@example.com>\nB=<you@example.com>\nC=<name>\n"
    assert parse(text).required == ("B", "C")
    found = render(text, B="Me <me@example.com>", C="a<b>c")
    assert found == {"A": "Shop <shop@example.com>", "B": "Me <me@example.com>", "C": "a<b>c"}


def test_a_key_of_several_lines_is_a_value() -> None:
    assert render("KEY='-----BEGIN-----\nabc\n'\nCOPY=$KEY") == dict.fromkeys(("KEY", "COPY"), "-----BEGIN-----\nabc\n")


def test_a_name_that_the_droplet_sets_itself_is_refused() -> None:
    with pytest.raises(StackError, match=r"\.env\.production\.example, line 2: RELEASE is set by the droplet"):
        parse("A=1\nRELEASE=1.2\n")


def test_a_line_that_is_none_is_named() -> None:
    with pytest.raises(StackError, match=r"\.env\.production\.example, line 2 \(B\): the closing ' is missing"):
        parse("A=1\nB='x\n")
