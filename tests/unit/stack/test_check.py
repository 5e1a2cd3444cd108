"""Every rule finds what it is for, in a stack that is clean otherwise, and says nothing of what is right."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from bootstrap.cli import main
from bootstrap.stack import rules as stack_rules
from bootstrap.stack.check import check
from bootstrap.stack.rules import is_secret
from bootstrap_agent.contract.paths import COMPOSE_FILE, ENV_EXAMPLE

ROOT = Path(__file__).resolve().parents[3]
Change = Callable[[dict[str, Any]], object]
EARLY = {"test": ["CMD", "pg_isready"], "start_period": "60s", "start_interval": "1s"}
POSTGRES = {"image": "postgres:17", "restart": "always", "user": "999", "healthcheck": EARLY}


@pytest.fixture
def hello(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ROOT / "examples" / "hello", tmp_path / "hello"))


def change(folder: Path, what: Change) -> None:
    document = yaml.safe_load((folder / COMPOSE_FILE).read_text())
    what(document)
    (folder / COMPOSE_FILE).write_text(yaml.safe_dump(document))


def app(**entries: Any) -> Change:
    return lambda document: document["services"]["app"].update(entries)


def nginx(**entries: Any) -> Change:
    return lambda document: document["services"]["nginx"].update(entries)


def add(name: str, service: dict[str, Any], **top: Any) -> Change:
    def change(document: dict[str, Any]) -> None:
        document["services"][name] = service
        document["volumes"] |= top.get("volumes", {})

    return change


def without(*path: str) -> Change:
    def change(document: dict[str, Any]) -> None:
        for step in path[:-1]:
            document = document[step]
        del document[path[-1]]

    return change


@pytest.mark.parametrize("folder", ["stack", "examples/hello"])
def test_our_own_stacks_are_clean(folder: str) -> None:
    assert [finding.line for finding in check(ROOT / folder)] == []


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        (add("db", POSTGRES | {"ports": ["5432:5432"]}), "error: services.db.ports: a database is published"),
        (add("db", POSTGRES), "warning: services.db: its databases are in no backup: add x-bootstrap.databases"),
        (add("mq", POSTGRES | {"image": "example.org/library/redis:8", "ports": [{"target": 6379, "published": 6379}]}),
         "error: services.mq.ports: a broker is published on every address: write \"127.0.0.1:6379:6379\""),
        (app(ports=["8000"]), "warning: services.app.ports: port 8000 is published"),
        (app(ports=["0.0.0.0:8000:8000/tcp"]), "warning: services.app.ports: port 8000 is published"),
        (app(healthcheck={"disable": True}), "warning: services.app: has no health check"),
        (without("services", "app", "healthcheck"), "warning: services.app: has no health check"),
        (without("services", "app", "restart"), "warning: services.app: is not restarted when it exits"),
        (nginx(image="nginx"), "warning: services.nginx.image: nginx has no fixed version"),
        (nginx(image="localhost:5000/nginx:latest"), "warning: services.nginx.image: localhost:5000/nginx:latest has"),
        (nginx(image="a:5/nginx:latest"), "write a version: a:5/nginx:1.2"),
        (app(environment=["GREETING=x", "API_TOKEN=abc"]), "error: services.app.environment.API_TOKEN: a secret"),
        (app(build={"context": "./app", "args": {"NPM_TOKEN": "abc"}}), "error: services.app.build.args.NPM_TOKEN"),
        (app(environment={"URL": "amqp://a:b@mq/"}), "error: services.app.environment.URL: a secret is written"),
        (app(env_file=[".env.production"]), "error: services.app.env_file: .env.production is not in the image"),
        (app(command=["serve", "$PORT", "${MODE}"]), "error: services.app: ${MODE} is not in .env.production.example"),
        (app(privileged=True), "error: services.app: is privileged"),
        (app(volumes=["/var/run/docker.sock:/s:ro"]), "error: services.app.volumes: has Docker's socket"),
        (app(network_mode="host"), "warning: services.app.network_mode: shares the machine's network"),
        (app(cap_add=["SYS_ADMIN"]), "warning: services.app.cap_add: gives SYS_ADMIN"),
        (without("services", "nginx", "cap_drop"), "warning: services.nginx: seems to run as root"),
        (app(cap_drop=[], user="0:0"), "warning: services.app: seems to run as root"),
        (app(logging={"options": {"max-size": "-1"}}), "warning: services.app.logging: its log has no size limit"),
        (app(volumes=["./app:/data"]), "warning: services.app.volumes: ./app is writable"),
        (app(volumes=["./absent:/data:ro"]), "warning: services.app.volumes: ./absent is not in the stack"),
        (app(volumes=["../app:/data:ro"]), "warning: services.app.volumes: ../app is outside of the stack"),
        (app(volumes=[{"type": "bind", "source": "/opt/x", "target": "/x"}]), "services.app.volumes: /opt/x is out"),
        (app(volumes=["/srv/data/x:/x"]), "warning: services.app.volumes: /srv/data/x is a folder that nothing makes"),
        (app(volumes=["/data"]), "warning: services.app.volumes: /data has a volume without a name"),
        (app(profiles=["extra"]), "warning: services.app: has a profile, so nothing starts it"),
        (add("x", {"extends": "app", "privileged": True}), "error: services.x: is privileged"),
        (add("x", {"extends": "nobody"}), "error: services.x.extends: there is no service nobody"),
        (lambda d: d.update(include=["more.yml"]), "error: more.yml: cannot be read: No such file"),
        (lambda d: d.update(include=["../more.yml"]), "error: include: ../more.yml is outside of the stack"),
        (add("x", POSTGRES | {"image": "x:1", "volumes": ["c:/c"]}, volumes={"c": None}),
         "warning: volumes.c: is not on the data volume"),
        (add("db", POSTGRES | {"volumes": ["c:/c"]}, volumes={"c": None}), "error: volumes.c: is not on the data"),
        (add("x", POSTGRES | {"image": "x:1"}, volumes={"c": {"external": True}}), "error: volumes.c: is external"),
        (add("x", POSTGRES | {"image": "x:1"}, volumes={"c": {"driver_opts": {"device": "/srv/data/c"}}}),
         "error: volumes.c: nothing makes the folder /srv/data/c"),
        (lambda d: d["x-bootstrap"].update(handover={"warm": ["app"]}),
         "error: services.app: is warm and mounts guestbook of the data volume"),
        (without("x-bootstrap", "media"), "warning: volumes.guestbook: is in no backup"),
        (nginx(ports=["80:80"]), "error: services: no service publishes port 443"),
        (nginx(ports=["443:443"]), "error: services: no service publishes port 80"),
        (nginx(volumes=["./nginx:/t:ro", "./tls:/t:ro"]), "error: services: no service answers the certificate"),
        (nginx(volumes=["./nginx:/t:ro", "/srv/data/acme-webroot:/w:ro"]),
         "warning: x-bootstrap.certificate.install: no service mounts ./tls"),
        (without("x-bootstrap"), f"error: {COMPOSE_FILE}: has no x-bootstrap field: see docs/your-own-stack.md"),
        (lambda d: d["x-bootstrap"].update(nme=1, health=[]), "error: x-bootstrap.nme: Extra inputs"),
    ],
)  # fmt: skip
def test_what_is_risky_is_found(hello: Path, what: Change, expected: str) -> None:
    change(hello, what)
    lines = [finding.line for finding in check(hello)]
    assert [line for line in lines if expected in line], lines


def test_every_rule_is_in_the_table() -> None:
    listed = [rule.__name__ for rule in (*stack_rules.SERVICE_RULES, *stack_rules.STACK_RULES)]
    findings = [
        name for name, thing in vars(stack_rules).items()
        if getattr(thing, "__annotations__", {}).get("return") == "Findings"
    ]  # fmt: skip
    assert sorted(listed) == sorted(findings)


@pytest.mark.parametrize(
    "right",
    [
        app(volumes=["/etc/localtime:/etc/localtime:ro", "guestbook:/data"]),
        app(environment={"GREETING": "${GREETING:-hi $$x}", "KEY_FILE": "/run/x", "DB_PASSWORD": "${GUESTBOOK_KEY}"}),
        app(image="hello/app"),
        # what only a job fills is made anew on every droplet
        lambda d: (
            add("fill", {"image": "x:1", "user": "1", "profiles": ["jobs"], "volumes": ["s:/s"]}, volumes={"s": {}})(d),
            d["x-bootstrap"].update(jobs=["fill"]),
            d["services"]["nginx"]["volumes"].append("s:/s:ro"),
        ),
        lambda d: (
            add(
                "mq",
                POSTGRES
                | {"image": "rabbitmq:4", "ports": ["127.0.0.1:5672:5672", "[::1]:5672:5672"], "hostname": "mq"}
                | {"volumes": ["mq:/var/lib/rabbitmq"]},
                volumes={"mq": {"driver_opts": {"device": "/srv/data/mq", "o": "bind", "type": "none"}}},
            )(d),
            d["x-bootstrap"]["volumes"].update(mq=999),
        ),
    ],
)
def test_what_is_right_is_not_reported(hello: Path, right: Change) -> None:
    change(hello, right)
    assert [finding.line for finding in check(hello)] == []


def test_mistakes_do_not_hide_each_other(hello: Path) -> None:
    change(hello, lambda d: (d["x-bootstrap"].update(nme=1, health=["x"]), d["services"]["nginx"].pop("image")))
    with (hello / ENV_EXAMPLE).open("a") as template:
        template.write("ADMIN_PASSWORD=hunter2\nA=${NONE}\n")
    errors = [finding.line for finding in check(hello) if finding.severity == "error"]
    for said in ("x-bootstrap.nme", "x-bootstrap.health", "services.nginx: has no image", "A refers to ${NONE}"):
        assert [line for line in errors if said in line], said
    assert [line for line in errors if f"{ENV_EXAMPLE}: ADMIN_PASSWORD: the same secret" in line]


ENTRIES = [
    *("ports", "volumes", "environment", "build", "env_file", "healthcheck", "restart", "image", "cap_add", "cap_drop"),
    *("user", "logging", "profiles", "privileged", "network_mode", "extends"),
]


@pytest.mark.parametrize("odd", [None, 3, "x", [None], [{}], {"x": [1]}], ids=repr)
def test_no_file_is_too_odd_to_be_checked(hello: Path, odd: Any) -> None:
    original = (hello / COMPOSE_FILE).read_text()
    for path in (
        *(("services", "app", entry) for entry in ENTRIES),
        *(("services", "app", "build", entry) for entry in ("args", "context", "dockerfile")),
        *(("services", "app"), ("services",), ("services", "app", "logging", "options"), ("x-bootstrap",)),
        *(("volumes",), ("volumes", "guestbook"), ("volumes", "guestbook", "driver_opts"), ("include",)),
    ):
        (hello / COMPOSE_FILE).write_text(original)
        change(hello, put(odd, *path))
        assert all("\n" not in finding.line for finding in check(hello))


def put(value: Any, *path: str) -> Change:
    def change(document: dict[str, Any]) -> None:
        for step in path[:-1]:
            document = document.setdefault(step, {})
        document[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("DB_PASSWORD", "hunter2", True),
        ("DB_PASSWORD", "${DB_PASSWORD}", False),
        ("DB_PASSWORD", "${DB_PASSWORD:-hunter2}", True),
        ("DB_PASSWORD", "${DB_PASSWORD:?give one}", False),
        ("DB_PASSWORD", "", False),
        ("DB_PASSWORD_FILE", "/run/secrets/db", False),
        ("PASSWORD_MIN_LENGTH", "12", False),
        ("REQUIRE_TOKEN", "true", False),
        ("DATABASE_URL", "postgres://app:${PW}@db/app", False),
        ("DATABASE_URL", "postgres://app:pw@db/app", True),
        ("BASE_URL", "https://example.com:8443/a@b", False),
    ],
)
def test_secrets_are_told_from_what_only_looks_like_one(name: str, value: str, secret: bool) -> None:
    assert is_secret(name, value) is secret


def test_the_command_fails_on_errors_and_when_strict_on_warnings(
    hello: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(["stack", "check", str(hello), "--strict"]) == 0
    change(hello, without("services", "app", "restart"))
    assert main.run(["stack", "check", str(hello)]) == 0
    assert main.run(["stack", "check", str(hello), "--strict"]) == 2
    change(hello, app(privileged=True))
    capsys.readouterr()
    assert main.run(["stack", "check", str(hello), "--json"]) == 2
    report = json.loads(capsys.readouterr().out)
    assert report["memory"] == {"limits_mib": 0, "without_limit": ["app", "nginx"]}
    assert (report["errors"], report["warnings"]) == (1, 1)
    assert report["findings"][0].keys() == {"severity", "where", "what", "remedy", "at"}


def test_what_has_one_cause_is_said_once_with_its_places(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    services = "".join(f"  s{at}: {{image: 'a:1', restart: always, user: '1'}}\n" for at in range(17))
    (tmp_path / "compose.yaml").write_text(f"x-bootstrap: {{name: a, health: [/]}}\nservices:\n{services}")
    (tmp_path / ".env.production.example").write_text("")
    main.run(["stack", "check", str(tmp_path)])
    (said,) = [line for line in capsys.readouterr().out.splitlines() if "has no health check" in line]
    assert said.startswith("warning: services.s0, services.s1, ") and "services.s16 (17 places): has no" in said
    assert "(compose.yaml, lines 3, 4, 5, " in said and said.count("compose.yaml") == 1
    main.run(["stack", "check", str(tmp_path), "--json"])
    told = json.loads(capsys.readouterr().out)["findings"]
    assert len([one for one in told if "has no health check" in one["what"]]) == 17
