"""Small Compose files that people bring: what `stack check` says of each, beside what Compose does with it, which
tests/contract/compose/test_inputs.py asks of Compose itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bootstrap.cli import main
from bootstrap.errors import UsageError
from bootstrap.stack.check import check
from bootstrap.stack.loading import load
from bootstrap_agent.contract.paths import ENV_EXAMPLE

TAKES = ""


@dataclass(frozen=True)
class Case:
    """`text` is the Compose file below `x-bootstrap`; `compose` is a part of Compose's refusal, or TAKES; `says` is a
    part of our line, empty where nothing of the kind is to be said: then no line holds `never`."""

    text: str
    compose: str
    says: str
    never: str = "error"
    env: str = ""
    files: Mapping[str, str] = field(default_factory=dict)


# a service that is right: the cases below change one thing
APP = "services:\n  app: {image: 'a:1', ports: ['80:80', '443:443'], restart: always, user: '1'"
PG = "/var/lib/postgresql"
DATA = "volumes: {dd: {driver_opts: {type: none, o: bind, device: /srv/data/dd}}}\n"


def app(entries: str, more: str = "") -> str:
    return f"{APP}, {entries}}}\n{more}"


def db(image: str, entries: str = "", more: str = "") -> str:
    return f"{APP}}}\n  db: {{image: '{image}'{entries and f', {entries}'}}}\n{more}"


CASES = {
    "a range of ports": Case(
        f"{APP.replace('443:443', '443-444:443-444')}}}", TAKES,
        "warning: services.app.ports: port 443-444 is published on every address; only 22, 80 and 443 get through",
    ),
    "a range is the door too": Case(f"{APP.replace('443:443', '443-444:443-444')}}}", TAKES, "", "port 443, so"),
    "a port that YAML 1.1 takes for a number": Case(
        "services:\n  app:\n    image: a:1\n    ports:\n      - 2222:22\n", TAKES,
        "services.app.ports: port 2222 is published"
    ),
    "a port with a default": Case(f"{APP.replace('443:443', '${HTTPS_PORT:-443}:443')}}}", TAKES, "", "443"),
    "a port from the example": Case(
        f"{APP.replace('443:443', '${HTTPS_PORT}:443')}}}", TAKES, "", "443", env="HTTPS_PORT=443\n"
    ),
    "a database's folder with a default": Case(
        db("postgres:16", f"volumes: ['${{DB_PATH:-./pgdata}}:{PG}/data']"), TAKES,
        "error: services.db.volumes: ./pgdata holds a database, and a new droplet does not have it",
    ),
    "PostgreSQL without a volume": Case(
        db("postgres:16"), TAKES,
        f"error: services.db.volumes: its data in {PG}/data are on no volume that has a name: lost at the next",
    ),
    "PostgreSQL's volume one folder above": Case(
        db("postgres:16", f"volumes: ['dd:{PG}']", DATA), TAKES,
        f"error: services.db.volumes: {PG} is not where this image keeps its data, {PG}/data is: lost at",
    ),
    "PostgreSQL's volume where it belongs": Case(
        db("postgres:16", f"volumes: ['dd:{PG}/data/']", DATA), TAKES, "", "services.db.volumes"
    ),
    "PostgreSQL 18 has another place": Case(
        db("postgres:18-alpine", f"volumes: ['dd:{PG}/data']", DATA), TAKES,
        f"error: services.db.volumes: its data in {PG}/18/docker are on no volume that has a name",
    ),
    "PostgreSQL 18 in its place": Case(
        db("postgres:18", f"volumes: ['dd:{PG}']", DATA), TAKES, "", "services.db.volumes"
    ),
    "PGDATA elsewhere": Case(
        db("postgres:16", "environment: [PGDATA=/x/pg], volumes: ['dd:/x']", DATA), TAKES, "", "services.db.volumes"
    ),
    "a version in a variable": Case(
        db("postgres:${PG:-18}", f"volumes: ['dd:{PG}']", DATA), TAKES, "", "services.db.volumes"
    ),
    "MySQL in memory": Case(
        db("mysql:8", "volumes: [{type: tmpfs, target: /var/lib/mysql}]"), TAKES,
        "error: services.db.volumes: its data in /var/lib/mysql are on no volume",
    ),
    "a database under another name": Case(
        db("mine:1", "volumes: ['./x:/var/lib/mysql']"), TAKES, "error: services.db.volumes: ./x holds a database"
    ),
    "an application that keeps files": Case(
        db("nextcloud:30"), TAKES,
        "error: services.db.volumes: what it keeps in /var/www/html is on no volume that has a name: lost at the next",
    ),
    "an application whose files have a volume": Case(
        db("nextcloud:30", "volumes: ['dd:/var/www/html']", DATA), TAKES, "", "services.db.volumes"
    ),
    "a volume without a name": Case(
        db("mongo:7", "volumes: ['/data/db']"), TAKES,
        "error: services.db.volumes: its data in /data/db are on no volume"
    ),
    "a client of the same image": Case(
        db("postgres:16", "command: [sh, -c, 'pg_dump x']"), TAKES, "", "services.db.volumes"
    ),
    "RabbitMQ without hostname": Case(
        db("rabbitmq:4", "volumes: ['dd:/var/lib/rabbitmq']", DATA), TAKES,
        "error: services.db: keeps its messages under its host's name, which is a new one in every container: "
        "lost at a redeploy: add `hostname: db`",
    ),
    "RabbitMQ without volume": Case(
        db("rabbitmq:4", "hostname: mq"), TAKES,
        "error: services.db.volumes: its data in /var/lib/rabbitmq are on no volume"
    ),
    "the whole data volume": Case(
        app("volumes: ['/srv/data/:/data']"), TAKES,
        "error: services.app.volumes: /srv/data/ is the whole data volume",
    ),
    "a missing env_file": Case(
        app("env_file: app.env"), "app.env not found", "error: services.app.env_file: there is no app.env: add it"
    ),
    "an env_file that need not be": Case(app("env_file: [{path: app.env, required: false}]"), TAKES, "", "app.env"),
    "a missing secret's file": Case(
        app("secrets: [s]", "secrets: {s: {file: ./s.txt}}\n"), TAKES, "error: secrets.s: there is no ./s.txt"
    ),
    "a secret's file": Case(
        app("secrets: [s]", "secrets: {s: {file: ./s.txt}}\n"), TAKES, "", files={"s.txt": "x"}
    ),
    "a secret from the environment": Case(
        app("secrets: [s]", "secrets: {s: {environment: X}}\n"), TAKES, "", "secrets.s", env="X=<generated>\n"
    ),
    "a secret from nowhere": Case(
        app("secrets: [s]", "secrets: {s: {environment: X}}\n"), TAKES,
        f"error: secrets.s: X is not in {ENV_EXAMPLE}: add a line X=… there", env="Y=1\n",
    ),
    "a missing Dockerfile": Case(
        app("build: ./web"), TAKES, "error: services.app.build: there is no web/Dockerfile", files={"web/x": ""}
    ),
    "a missing context": Case(app("build: {context: web}"), TAKES, "error: services.app.build: there is no folder web"),
    "a context outside": Case(app("build: ../web"), TAKES, "error: services.app.build: ../web is outside of the stack"),
    "a context elsewhere": Case(app("build: 'https://example.com/x.git'"), TAKES, "", "services.app.build"),
    "a Dockerfile within": Case(app("build: {dockerfile_inline: FROM a}"), TAKES, "", "services.app.build"),
    "an undefined network": Case(
        app("networks: [back]"), "undefined network back",
        "error: services.app.networks: back is not among the file's networks"
    ),
    "an undefined volume": Case(
        app("volumes: ['dd:/d']"), "undefined volume dd",
        "error: services.app.volumes: dd is not among the file's volumes"
    ),
    "an undefined secret": Case(
        app("secrets: [s]"), "undefined secret s", "error: services.app.secrets: s is not among the file's secrets"
    ),
    "an undefined service": Case(
        app("depends_on: [db]"), 'depends on undefined service "db"',
        "error: services.app.depends_on: there is no service db"
    ),
    "a service that need not start": Case(
        app("depends_on: {db: {condition: service_started, required: false}}", "  db: {image: 'b:1', profiles: [x]}\n"),
        TAKES, "", "depends_on",
    ),
    "an external network": Case(
        app("networks: [web]", "networks: {web: {external: true}}\n"), TAKES,
        "error: networks.web: is external: a new droplet has no such network",
    ),
    "a job that another waits for": Case(
        app("depends_on: [migrate]", "  migrate: {image: 'a:1', profiles: [jobs]}\n"), "undefined service",
        "error: services.app.depends_on: migrate has a profile, so Compose refuses to start app: remove migrate there",
    ),
    "a key twice": Case(
        "services:\n  app: {image: a}\n  app: {image: b}\n", "already defined",
        "error: compose.yaml, line 4: app stands there twice, first in line 3: keep one of them",
    ),
    "a service that YAML 1.1 takes for a yes": Case(
        "services:\n  on: {image: 'a:1'}\n", TAKES, "warning: services.on: has no health check",
    ),
    "a database that begins as root": Case(
        db("postgres:16", f"volumes: ['dd:{PG}/data']", DATA), TAKES,
        "warning: services.db: seems to run as root: add `cap_drop: [ALL]` and `cap_add: [CHOWN, DAC_OVERRIDE, FOWNER,",
    ),
    "a secret as a default": Case(
        app("environment: {RABBITMQ_DEFAULT_PASS: '${RABBITMQ_PASSWORD:-changeme}'}"), TAKES,
        "error: services.app.environment.RABBITMQ_DEFAULT_PASS: a secret is written in the file: write "
        "${RABBITMQ_PASSWORD}, with RABBITMQ_PASSWORD=<generated>",
    ),
}  # fmt: skip


def write(folder: Path, case: Case) -> Path:
    (folder / "compose.yaml").write_text("x-bootstrap: {name: a, health: [/]}\n" + case.text)
    (folder / ENV_EXAMPLE).write_text(case.env)
    for name, text in case.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_what_the_check_says(tmp_path: Path, case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [finding.line for finding in check(write(tmp_path, case))]
    if case.says:
        (said,) = [line for line in lines if case.says in line]
        assert "\n" not in said and "compose.yaml, line " in said
    else:
        assert not [line for line in lines if case.never in line]
    if case.compose:
        assert [line for line in lines if line.startswith("error")], "Compose refuses it"
    code = main.run(["stack", "check", str(tmp_path)])
    assert (code == 2) == any(line.startswith("error") for line in lines)


def test_what_stops_a_bake_is_told_with_its_line_there_too(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"compose\.yaml, line 4: app stands there twice"):
        load(write(tmp_path, CASES["a key twice"]))
