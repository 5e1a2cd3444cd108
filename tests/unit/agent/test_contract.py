"""The contract's own rules: forms say all that is wrong, names are those of the image's files."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from bootstrap.errors import CredentialsError, HostError
from bootstrap_agent import loading
from bootstrap_agent.contract import answers, form, paths, units
from bootstrap_agent.contract import stack as x_bootstrap
from bootstrap_agent.contract.deployment import Acme, Backup, Deployment, Spaces
from bootstrap_agent.contract.release import Release

ROOT = Path(__file__).resolve().parents[3]
SYSTEMD = ROOT / "packer" / "files" / "systemd"
RELEASE = Release(name="r", stack_dir="/s", compose_file="c.yml", images={"postgres:17": "sha256:x"})
DEPLOYMENT = Deployment(
    domain="example.com",
    names=("example.com",),
    key="example_com",
    volume="v",
    acme=Acme("https://ca.example/dir"),
    spaces=Spaces("e", "r", "b", "p/"),
    backup=Backup(7),
)


def test_units_are_the_images_files_and_every_file_is_known() -> None:
    there = {path.name for path in SYSTEMD.iterdir()}
    named = {
        *units.AT_BOOT,
        units.MAINTENANCE,
        *units.TIMERS,
        *(name.replace(".timer", ".service") for name in units.TIMERS),
    }
    assert named == there and all(name.startswith(units.PATTERN.removesuffix("*")) for name in there)


def test_the_images_scripts_put_things_where_the_contract_says() -> None:
    scripts = "".join(path.read_text() for path in sorted((ROOT / "packer" / "scripts").glob("*.sh")))
    for wanted in (paths.AGENT, paths.ETC, paths.DATA, paths.APPS, paths.ENV_EXAMPLE, paths.USER):
        assert str(wanted) in scripts, wanted
    # the laptop says which Compose files there are
    template = (ROOT / "packer" / "droplet.pkr.hcl").read_text()
    assert paths.COMPOSE_FILE in template and "STACK_COMPOSE_FILE" in template and "STACK_COMPOSE_FILE" in scripts


def test_everything_wrong_is_listed_each_with_its_place() -> None:
    raw = {
        "name": "Not A Name",
        "health": ["x"],
        "reconcile": [{"service": "db", "command": []}, {"command": "true"}],
        "jobs": ["a", ["b", 3]],
        "databases": {"service": "db", "names": {}, "admin_user": None},
        "secrets": {"A": 8},
        "volumes": {"a": "5", "b": "x"},
        "certificate": {"install": "/etc", "reload": ["web"]},
        "nme": 1,
    }
    with pytest.raises(form.FormError) as caught:
        x_bootstrap.parse(raw, closed=True)
    assert {problem.where.removeprefix("x-bootstrap.") for problem in caught.value.problems} == {
        *("name", "health", "reconcile.0.command", "reconcile.1.service", "reconcile.1.command", "jobs.1.1"),
        *("databases.names", "databases.admin_user", "secrets", "volumes.b", "certificate.install"),
        *("certificate.reload", "nme"),
    }


@pytest.mark.parametrize("raw", [None, [], "x", 3, {"name": "x", "health": {"/": 1}}, {1: 2}])
def test_nothing_is_too_odd_to_be_refused(raw: object) -> None:
    with pytest.raises(form.FormError, match="x-bootstrap"):
        x_bootstrap.parse(raw)


def test_a_number_may_be_written_as_text_in_a_stack_but_not_in_an_answer() -> None:
    assert x_bootstrap.parse({"name": "x", "health": ["/"], "volumes": {"data": "999"}}).volumes == {"data": 999}
    with pytest.raises(form.FormError, match="tables: Expected `int`"):
        form.read({"tables": "1", "rows": 2}, answers.RestoredDatabase)


@pytest.mark.parametrize(
    "value",
    [
        RELEASE,
        DEPLOYMENT,
        answers.Info(RELEASE, None, "done", ("/",)),
        answers.Ensured("x", datetime(2027, 1, 1, tzinfo=timezone.utc), True),
        answers.Secrets({"A": "b"}, answers.Credentials(answers.SpacesKey("a", "s"))),
    ],
)
def test_what_is_written_is_read_back(value: Any) -> None:
    assert form.decode(form.encode(value, indent=1), type(value), closed=True) == value


def test_a_time_is_text_that_other_programs_read() -> None:
    told = form.encode(answers.Certificate("x", datetime(2027, 2, 2, 5, 6, 7, tzinfo=timezone.utc)))
    assert told == '{"issuer":"x","not_after":"2027-02-02T05:06:07Z"}'


def test_no_secret_is_shown_when_a_struct_is() -> None:
    secrets = answers.Secrets({"PASSWORD": "hunter2"}, answers.Credentials(answers.SpacesKey("id", "hunter2")))
    assert "hunter2" not in f"{secrets!r} {secrets} {secrets.credentials!r} {[secrets]}"


def test_the_files_of_a_droplet_are_loaded_or_named(tmp_path: Path) -> None:
    file = tmp_path / "file.json"
    file.write_text(form.encode(RELEASE))
    assert loading.release(file) == RELEASE
    file.write_text(form.encode(DEPLOYMENT).replace('"domain"', '"of_a_later_day": 1, "domain"'))
    assert loading.deployment(file) == DEPLOYMENT
    with pytest.raises(CredentialsError, match="no Spaces key in"):
        loading.spaces_key(file)
    file.write_text(form.encode(answers.Credentials(answers.SpacesKey("a", "s"))))
    assert loading.spaces_key(file) == answers.SpacesKey("a", "s")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "does not exist"),
        ("{", "is no JSON"),
        ("{}", "is not of version 1"),
        ('{"version": 2}', "is not of version 1"),
        ('{"version": 1, "name": "r"}', "is incomplete: stack_dir: Field required"),
    ],
)
def test_what_no_release_is_says_why(tmp_path: Path, text: str | None, said: str) -> None:
    file = tmp_path / "release.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(HostError, match=said) as caught:
        loading.release(file)
    assert str(file) in caught.value.message and caught.value.remedy
