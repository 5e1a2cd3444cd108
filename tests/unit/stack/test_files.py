"""Which Compose files are read: those that Compose itself would take, unless somebody names others."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bootstrap import settings
from bootstrap.adapters.checkout import GitCheckout
from bootstrap.cli import main
from bootstrap.errors import UsageError
from bootstrap.images.inputs import collect
from bootstrap.stack.check import check
from bootstrap.stack.errors import StackError
from bootstrap.stack.files import OVERRIDES, STANDARD, Found, find
from bootstrap.stack.loading import load
from bootstrap_agent import loading
from bootstrap_agent.contract.paths import COMPOSE_FILE, ENV_EXAMPLE
from bootstrap_agent.contract.release import Release

BASE = "services: {app: {image: 'app:1', ports: ['443:443'], environment: {A: 1, B: 2}}}\n"
FIELD = "x-bootstrap: {name: shop, health: [/]}\n"
OVER = FIELD + "services: {app: {environment: [B=3], ports: !override ['8443:443']}}\n"


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    (folder / ENV_EXAMPLE).touch()
    return folder


@pytest.mark.parametrize("name", STANDARD)
@pytest.mark.parametrize("override", OVERRIDES)
def test_a_standard_name_is_found_with_its_override(tmp_path: Path, name: str, override: str) -> None:
    (tmp_path / name).write_text(BASE)
    assert find(tmp_path) == Found((name,))
    (tmp_path / override).write_text(OVER)
    assert find(tmp_path) == Found((name, override))
    (tmp_path / ENV_EXAMPLE).touch()
    assert load(tmp_path).compose_file == f"{name}:{override}"


def test_of_several_the_first_in_composes_order_is_taken_and_the_others_are_told(tmp_path: Path) -> None:
    for name in (*STANDARD, *OVERRIDES):
        (tmp_path / name).write_text(FIELD + BASE)
    (tmp_path / ENV_EXAMPLE).touch()
    assert find(tmp_path) == Found(("compose.yaml", "compose.override.yml"), (*STANDARD[1:], *OVERRIDES[1:]))
    said = "warning: docker-compose.yml: is not read: Compose takes compose.yaml, compose.override.yml"
    assert [line for line in (finding.line for finding in check(tmp_path)) if line.startswith(said)]


def test_a_stack_of_before_keeps_its_file_whatever_stands_beside_it(tmp_path: Path) -> None:
    for name in (*STANDARD, *OVERRIDES, COMPOSE_FILE, "more.yml"):
        (tmp_path / name).write_text(BASE)
    assert find(tmp_path) == find(tmp_path, (), "compose.yaml:more.yml") == Found((COMPOSE_FILE,))
    assert find(tmp_path, (), f"compose.yaml:{COMPOSE_FILE}") == Found(("compose.yaml", COMPOSE_FILE))
    assert find(tmp_path, ("more.yml",), "compose.yaml") == Found(("more.yml",))


def test_the_example_may_name_them_as_compose_reads_it(tmp_path: Path) -> None:
    write(tmp_path, base_yml=BASE, prod_yml=OVER)
    (tmp_path / ENV_EXAMPLE).write_text("COMPOSE_FILE=base.yml:prod.yml # as everywhere\n")
    assert load(tmp_path).compose_files == ("base.yml", "prod.yml")


@pytest.mark.parametrize(
    ("named", "said"),
    [
        (("absent.yml",), "compose_files: there is no absent.yml"),
        (("../compose.yml",), "'../compose.yml' is no file inside the stack"),
        (("/etc/passwd",), "'/etc/passwd' is no file inside the stack"),
        (("a:b.yml",), "'a:b.yml' is no file inside the stack"),
        (("compose.yaml", "compose.yaml"), "a file stands there twice"),
    ],
)
def test_a_file_that_cannot_be_is_named(tmp_path: Path, named: tuple[str, ...], said: str) -> None:
    write(tmp_path, compose_yaml=BASE)
    with pytest.raises(StackError) as caught:
        find(tmp_path, named)
    assert said in caught.value.message and caught.value.remedy


def test_laptop_and_droplet_read_the_same_field_of_all_files_together(tmp_path: Path) -> None:
    write(tmp_path, compose_yaml=FIELD + BASE, compose_override_yml="x-bootstrap: {health: [/ready], drain: [app]}\n")
    stack = load(tmp_path)
    release = Release(name="r", stack_dir=str(tmp_path), compose_file=stack.compose_file, images={})
    on_droplet = loading.x_bootstrap(*(tmp_path / name for name in release.compose_files))
    assert on_droplet == stack.bootstrap
    assert (on_droplet.health, on_droplet.drain) == (("/", "/ready"), ("app",))


def test_the_command_takes_what_bootstrap_yaml_names_for_that_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, app__compose_yml=BASE, app__prod_yml=OVER)
    (tmp_path / "app" / ENV_EXAMPLE).touch()
    monkeypatch.chdir(tmp_path)
    assert main.run(["stack", "check", "app"]) == 2
    assert "compose.yml: has no x-bootstrap field" in capsys.readouterr().out
    (tmp_path / "bootstrap.yaml").write_text("stack: app\ncompose_files: [compose.yml, prod.yml]\n")
    main.run(["stack", "check", "app"])
    shown = capsys.readouterr().out
    assert "has no x-bootstrap" not in shown and "port 8443 is published" in shown


def test_what_bootstrap_yaml_names_is_of_its_own_stack_only(tmp_path: Path) -> None:
    config = tmp_path / "bootstrap.yaml"
    config.write_text("domain: a.example\nstack: app\ncompose_files: one.yml\n")
    assert settings.load(config, {}, {}).compose_files == ("one.yml",)
    assert settings.load(config, {"stack": tmp_path / "app"}, {}).compose_files == ("one.yml",)
    assert settings.load(config, {"stack": tmp_path / "other"}, {}).compose_files == ()


def test_paths_are_of_the_first_files_folder_as_compose_has_it(tmp_path: Path) -> None:
    service = "services: {app: {image: 'a:1', build: ../app, volumes: ['../conf:/c:ro', './own:/o:ro', '../../x:/x']}}"
    write(tmp_path, Docker__compose_yml=FIELD + service, app__Dockerfile="FROM a\nUSER 1000\n", conf__x="")
    (tmp_path / "Docker" / "own").mkdir()
    stack = load(tmp_path, ["Docker/compose.yml"])
    assert stack.compose_file == "Docker/compose.yml"
    lines = [finding.line for finding in check(tmp_path, ["Docker/compose.yml"])]
    assert [line for line in lines if "../../x is outside of the stack" in line]
    assert not [line for line in lines if "../conf" in line or "./own" in line or "seems to run as root" in line]


def test_a_file_that_git_ignores_is_refused_before_anything_is_baked(tmp_path: Path) -> None:
    write(tmp_path, compose_yaml=FIELD + BASE, compose_override_yml=OVER, _gitignore="*.override.yml\n")
    for argv in (["init", "-q"], ["add", "compose.yaml"]):
        subprocess.run(["git", "-C", str(tmp_path), *argv], check=True)
    (tmp_path / "packer").mkdir()
    with pytest.raises(UsageError, match=r"compose\.override\.yml: git ignores it"):
        collect(GitCheckout(tmp_path), load(tmp_path), tmp_path / "agent.whl")


def test_findings_tell_the_file_and_the_line(tmp_path: Path) -> None:
    write(tmp_path, compose_yaml=BASE, compose_override_yml=FIELD + "services:\n  app:\n    privileged: true\n")
    (line,) = [one.line for one in check(tmp_path) if "is privileged" in one.line]
    assert line.endswith("(compose.override.yml, line 3)")


@pytest.mark.parametrize(
    ("app", "files", "said"),
    [
        (
            "build: .", {"Dockerfile": "FROM a\nCOPY main.py \\\n dist/ /app/\n", "dist/x": "", "main.py": ""},
            "build: git ignores dist,",
        ),
        ("build: .", {"Dockerfile": "FROM a\nCOPY --from=b dist /app\nCOPY *.py src/ /app/\n", "src/a": ""}, ""),
        ("image: a\n    volumes: ['./dist:/d:ro']", {"dist/x": ""}, "volumes: git ignores dist,"),
        ("image: a\n    volumes: ['./dist:/d:ro', './tls:/t:ro']", {"tls/privkey.pem": ""}, ""),
        ("image: a\n    env_file: app.ini", {"app.ini": ""}, "env_file: git ignores app.ini,"),
        (
            "image: a\n    secrets: [s]\nsecrets: {s: {file: ./dist/s}}", {"dist/s": ""},
            "secrets.s: git ignores dist/s,",
        ),
    ],
)  # fmt: skip
def test_what_a_stack_needs_and_git_ignores_is_told_with_its_place(
    tmp_path: Path, app: str, files: dict[str, str], said: str
) -> None:
    field = "x-bootstrap: {name: a, health: [/], certificate: {install: tls, reload: [app, reload]}}\n"
    write(tmp_path, compose_yaml=f"{field}services:\n  app:\n    {app}\n", _gitignore="dist/\n*.pem\n*.ini\n")
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    subprocess.run(["git", "-C", str(tmp_path), "init", "-q"], check=True)
    (tmp_path / "packer").mkdir()
    (tmp_path / "agent.whl").touch()
    if said:
        with pytest.raises(UsageError, match=said):
            collect(GitCheckout(tmp_path), load(tmp_path), tmp_path / "agent.whl")
    else:
        collect(GitCheckout(tmp_path), load(tmp_path), tmp_path / "agent.whl")
