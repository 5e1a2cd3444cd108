"""Several files are the model that Compose makes of them, and its YAML is read as Compose reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from bootstrap.stack.files import OVERRIDES, STANDARD, find
from bootstrap_agent.compose import base_argv, clean_environment
from bootstrap_agent.contract.composefile import ComposeFileError, read
from tests.composer import MISSING, ask, plugin, version

pytestmark = pytest.mark.skipif(plugin() is None, reason=MISSING)

BASE = """
x-bootstrap: {name: a, health: [/], drain: [app], volumes: {a: 1}}
services:
  app:
    image: a:1
    build: {context: ., args: {A: 1, B: 2}}
    command: [a, b]
    environment: {A: 1, B: "two", C: true, D: 1.5}
    env_file: [.env]
    labels: [x=1, y=2]
    depends_on: [db]
    networks: [front]
    volumes: ["./a:/a", "data:/data/"]
    cap_drop: [ALL]
    profiles: [one]
    logging: {driver: json-file, options: {max-size: 10m}}
    healthcheck: {test: [CMD, "true"], interval: 5s}
    dns: 1.1.1.1
  db: {image: "postgres:16"}
networks: {front: {}, back: {}}
volumes: {data: {labels: {a: b}}}
"""
OVERS = [
    "services: {app: {environment: [B=3, E=4]}}",
    "services: {app: {environment: {B: !reset null}}}",
    "services: {app: {command: c, entrypoint: [e]}}",
    "services: {app: {build: ./other}}",
    "services: {app: {build: {args: [B=3, C=4]}}}",
    "services: {app: {labels: {y: 3, z: 4}}}",
    "services: {app: {depends_on: {db: {condition: service_healthy}}}}",
    "services: {app: {networks: {back: {aliases: [x]}}}}",
    "services: {app: {volumes: ['./b:/data', 'data:/c:ro']}}",
    "services: {app: {volumes: !override ['./b:/b']}}",
    "services: {app: {volumes: !reset []}}",
    "services: {app: {cap_drop: [ALL, CHOWN]}}",
    "services: {app: {logging: {driver: none}}}",
    "services: {app: {logging: {options: {max-file: '3'}}}}",
    "services: {app: {healthcheck: {test: [CMD, 'false'], timeout: 3s}}}",
    "services: {app: {dns: [1.1.1.1, 9.9.9.9]}}",
    "services: {app: {image: null, profiles: [two, one]}}",
    "services: {app: !override {image: b}}",
    "services: {db: !reset null, app: {depends_on: !reset []}}",
    "services: {on: {image: x, ports: [2222:22]}}",
    "x-bootstrap: {drain: [db], volumes: {b: 2}, name: b}",
    "x-bootstrap: !override {name: c}",
    "services: {a: {image: x}}\n---\nservices: {b: {image: y}}\n",
]


@pytest.mark.parametrize("over", OVERS)
def test_two_files_are_what_compose_makes_of_them(tmp_path: Path, over: str) -> None:
    (tmp_path / "compose.yaml").write_text(BASE)
    (tmp_path / "over.yaml").write_text(over)
    (tmp_path / ".env").touch()
    judged = ask(tmp_path, "--file=compose.yaml", "--file=over.yaml").model
    ours = read([tmp_path / "compose.yaml", tmp_path / "over.yaml"]).document
    # the judge reads one file that holds our model: both answers are of one form then
    folder = tmp_path / "ours"
    folder.mkdir()
    (folder / ".env").touch()
    (folder / "compose.yaml").write_text(yaml.safe_dump(ours))
    again = ask(folder, f"--project-directory={tmp_path}", "--file=compose.yaml").model
    assert judged is not None and again is not None
    field = judged.pop("x-bootstrap")
    assert again.pop("x-bootstrap") == ours["x-bootstrap"] and again == judged
    # 2.26 takes that of the last file whole; nobody but us reads it
    assert version() < (2, 30) or field == ours["x-bootstrap"]


@pytest.mark.parametrize(
    "text",
    [
        "services: {a: {image: x}, a: {image: y}}",
        "services: {a: {image: x, environment: {1: x}}}",
        "services: {a: {image: [}}",
        "services: &s {a: *s}",
        "- a",
    ],
)
def test_what_compose_refuses_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "compose.yaml").write_text(text)
    assert ask(tmp_path).model is None
    with pytest.raises(ComposeFileError):
        read([tmp_path / "compose.yaml"])


def test_a_scalar_is_what_compose_takes_it_for(tmp_path: Path) -> None:
    values = ["on", "yes", "2222:22", "0777", "0o17", "0x1F", "08", "1_000", "1.5", "~", "true", "-0", ".5", "null"]
    lines = "".join(f"  v{number}: {value}\n" for number, value in enumerate(values))
    (tmp_path / "compose.yaml").write_text(f"services: {{a: {{image: x}}}}\nx-it:\n{lines}")
    judged = ask(tmp_path).model
    assert judged is not None and judged["x-it"] == read([tmp_path / "compose.yaml"]).document["x-it"]


@pytest.mark.parametrize("names", [(name, *over) for name in STANDARD for over in [(), *[(o,) for o in OVERRIDES]]])
def test_the_files_that_compose_finds_are_those_that_we_find(tmp_path: Path, names: tuple[str, ...]) -> None:
    for name in names:
        mark = name.replace(".", "-")
        (tmp_path / name).write_text(f"services: {{{mark}: {{image: x}}}}\n")
    assert found(ask(tmp_path).model) == {name.replace(".", "-") for name in find(tmp_path).files}


def test_of_all_of_them_the_same_two(tmp_path: Path) -> None:
    for name in (*STANDARD, *OVERRIDES):
        mark = name.replace(".", "-")
        (tmp_path / name).write_text(f"services: {{{mark}: {{image: x}}}}\n")
    assert found(ask(tmp_path).model) == {name.replace(".", "-") for name in find(tmp_path).files}


def test_nothing_of_the_machines_environment_gets_into_the_stack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("USER", "root")
    monkeypatch.setenv("SHELL", "/bin/sh")
    (tmp_path / "compose.yaml").write_text('services: {a: {image: x, environment: ["U=${USER}", "S=${SHELL-none}"]}}')
    (tmp_path / ".env.production").write_text("USER=shop\n")
    docker_compose, *arguments = base_argv(["compose.yaml"], ".env.production")[1:]
    assert docker_compose == "compose"
    model = ask(tmp_path, *arguments, env=clean_environment("r")).model
    assert model is not None and model["services"]["a"]["environment"] == {"U": "shop", "S": "none"}


def found(model: dict[str, Any] | None) -> set[str]:
    assert model is not None
    return set(model["services"])
