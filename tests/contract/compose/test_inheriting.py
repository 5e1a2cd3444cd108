"""`include` and `extends`, and where paths of other files lead, are what Compose makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from bootstrap.stack.loading import examine
from bootstrap_agent.contract.paths import ENV_EXAMPLE
from tests.composer import MISSING, ask, plugin

pytestmark = pytest.mark.skipif(plugin() is None, reason=MISSING)

BASE = "services:\n  base:\n    build: {}\n    environment: {{A: 1, B: 1}}\n    depends_on: [db]\n"
OTHER = {
    "inc/base.yaml": BASE.format("./ctx") + "    volumes: ['./d:/data', 'v:/e']\n    env_file: [b.env]\n",
    "inc/more.yaml": "services: {cache: {image: 'redis:7', volumes: ['./conf:/c', "
    "{type: bind, source: ./l, target: /l}]}}\nvolumes: {w: {}}\nsecrets: {s: {file: ./s.txt}}\n",
    "inc/deep.yaml": "include: [down/most.yaml]\nservices: {deep: {extends: {file: ../base/b.yaml, service: b}}}\n",
    "inc/down/most.yaml": "services: {most: {build: {context: ../x, dockerfile: D}, "
    "env_file: [{path: y.env, required: false}]}}",
    "base/b.yaml": "services: {b: {image: 'b:1', volumes: ['../z:/z:ro']}, c: {extends: b, command: c}}",
    "inc/b.env": "",
}
FIELD = "x-bootstrap: {name: a, health: [/]}\n"
DB = "db: {image: 'postgres:16'}"
CASES = {
    "extends of another file": f"services: {{{DB}, api: {{extends: {{file: inc/base.yaml, service: base}}, "
    "environment: {A: 2}, volumes: ['./z:/data']}}\nvolumes: {v: {}}\n",
    "extends of this file, in a chain": f"services: {{{DB}, w: {{extends: {{service: a}}, command: w}}, "
    "a: {extends: {file: inc/base.yaml, service: base}}}\nvolumes: {v: {}}\n",
    "extends by its name alone": "services: {a: {image: 'a:1', labels: {x: y}}, b: {extends: a, labels: [z=1]}}\n",
    "extends and takes away": "services: {a: {image: 'a:1', ports: ['80:80']}, b: {extends: a, ports: !reset []}}\n",
    "extends a chain of another file": "services: {x: {extends: {file: base/b.yaml, service: c}}}\n",
    "include": "include: [inc/more.yaml]\nservices: {a: {image: 'a:1', volumes: ['w:/w'], secrets: [s]}}\n",
    "include of an include": "include:\n  - path: inc/deep.yaml\nservices: {a: {image: 'a:1', depends_on: [most]}}\n",
    "include from elsewhere": "include: [{path: [inc/more.yaml], project_directory: base}]\n"
    "services: {a: {image: 'a:1'}}\n",
}


def judged(folder: Path, *names: str) -> dict[str, Any] | None:
    return ask(folder, *[f"--file={name}" for name in names]).model


@pytest.mark.parametrize("text", CASES.values(), ids=list(CASES))
@pytest.mark.parametrize("folder", ["", "Docker/"])
def test_what_other_files_bring_is_what_compose_makes_of_it(tmp_path: Path, text: str, folder: str) -> None:
    over = f"{folder}over.yaml"
    for name, content in {**OTHER, "compose.yaml": text, "over.yaml": FIELD}.items():
        (tmp_path / folder / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / name).write_text(content)
    (tmp_path / ENV_EXAMPLE).touch()
    found = examine(tmp_path, [f"{folder}compose.yaml", over])
    assert not found.wrong
    theirs = judged(tmp_path, f"{folder}compose.yaml", over)
    (tmp_path / folder / "ours.yaml").write_text(yaml.safe_dump(found.document))
    ours = judged(tmp_path, f"{folder}ours.yaml")
    assert theirs is not None, ask(tmp_path, f"--file={folder}compose.yaml").said
    assert ours == theirs
    assert found.stack is not None and set(found.stack.also_read) == {
        f"{folder}{name}" for name in OTHER if name.endswith("yaml") and name.rpartition("/")[2] in _named(folder, text)
    }


def _named(folder: str, text: str) -> set[str]:
    names = {name.rpartition("/")[2] for name in OTHER if name in text}
    return names | ({"most.yaml", "b.yaml"} if "deep.yaml" in names else set())


REFUSED = {
    "a service of two files": "include: [inc/more.yaml]\nservices: {cache: {image: 'a:1'}}\n",
    "an include of itself": "include: [compose.yaml]\nservices: {a: {image: 'a:1'}}\n",
    "an extends of itself": "services: {a: {extends: {service: a}}}\n",
    "an extends of nobody": "services: {a: {extends: {service: b}}}\n",
    "an extends of no file": "services: {a: {extends: {file: no.yaml, service: b}}}\n",
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=list(REFUSED))
def test_what_compose_refuses_of_it_is_refused(tmp_path: Path, text: str) -> None:
    for name, content in {**OTHER, "compose.yaml": FIELD + text}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    (tmp_path / ENV_EXAMPLE).touch()
    assert judged(tmp_path, "compose.yaml") is None
    assert examine(tmp_path).wrong


def test_a_built_image_has_the_name_that_compose_gives_it(tmp_path: Path) -> None:
    text = "services: {a: {build: .}, b: {image: 'b:${TAG:-2}'}, c: {image: 'c:${C}'}}\n"
    (tmp_path / "compose.yaml").write_text(FIELD + text)
    (tmp_path / ENV_EXAMPLE).write_text("C=3\n")
    stack = examine(tmp_path).stack
    assert stack is not None and [service.image for service in stack.services] == ["", "b:2", "c:3"]
    assert stack.baked_variables == ("C", "TAG")
    model = ask(tmp_path, f"--env-file={ENV_EXAMPLE}").model
    assert model is not None and [one.get("image", "") for one in model["services"].values()] == ["", "b:2", "c:3"]
