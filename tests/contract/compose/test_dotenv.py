"""`.env` as Compose reads it: what we read it reads too, and what we write arrives at a service as it was given."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bootstrap.deployment import secrets
from bootstrap.errors import UsageError
from bootstrap.stack.env_template import EnvTemplate
from bootstrap.stack.model import Stack
from bootstrap_agent.contract import dotenv
from bootstrap_agent.contract.dotenv import DotenvError
from bootstrap_agent.contract.stack import XBootstrap
from tests.composer import MISSING, ask, plugin
from tests.unit.agent.test_dotenv import ANY, READ, SHOP, TRICKY

pytestmark = pytest.mark.skipif(plugin() is None, reason=MISSING)

ENV = ".env.production"
# an example costs a process
FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
STACK = Stack(Path(), ("compose.yaml",), XBootstrap(name="x", health=("/",)), (), EnvTemplate())
# text that is nearly a file
PIECES = [
    *"ABC=#'\"\\$\n\n {}:-?+\t\x85\u2003xä",
    *("A=", "B='", 'C="', "export ", "${A", "${B:-", "}", "$A", "$$", "\\n", "\\$", " #", " # ", "\r\n", "it's", "=="),
]
LINES = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)
NAMES = st.one_of(
    st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True), st.sampled_from(["USER", "LANG", "PWD"])
)
TEXTS = st.lists(st.one_of(LINES, TRICKY.map("A=".__add__), LINES.map("A=1\nB=".__add__)), min_size=30, max_size=60)


def interpolated(folder: Path, text: str, names: list[str], env: dict[str, str] | None = None) -> dict[str, str] | None:
    """What `${NAME}` is in a Compose file beside the text as the environment's file; None when Compose refuses."""
    (folder / ENV).write_bytes(text.encode())
    service = {"image": "x", "environment": {f"V{at}": f"${{{name}}}" for at, name in enumerate(names)}}
    (folder / "compose.yaml").write_text(yaml.safe_dump({"services": {"a": service}}))
    model = ask(folder, "--file=compose.yaml", f"--env-file={ENV}", env=env).model
    if model is None:
        return None
    found = model["services"]["a"].get("environment", {})
    return {name: plain(found[f"V{at}"]) for at, name in enumerate(names)}


def plain(value: str) -> str:
    """`config` prints a Compose file, in which a dollar is written twice."""
    return value.replace("$$", "$")


@pytest.mark.parametrize(("text", "value"), READ)
def test_every_case_of_the_table_is_composes_own(tmp_path: Path, text: str, value: str) -> None:
    found = interpolated(tmp_path, SHOP + text, ["A"])
    assert found == {"A": value}


@FEW
@given(TEXTS)
def test_what_we_read_compose_reads_too(texts: list[str]) -> None:
    """Many files at once: each is the `env_file` of a service of its own, which has the same grammar."""
    read: list[dict[str, str]] = []
    with tempfile.TemporaryDirectory() as place:
        for text in texts:
            try:
                values = dotenv.composed(text, "x")
            except DotenvError:
                continue
            (Path(place) / f"{len(read)}.env").write_bytes(text.encode())
            read.append(values)
        services = {f"s{at}": {"image": "x", "env_file": f"{at}.env"} for at in range(len(read))}
        (Path(place) / "compose.yaml").write_text(yaml.safe_dump({"services": services or {"s": {"image": "x"}}}))
        answer = ask(Path(place), "--file=compose.yaml")
        assert answer.model is not None, answer.said
        for at, values in enumerate(read):
            judged = answer.model["services"][f"s{at}"].get("environment", {})
            assert {name: plain(value) for name, value in judged.items()} == values


@FEW
@given(st.dictionaries(NAMES, st.one_of(ANY, TRICKY), max_size=20))
def test_any_names_and_values_arrive_as_they_were_given_or_are_refused(values: dict[str, str]) -> None:
    """The operator's file, the laptop, the droplet's file, Compose: with a machine that has its own idea of each."""
    with tempfile.TemporaryDirectory() as place:
        own = Path(place) / "own.env"
        own.write_bytes(dotenv.render(values).encode())
        try:
            written = secrets.compose(STACK, "example.com", given=secrets.read_env_file(own), existing={})
        except UsageError:
            # what the droplet sets itself, what looks like a placeholder
            assert values.keys() & set(dotenv.RESERVED) or [one for one in values.values() if "<" in one or "\0" in one]
            return
        assert written == {name: value.replace("<domain>", "example.com") for name, value in values.items()}
        on_droplet = dotenv.render(written)
        assert dotenv.final(on_droplet) == written
        machine = {"PATH": "/bin", "HOME": "/root", "RELEASE": "r"}
        assert interpolated(Path(place), on_droplet, list(written), machine) == written


@pytest.mark.parametrize("name", ["A.B", "A-B", "1A", "Ä", "A B", "", "A\n", "=", "#A", "A[0]"])
def test_a_name_that_no_service_could_refer_to_is_refused_with_its_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(DotenvError):
        dotenv.render({name: "x"})
    own = tmp_path / "own.env"
    own.write_text(f"OK=1\n{name}=secret\n")
    if name == "#A":
        assert secrets.read_env_file(own) == {"OK": "1"}
        return
    with pytest.raises(UsageError) as caught:
        secrets.read_env_file(own)
    assert "own.env, line " in caught.value.message and "secret" not in caught.value.message


def test_a_variable_of_the_machine_would_win_which_is_why_it_gets_none(tmp_path: Path) -> None:
    assert interpolated(tmp_path, "USER=shop\n", ["USER"], {"USER": "root"}) == {"USER": "root"}
    assert interpolated(tmp_path, "USER=shop\n", ["USER"]) == {"USER": "shop"}
