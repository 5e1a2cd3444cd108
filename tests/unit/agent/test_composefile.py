"""A Compose file's YAML as Compose resolves it; what it refuses is refused with file and line."""

from __future__ import annotations

from typing import Any

import pytest

from bootstrap_agent.contract.composefile import ComposeFileError, Model, add


def read(*texts: str) -> dict[str, Any]:
    model = Model()
    for number, text in enumerate(texts):
        add(model, text, f"{number}.yml")
    return model.document


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("yes", "yes"),
        ("True", True),
        ("2222:22", "2222:22"),
        ("1_000", 1000),
        ("0777", 511),
        ("0o17", 15),
        ("0x1F", 31),
        ("08", 8.0),
        ("1e3", 1000.0),
        ("2020-01-01", "2020-01-01"),
        ("~", None),
        ("", None),
        ("!unknown text", "text"),
        ("'on'", "on"),
        ('"5"', "5"),
    ],
)
def test_a_value_is_what_compose_takes_it_for(text: str, value: object) -> None:
    assert read(f"a: {text}") == {"a": value}


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("a: 1\nb: 2\na: 3", "0.yml, line 3", "a stands there twice, first in line 1"),
        ("a:\n  1: x", "0.yml, line 2", "a key that is no text"),
        ("? [a]\n: x", "0.yml, line 1", "a key that is no text"),
        ("a: &a [*a]", "0.yml, line 1", "an alias refers to what it is a part of"),
        ("a: [", "0.yml, line 1", "expected the node content"),
        ("a:\n\t- b", "0.yml, line 2", "cannot start any token"),
        ("[" * 5000, "0.yml", "nested too deeply"),
        ("a: &x [1]\nb:\n  <<: *x", "0.yml, line 1", "<< takes a mapping"),
        ("- a list", "0.yml", "is not a mapping"),
    ],
)
def test_what_is_no_model_is_named_with_its_line(text: str, where: str, what: str) -> None:
    with pytest.raises(ComposeFileError) as caught:
        read(text)
    assert caught.value.where == where and what in caught.value.what and caught.value.remedy


def test_a_short_file_does_not_stand_for_a_billion_values() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(ComposeFileError, match="more than"):
        read("\n".join(lines))


def test_what_is_inherited_does_not_win_over_what_is_said() -> None:
    text = "x-a: &a {A: 1, B: 1}\nx-b: &b {B: 2, C: 2}\nmap: {C: 3, <<: [*a, *b]}\n"
    assert read(text)["map"] == {"A": 1, "B": 1, "C": 3}


def test_several_files_and_documents_are_one_model() -> None:
    assert read("a: {b: 1, c: [1]}\n---\na: {b: 2}\n", "---\n", "a: {c: [2]}\n") == {"a": {"b": 2, "c": [1, 2]}}


def test_lines_are_of_the_file_that_spoke_last() -> None:
    model = Model()
    add(model, "services:\n  app:\n    image: a\n    user: b\n", "base.yml")
    add(model, "services:\n  app: {image: c}\n", "over.yml")
    assert model.where("services", "app", "image") == "over.yml, line 2"
    assert model.where("services", "app", "user", "deeper") == "base.yml, line 4"
    assert model.where("volumes") is None


def test_what_is_not_of_one_form_cannot_be_merged() -> None:
    with pytest.raises(ComposeFileError, match=r"1\.yml: x-a\.b cannot be merged"):
        read("x-a: {b: [1]}", "x-a: {b: {c: 1}}")
