"""No Compose file crashes us: whatever stands in it, there are findings or one clean line."""

from __future__ import annotations

import copy
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bootstrap.errors import UsageError
from bootstrap.stack.check import check
from bootstrap.stack.loading import load
from bootstrap_agent.contract.paths import COMPOSE_FILE, ENV_EXAMPLE

ROOT = Path(__file__).resolve().parents[3]
TEXTS = {folder: (ROOT / folder / COMPOSE_FILE).read_text() for folder in ("stack", "examples/hello")}
OURS = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
ODD = [
    *("", "/", ".", "..", "~", ":", "::", "a:b:c:d", "$", "${", "${A", "$$", "${A:-${B}}", "/srv/data/"),
    "x" * 5000,
    *("a\0b", "1-2:3-4", "9-1:1", "99999999:1", "[::1]:1:1", "postgres:", "rabbitmq", "@", "-"),
]
SCALARS = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12), st.sampled_from(ODD)),
)
KEYS = st.sampled_from(["name", "file", "source", "target", "type", "external", "x"])
ANY = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=6,
)
SPLINTERS = st.one_of(st.text(max_size=3), st.sampled_from([*"&*!|>%@`{}[]:-#?\t\n", "<<: *x", "!reset ", "&a "]))


def places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield place
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inside:
        yield from places(one, (*place, key))


DOCUMENTS = {folder: yaml.safe_load(text) for folder, text in TEXTS.items()}
PLACES = {folder: [place for place in places(document) if place] for folder, document in DOCUMENTS.items()}


@contextmanager
def stack(compose: str, env: str = "A=1\n") -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / COMPOSE_FILE).write_bytes(compose.encode("utf-8", "surrogatepass"))
        (Path(folder) / ENV_EXAMPLE).write_text(env)
        yield Path(folder)


def survives(folder: Path) -> None:
    lines = [finding.line for finding in check(folder)]
    assert all("\n" not in line and line.count(": ") >= 2 for line in lines)
    try:
        load(folder)
    except UsageError as error:
        assert error.remedy and "\n" not in error.message
        assert [line for line in lines if line.startswith("error")]


@OURS
@given(st.data())
def test_anything_in_any_place(data: st.DataObject) -> None:
    folder = data.draw(st.sampled_from(sorted(DOCUMENTS)))
    document = copy.deepcopy(DOCUMENTS[folder])
    for place in data.draw(st.lists(st.sampled_from(PLACES[folder]), min_size=1, max_size=3)):
        put(document, place, data.draw(ANY))
    with stack(yaml.safe_dump(document)) as path:
        survives(path)


def put(document: Any, place: tuple[Any, ...], value: Any) -> None:
    """Where another change has taken the place away, nothing."""
    inside = document
    try:
        for step in place[:-1]:
            inside = inside[step]
        if isinstance(inside, (dict, list)):
            inside[place[-1]] = value
    except (KeyError, IndexError, TypeError):
        return


def cut(text: str, at: int, length: int) -> str:
    return text[:at] + text[at + length :]


@OURS
@given(st.data())
def test_a_text_with_holes_and_splinters(data: st.DataObject) -> None:
    text = TEXTS[data.draw(st.sampled_from(sorted(TEXTS)))]
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        splinter = data.draw(SPLINTERS)
        text = cut(text[:at] + splinter + text[at:], at, data.draw(st.integers(0, 30)))
    with stack(text) as path:
        survives(path)


@OURS
@given(st.text(max_size=200))
def test_any_text_at_all(text: str) -> None:
    with stack(text.encode("utf-8", "replace").decode()) as path:
        survives(path)


@OURS
@given(st.text(st.sampled_from("AB=\"'$\\{}:-?+# \n<>"), max_size=40))
def test_any_example_beside_it(env: str) -> None:
    with stack(TEXTS["examples/hello"], env) as path:
        survives(path)


@pytest.mark.parametrize("raw", [b"\xff\xfe", b"\x00", b"a: \xed\xa0\x80", b"\xef\xbb\xbfservices: {}", b""])
def test_any_bytes(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / COMPOSE_FILE).write_bytes(raw)
    (tmp_path / ENV_EXAMPLE).write_bytes(raw)
    survives(tmp_path)


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.symlink_to(path)])
def test_what_is_no_file(tmp_path: Path, make: Callable[[Path], None]) -> None:
    shutil.copytree(ROOT / "examples" / "hello", tmp_path, dirs_exist_ok=True)
    (tmp_path / COMPOSE_FILE).unlink()
    make(tmp_path / COMPOSE_FILE)
    survives(tmp_path)
