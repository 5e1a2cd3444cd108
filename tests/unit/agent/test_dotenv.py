"""One grammar for every `.env`: what is written is read back, and what Compose would read otherwise is refused. That
Compose reads what we write is tested on a machine."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.errors import HostError
from bootstrap_agent import secrets
from bootstrap_agent.contract import dotenv
from bootstrap_agent.contract.dotenv import DotenvError

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
ANY = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)))
# what a grammar is made of
TRICKY = st.text(st.sampled_from("'\"\\$#{}= \t\n\rnabAX_0\u2028\x85\x0b"))


def test_every_value_survives() -> None:
    assert dotenv.final(dotenv.render(VALUES)) == VALUES


@given(st.one_of(ANY, TRICKY), st.one_of(ANY, TRICKY))
def test_whatever_a_value_holds_it_is_read_back_for_an_operator_too(first: str, second: str) -> None:
    written = dotenv.render({"A": first, "b_2": second})
    assert dotenv.final(written) == dotenv.composed(written, "x") == {"A": first, "b_2": second}


@given(st.one_of(ANY, TRICKY))
def test_any_text_is_read_or_refused_in_one_line_and_what_was_read_survives(text: str) -> None:
    try:
        values = dotenv.final(text)
    except DotenvError as error:
        assert error.where.startswith(".env.production, line ") and error.remedy
    else:
        assert dotenv.final(dotenv.render(values)) == values


def test_one_line_a_value() -> None:
    lines = dotenv.render(VALUES).splitlines()
    assert len([line for line in lines if not line.startswith("#")]) == len(VALUES)


@pytest.mark.parametrize("line", ["A=$OTHER", 'A="$OTHER"', "A=x #y", "no value", "1A=x"])
def test_what_would_change_its_meaning_is_refused(line: str) -> None:
    with pytest.raises(DotenvError, match="line 1"):
        dotenv.final(line)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A=x", "x"),
        ("  export A = two words \t\r\n", "two words"),
        ("A=", ""),
        ("A=\nB=x", ""),
        ("A=x#y", "x#y"),
        ("A=#x", "#x"),
        ("A=it's", "it's"),
        ("A=a\\nb", "a\\nb"),
        ("A=a$$b", "a$b"),
        ("A='$x ${y} # \\n\"'", '$x ${y} # \\n"'),
        ("A='it\\'s' # said", "it's"),
        ("A='a\\\\'", "a\\\\"),
        ("A='first\nsecond'", "first\nsecond"),
        ('A="a\\n\\t\\"\\\\\\$b"#c', 'a\n\t"\\$b'),
        ('A="\\d+ \\\' $$"', "\\d+ \\' $"),
        ("\ufeff# comment\n\n\t# more\nA=x", "x"),
    ],
)
def test_the_grammar_is_composes(text: str, value: str) -> None:
    """compose-go's dotenv: parser.go and its tests."""
    assert dotenv.final(text)["A"] == value


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("B=1\nA='open", 2),
        ("B='1\n2'\nA='x' y", 3),
        ('A="open', 1),
        ("A='open\\'", 1),
        ("A: x", 1),
        ("B=1\n\nA", 3),
        ("A=1\nA=2", 2),
        ("A-B=1", 1),
        ("A= # nothing?", 1),
        ('A="\\0101"', 1),
        ("A=${B:-x}", 1),
        ("A=100$", 1),
    ],
)
def test_what_is_no_clear_value_is_named_with_its_line_and_not_shown(text: str, line: int) -> None:
    with pytest.raises(DotenvError, match=f"^x, line {line}\\b") as caught:
        dotenv.final(text, "x")
    assert caught.value.remedy and "open" not in str(caught.value)


@pytest.mark.parametrize("read", [dotenv.final, lambda text: dotenv.composed(text, "x")])
def test_what_may_be_a_comment_is_never_cut_from_a_password(read: Callable[[str], object]) -> None:
    with pytest.raises(DotenvError, match="begins a comment"):
        read("A=secret #1")


