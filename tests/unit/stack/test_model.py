from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from bootstrap.errors import UsageError
from bootstrap.stack.loading import load
from bootstrap.stack.model import Stack
from bootstrap_agent.contract.paths import COMPOSE_FILE, ENV_EXAMPLE

OURS = Path(__file__).resolve().parents[3] / "stack"
SECRETS = {name: name.lower() * 9 for name in load(OURS).secrets_to_generate}

SMALL: dict[str, Any] = {
    "x-bootstrap": {
        "name": "small",
        "directory": "Small",
        "health": ["/"],
        "data_services": ["db"],
        "databases": {"service": "db", "names": {"app": "app"}, "admin_user": "DB_USER"},
        "volumes": {"data": 999},
        "jobs": ["migrate"],
        "certificate": {"install": "ssl", "reload": ["web", "nginx", "-s", "reload"]},
        "secrets": {"DB_PASSWORD": 32},
        "mail": {"host": "MAIL_HOST", "port": "MAIL_PORT"},
    },
    "services": {
        "web": {"image": "small/web:local", "build": "."},
        "db": {"image": "postgres:17"},
        "migrate": {"image": "small/web:local", "build": ".", "profiles": ["jobs"]},
    },
    "volumes": {"data": {"driver_opts": {"type": "none", "o": "bind", "device": "/srv/data/data"}}},
}
ENV = "MAIL_HOST=\nMAIL_PORT=587\nDB_USER=postgres\nDB_PASSWORD=<generated>\nURL=https://<domain>/?u=${DB_USER}&p=${DB_PASSWORD}\n"


def write(folder: Path, document: Any, env: str = ENV) -> Path:
    (folder / COMPOSE_FILE).write_text(document if isinstance(document, str) else yaml.safe_dump(document))
    (folder / ENV_EXAMPLE).write_text(env)
    return folder


def small(folder: Path, env: str = ENV) -> Stack:
    return load(write(folder, SMALL, env))


def test_our_own_stack_loads_and_needs_nothing_from_the_operator() -> None:
    stack = load(OURS)
    assert stack.name == "ticket-tracking"
    images = {built: {one.image for one in stack.services if one.built is built} for built in (False, True)}
    assert images[False] == {"nginx:1.30", "postgres:17", "rabbitmq:4-management"}
    assert {"ticket-tracking/auth-service:local", "ticket-tracking/frontend:local"} <= images[True]
    assert stack.env_template.required == ()
    env = stack.env_template.render("tickets.example", SECRETS, {})
    assert env["DATABASE_URL"] == f"postgresql://auth_service:{SECRETS['AUTH_DB_PASSWORD']}@db:5432/auth_db"
    assert env["DJANGO_ALLOWED_HOSTS"] == "tickets.example,www.tickets.example"


def test_every_variable_of_our_compose_file_is_explained_in_the_example() -> None:
    import re

    used = set(re.findall(r"\$\{([A-Z_]+)[:}]", (OURS / COMPOSE_FILE).read_text())) - {"RELEASE"}
    assert used and used <= set(load(OURS).env_template.values)


def test_only_nginx_is_published_to_the_world() -> None:
    services = yaml.safe_load((OURS / COMPOSE_FILE).read_text())["services"]
    public = {
        n: p
        for n, s in services.items()
        for p in [[q for q in s.get("ports", []) if not q.startswith("127.0.0.1:")]]
        if p
    }
    assert public == {"nginx": ["80:80", "443:443"]}
    hardened = {"read_only": True, "cap_drop": ["ALL"], "security_opt": ["no-new-privileges:true"]}
    assert all(hardened.items() <= service.items() for service in services.values())


def test_given_values_win_and_are_taken_as_they_are(tmp_path: Path) -> None:
    env = small(tmp_path).env_template.render(
        "a.example", {"DB_PASSWORD": "generated"}, {"DB_PASSWORD": "p${DB_USER}$", "X": "1"}
    )
    assert env == {
        "MAIL_HOST": "",
        "MAIL_PORT": "587",
        "DB_USER": "postgres",
        "DB_PASSWORD": "p${DB_USER}$",
        "URL": "https://a.example/?u=postgres&p=p${DB_USER}$",
        "X": "1",
    }


