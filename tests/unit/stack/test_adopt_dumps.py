"""What adopting writes for databases that are no PostgreSQL: it is run, with programs that say what they were told."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from bootstrap_agent import loading
from bootstrap_agent.contract.stack import Dump
from tests.unit.stack.test_adopt import WEB, Case, adopted

PROGRAMS = ("mysqldump", "mysql", "mariadb-dump", "mariadb", "mongodump", "mongorestore", "mongosh")
# what it was called with, what its configuration says, and the password that it was given
SAYS = """#!/bin/bash
echo "$(basename "$0") $*" >&2
for word; do case $word in --config=*) echo "config $(<"${word#--config=}")" >&2 ;; esac; done
echo "MYSQL_PWD ${MYSQL_PWD:-}" >&2
case "$*" in *schemata*) printf 'shop\\nstock\\n' ;; esac
"""
SECRET = "s3cret-Word"


def database(folder: Path, image: str, environment: str) -> Dump:
    data = f"{{image: '{image}', environment: {environment}, volumes: ['d:/x']}}"
    text = f"services:\n{WEB}  data: {data}\nvolumes: {{d: }}\n"
    made = adopted(folder, Case(text))
    return loading.x_bootstrap(*(folder / name for name in (*made.files, made.override))).dumps["data"]


def run(folder: Path, command: tuple[str, ...], given: dict[str, str]) -> list[str]:
    """The lines that the programs said, in their order."""
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    for name in PROGRAMS:
        (programs / name).write_text(SAYS)
        (programs / name).chmod(0o755)
    env = {"PATH": f"{programs}:{os.environ['PATH']}", **given}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL)
    return done.stderr.splitlines()


@pytest.mark.parametrize(
    ("image", "names", "user", "programs"),
    [
        ("mysql:8", {"MYSQL_ROOT_PASSWORD": SECRET}, "root", ("mysqldump", "mysql")),
        ("mysql:8", {"MYSQL_USER": "shop", "MYSQL_PASSWORD": SECRET}, "shop", ("mysqldump", "mysql")),
        ("mariadb:11", {"MARIADB_ROOT_PASSWORD": SECRET}, "root", ("mariadb-dump", "mariadb")),
        ("mariadb:10", {"MYSQL_ROOT_PASSWORD": SECRET}, "root", ("mariadb-dump", "mariadb")),
        ("mariadb:11", {"MARIADB_ROOT_PASSWORD_FILE": "file"}, "root", ("mariadb-dump", "mariadb")),
    ],
)
def test_mysql_and_its_like(
    tmp_path: Path, image: str, names: dict[str, str], user: str, programs: tuple[str, str]
) -> None:
    known = database(tmp_path, image, "{" + ", ".join(f"{name}: x" for name in names) + "}")
    (tmp_path / "file").write_text(SECRET)
    given = {name: str(tmp_path / "file") if value == "file" else value for name, value in names.items()}
    for command in (known.dump, known.restore, known.ready, known.count):
        assert command
        lines = run(tmp_path, command, given)
        told = [line for line in lines if not line.startswith("MYSQL_PWD")]
        assert told and not any(SECRET in line for line in told), "no argument is a secret"
        assert {line for line in lines if line.startswith("MYSQL_PWD")} == {f"MYSQL_PWD {SECRET}"}
        assert all(f"--user={user} " in f"{line} " for line in told)
    dumped = next(line for line in run(tmp_path, known.dump, given) if line.startswith(f"{programs[0]} "))
    assert "--single-transaction" in dumped and dumped.endswith("--databases shop stock")
    assert ("--routines" in dumped) == (user == "root")
    assert run(tmp_path, known.restore, given)[0].startswith(f"{programs[1]} ")


@pytest.mark.parametrize("names", [{}, {"MONGO_INITDB_ROOT_USERNAME": "root", "MONGO_INITDB_ROOT_PASSWORD": SECRET}])
def test_mongo(tmp_path: Path, names: dict[str, str]) -> None:
    known = database(tmp_path, "mongo:8", "{" + ", ".join(f"{name}: x" for name in names) + "}")
    for command in (known.dump, known.restore):
        told, *more = run(tmp_path, command, names)
        assert "--archive" in told and SECRET not in told
        assert ("--username=root" in told, f'config password: "{SECRET}"' in more) == (bool(names), bool(names))
    assert known.ready and "ping" in run(tmp_path, known.ready, names)[0]
    assert "--drop" in known.restore[-1] and "admin.*" in known.restore[-1], "the password stays that of the stack"


def test_one_whose_password_nobody_has_is_left(tmp_path: Path) -> None:
    case = Case(f"services:\n{WEB}  data: {{image: 'mysql:8', environment: {{MYSQL_RANDOM_ROOT_PASSWORD: 'yes'}}}}\n")
    assert any("x-bootstrap.dumps" in str(told) for told in adopted(tmp_path, case).left)