SHOP = "USER=shop\nEMPTY=\n"
# tests/contract/compose asks Compose for the same
READ = [
    ("A=shop # the role", "shop"),
    ("A=shop #", "shop"),
    ('A="ab" # note', "ab"),
    ("A= value", "value"),
    ('A="pa\\$word"', "pa$word"),
    ("A=pa$$word", "pa$word"),
    ('A="l1\\nl2"', "l1\nl2"),
    ("A='it\\'s'", "it's"),
    ("export A=1", "1"),
    ("A=Shop <shop@example.com>", "Shop <shop@example.com>"),
    ("A=${USER}", "shop"),
    ("A=$USER-$$USER", "shop-$USER"),
    ("A='$USER'", "$USER"),
    ('A="${USER}"', "shop"),
    ("A=b$", "b$"),
    ("A=$1 $-", "$1 $-"),
    ("A=${B:-b} ${USER:-b}", "b shop"),
    ("A=${EMPTY:-b} ${EMPTY-b}.", "b ."),
    ("A=${B:-${USER}/${C:-c}}", "shop/c"),
    ("A=${B:-$$x$}", "$x$"),
    ('A="${B:-\\"q\\"}"', '"q"'),
    ("A=${USER:+yes}${B:+no}${EMPTY:+no}${EMPTY+set}", "yesset"),
    ("A=${USER:?must}${EMPTY?must}", "shop"),
    ("A=${B:-http://x/?a=b-c+d}", "http://x/?a=b-c+d"),
    ("A='-----BEGIN KEY-----\nabc=\n-----END KEY-----\n'", "-----BEGIN KEY-----\nabc=\n-----END KEY-----\n"),
    ("A='one\r\ntwo'", "one\r\ntwo"),
    ("A=one\r\nB=2\r\n", "one"),
]


@pytest.mark.parametrize(("text", "value"), READ)
def test_an_operators_file_is_read_as_compose_would(text: str, value: str) -> None:
    assert dotenv.composed(SHOP + text, "x")["A"] == value


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("A=pa$word", "refers to a variable that no line above sets"),
        ("A=${B}\nB=word", "refers to a variable that no line above sets"),
        ("A=${EMPTY:?word}", "refers to a variable that no line above sets"),
        ("A=${B:?word}", "refers to a variable that no line above sets"),
        ("A=${word", "holds a ${ that is no ${NAME}"),
        ("A=${B:-{word}}", "holds a ${ that is no ${NAME}"),
        ('A="word', 'the closing " is missing'),
        ('A="x" word', 'the closing " is missing'),
        ("A=x #word", "` #` begins a comment"),
        ("A\n", "not of the form NAME=value"),
        ("export =word", "not of the form NAME=value"),
        ("A B=word", "not of the form NAME=value"),
        ("A.B=word", "not of the form NAME=value"),
        ("RELEASE=word", "RELEASE is set by the droplet itself"),
        ("HOME=word", "HOME is set by the droplet itself"),
    ],
)
def test_what_would_not_arrive_as_it_stands_there_is_refused_with_its_line_and_not_shown(text: str, what: str) -> None:
    with pytest.raises(DotenvError, match=r"^x, line 3\b") as caught:
        dotenv.composed(SHOP + text, "x")
    assert what in str(caught.value) and "word" not in str(caught.value) and caught.value.remedy


def test_nothing_of_this_computers_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "root")
    with pytest.raises(DotenvError):
        dotenv.composed("A=$LOGNAME", "x")
    assert dotenv.composed("A=${LOGNAME-none}", "x") == {"A": "none"}


def test_references_are_told_from_text() -> None:
    (entry,) = dotenv.entries("A=x-$B-${C_2}-$$-${D:-d$E}-${F", "x")
    found = [(one.name, one.text) for one in entry.references]
    assert found == [("B", "$B"), ("C_2", "${C_2}"), ("D", "${D:-d$E}"), (None, "${")]
    assert [one.name for one in entry.references[2].all] == ["D", "E"]
    assert entry.value == "x-$B-${C_2}-$$-${D:-d$E}-${F"


@pytest.mark.parametrize(("name", "value"), [("A\nB", "x"), ("1A", "x"), ("A", "x\0"), ("A", "\ud800")])
def test_what_no_environment_can_hold_is_refused(name: str, value: str) -> None:
    with pytest.raises(DotenvError, match="environment variable"):
        dotenv.render({name: value})


def test_on_a_droplet_it_is_an_error_of_the_host(tmp_path: Path) -> None:
    (tmp_path / ".env.production").write_text("A=$B\n")
    with pytest.raises(HostError, match=r"\.env\.production, line 1 \(A\)"):
        secrets.environment(tmp_path)
    with pytest.raises(HostError, match=r"env\.A: Expected `str`") as caught:
        secrets.put('{"env": {"A": 77}, "credentials": {}}', tmp_path)
    assert "77" not in caught.value.message


def test_an_image_without_its_stack_is_named_as_one(tmp_path: Path) -> None:
    with pytest.raises(HostError, match=r"the image is without its stack: .*gone does not exist"):
        secrets.put('{"env": {}, "credentials": {}}', tmp_path / "gone")