@pytest.mark.parametrize(
    ("env", "given", "said"),
    [
        (ENV, {"DB_USER": "<your name>"}, "DB_USER still holds the placeholder"),
        (ENV + "MAIL=<host of your mail server>\n", {}, "MAIL still holds the placeholder"),
        (ENV, {"DB_USER": "two\0"}, "DB_USER holds NUL"),
        (ENV + "MAIL=smtp://<user>@x\n", {"MAIL": "smtp://<user>@y"}, "MAIL still holds the placeholder"),
        (ENV + "A=${B}\nB=${A}\n", {}, "A → B → A refer to each other"),
        (ENV + "A=${NONE}\n", {}, "A refers to ${NONE}"),
    ],
)
def test_what_cannot_be_rendered_is_named(tmp_path: Path, env: str, given: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        small(tmp_path, env).env_template.render("a.example", {"DB_PASSWORD": "x"}, given)
    assert said in caught.value.message and caught.value.remedy


def test_a_mail_server_is_put_into_the_variables_that_the_stack_names(tmp_path: Path) -> None:
    server = ("mail.example", 2525, "me", "secret", False)
    assert small(tmp_path).mail_env(*server) == {"MAIL_HOST": "mail.example", "MAIL_PORT": "2525"}
    assert load(OURS).mail_env(*server) == {
        "DJANGO_EMAIL_HOST": "mail.example",
        "DJANGO_EMAIL_PORT": "2525",
        "DJANGO_EMAIL_HOST_USER": "me",
        "DJANGO_EMAIL_HOST_PASSWORD": "secret",
        "DJANGO_EMAIL_USE_TLS": "False",
    }


def test_what_the_operator_must_give_is_known(tmp_path: Path) -> None:
    assert small(tmp_path, ENV + "MAIL=smtp://<user>@example.com\n").env_template.required == ("MAIL",)


def x(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda document: document["x-bootstrap"].update(changes)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d.pop("x-bootstrap"), "has no x-bootstrap"),
        (x(nme="small"), "x-bootstrap.nme: Extra inputs"),
        (x(health=["health/"]), "x-bootstrap.health: 'health/' must start with /"),
        (x(secrets={"DB_PASSWORD": 4}), "DB_PASSWORD must have 16"),
        (x(secrets={}), f"{ENV_EXAMPLE}: DB_PASSWORD is not in x-bootstrap.secrets"),
        (x(data_services=["postgres"]), "x-bootstrap.data_services: 'postgres' is no service"),
        (x(drain=["apache"]), "x-bootstrap.drain: 'apache' is no service"),
        (
            x(alerts=[{"service": "apache", "command": ["true"], "message": "m"}]),
            "x-bootstrap.alerts: 'apache' is no service",
        ),
        (x(jobs=["web"]), "services.web: is a job without profile"),
        (x(jobs=[["migrate", "absent"]]), "x-bootstrap.jobs: 'absent' is no service"),
        (x(mail={"host": "SMTP", "port": "MAIL_PORT"}), "x-bootstrap.mail.host: 'SMTP' is no variable of"),
        (x(mail={"host": "MAIL_HOST"}), "x-bootstrap.mail.port: Field required"),
        (x(handover={"later": ["absent"]}), "x-bootstrap.handover.later: 'absent' is no service"),
        (x(handover={"warm": ["migrate"]}), "x-bootstrap.handover.warm: 'migrate' is a job"),
        (x(handover={"warm": ["db"]}), "x-bootstrap.handover.warm: 'db' is a data service"),
        (x(handover={"warm": ["web"], "later": ["web"]}), "x-bootstrap.handover: 'web' is both warm and later"),
        (x(handover={"quiet": {"service": "absent", "command": ["x"]}}), "handover.quiet: 'absent' is no service"),
        (x(handover={"serving": ["up"]}), "x-bootstrap.handover.serving: 'up' must start with /"),
        (x(databases=None, handover={"skip_unchanged_jobs": True}), "handover.skip_unchanged_jobs: what jobs change"),
        (x(media=["uploads"]), "x-bootstrap.media: 'uploads' is no entry of"),
        (x(certificate={"install": "../ssl", "reload": ["web", "x"]}), "certificate.install: must be a folder inside"),
        (lambda d: d["volumes"].update(data={}), "volumes.data: does not lie on the data volume"),
        (lambda d: d["services"]["db"].pop("image"), "services.db: has no image"),
        (lambda d: d["services"]["web"].update(image="web:${TAG}"), "services.web.image: holds a variable"),
    ],
)
def test_a_mistake_is_one_line_that_says_where(tmp_path: Path, change: Callable[[Any], Any], said: str) -> None:
    document = copy.deepcopy(SMALL)
    change(document)
    with pytest.raises(UsageError) as caught:
        load(write(tmp_path, document))
    assert said in caught.value.message and "\n" not in caught.value.message and caught.value.remedy


@pytest.mark.parametrize(
    ("compose", "env", "said"),
    [
        ("services: [", ENV, "line 1"),
        ("- a list", ENV, "is not a mapping"),
        (yaml.safe_dump(SMALL), "DB_PASSWORD\n", f"{ENV_EXAMPLE}, line 1: not of the form NAME=value"),
        (yaml.safe_dump(SMALL), ENV + "DB_USER=x\n", "line 6: DB_USER is set twice"),
    ],
)
def test_a_file_that_does_not_parse_is_one_line(tmp_path: Path, compose: str, env: str, said: str) -> None:
    with pytest.raises(UsageError, match=said.replace("(", r"\(")):
        load(write(tmp_path, compose, env))


def test_a_folder_without_a_stack_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"docker-compose\.prod\.yml: cannot be read: No such file"):
        load(tmp_path)
