"""What adopting decides, of small stacks that people bring; tests/contract/compose/test_adopted.py has Compose load
each result. examples/desk is held against two golden files, which `python -m tests.unit.stack.test_adopt` writes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bootstrap.cli import main
from bootstrap.stack.adopt.adoption import Adopted, adopt
from bootstrap.stack.adopt.environment import pairs
from bootstrap.stack.check import check
from bootstrap.stack.errors import StackError
from bootstrap.stack.loading import examine, load
from bootstrap_agent.contract.paths import ENV_EXAMPLE

ROOT = Path(__file__).resolve().parents[3]
DESK = ROOT / "examples" / "desk"
GOLDEN = Path(__file__).parent / "adopted"
WEB = "  web: {image: 'web:1', ports: ['8000:8000']}\n"


@dataclass(frozen=True)
class Case:
    """`text` is the Compose file; `decided` are places with what the merged model has there, None where it has nothing;
    `example` are lines of the example; `left` are parts of what is left to a person."""

    text: str
    decided: Mapping[str, Any] = field(default_factory=dict)
    example: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    name: str = "compose.yaml"


def on(name: str) -> dict[str, str]:
    return {"type": "none", "o": "bind", "device": f"/srv/data/{name}"}


NGINX = (
    "server { listen 443 ssl; ssl_certificate /etc/nginx/ssl/fullchain.pem; ssl_certificate_key "
    "/etc/nginx/ssl/privkey.pem; }\n"
    "server { listen 80; location /.well-known/acme-challenge/ { root /var/www/certbot; } }\n"
)
CASES = {
    "one service": Case(
        f"services:\n{WEB}",
        {
            "x-bootstrap.health": ["/"], "services.web.ports": ["127.0.0.1:8000:8000"],
            "services.web.restart": "unless-stopped", "services.front.ports": ["80:80", "443:443"],
            "x-bootstrap.certificate": {"install": "tls", "reload": ["front", "nginx", "-s", "reload"]},
        },
        ("DOMAIN=<domain>",),
    ),
    "health as the service's own check asks for it": Case(
        "services:\n  web: {image: 'web:1', ports: ['80:3000'], healthcheck: {test: 'curl -f "
        "http://localhost:3000/up'}}\n",
        {
            "x-bootstrap.health": ["/up"], "services.web.healthcheck.start_interval": "1s",
            "services.web.healthcheck.test": "curl -f http://localhost:3000/up", "services.web.ports": None,
        },
    ),
    "a database on a bind mount, with its password in the file": Case(
        f"services:\n{WEB}  db:\n    image: postgres:16\n    environment: [POSTGRES_PASSWORD=hunter2, "
        f"POSTGRES_USER=shop]\n"
        "    volumes: ['./pgdata:/var/lib/postgresql/data']\n    ports: ['5432:5432']\n"
        "  worker: {image: 'web:1', environment: {URL: 'postgres://shop:hunter2@db/shop'}}\n",
        {
            "services.db.volumes": ["db_data:/var/lib/postgresql/data"], "volumes.db_data.driver_opts": on("db_data"),
            "x-bootstrap.volumes": {"db_data": 999}, "services.db.ports": ["127.0.0.1:5432:5432"],
            "x-bootstrap.databases": {"service": "db", "names": {"shop": "shop"}, "admin_user": "POSTGRES_USER"},
            "services.worker.environment.URL": "postgres://shop:${POSTGRES_PASSWORD}@db/shop",
            "x-bootstrap.secrets": {"POSTGRES_PASSWORD": 40}, "x-bootstrap.data_services": ["db"],
        },
        ("POSTGRES_PASSWORD=<generated>", "POSTGRES_USER=shop"),
    ),
    "a volume one folder above": Case(
        f"services:\n{WEB}  db: {{image: 'postgres:16', volumes: ['pg:/var/lib/postgresql', "
        f"'./init:/docker-entrypoint-initdb.d']}}\n"
        "volumes: {pg: }\n",
        {
            "services.db.volumes": ["./init:/docker-entrypoint-initdb.d:ro", "pg:/var/lib/postgresql/data"],
            "volumes.pg.driver_opts": on("pg"),
            "x-bootstrap.databases.names": {"postgres": "postgres", "tickets": "desk"},
        },
        files={"init/1.sql": "CREATE DATABASE tickets OWNER desk;"},
    ),
    "a broker with the account that nobody named": Case(
        f"services:\n{WEB}  mq: {{image: 'rabbitmq:4', volumes: ['q:/var/lib/rabbitmq']}}\n"
        "  worker: {image: 'web:1', environment: {B: 'amqp://guest:guest@mq//'}}\nvolumes: {q: }\n",
        {
            "services.mq.hostname": "mq", "x-bootstrap.queues": ["q"],
            "services.mq.environment": {"RABBITMQ_DEFAULT_USER": "guest", "RABBITMQ_DEFAULT_PASS": "${MQ_PASSWORD}"},
            "services.worker.environment.B": "amqp://guest:${MQ_PASSWORD}@mq//",
        },
        ("MQ_PASSWORD=<generated>",),
    ),
    "jobs in their order": Case(
        "services:\n  web: {image: 'web:1', ports: ['80:80'], depends_on: {seed: {condition: "
        "service_completed_successfully}}}\n"
        "  seed: {image: 'web:1', command: seed, depends_on: {migrate: {condition: service_completed_successfully}}}\n"
        "  migrate: {image: 'web:1', command: migrate, restart: 'on-failure'}\n",
        {
            "x-bootstrap.jobs": ["migrate", "seed"], "services.migrate.profiles": ["jobs"],
            "services.web.depends_on": {}, "services.seed.depends_on": {},
        },
    ),
    "an env_file that nobody has": Case(
        "services:\n  web: {image: 'web:1', ports: ['80:80'], env_file: .env}\n",
        {
            "services.web.env_file": None, "services.web.environment.SITE_URL": "${SITE_URL}",
            "x-bootstrap.secrets": {"SECRET_KEY": 64},
        },
        ("SECRET_KEY=<generated>", "SITE_URL=https://<domain>/", "DEBUG=False", "STRIPE_API_KEY=", 'NAME="My Shop"'),
        files={
            ".env.example": "SECRET_KEY=x\nSITE_URL=http://localhost:8000/\nDEBUG=True\nSTRIPE_API_KEY=\nNAME=My Shop\n"
        },
    ),
    "an env_file that nobody shows": Case(
        "services:\n  web: {image: 'web:1', ports: ['80:80'], env_file: [.env, plain.env]}\n",
        {"services.web.env_file": ["plain.env"]}, left=("nobody knows what .env holds",), files={"plain.env": "A=1\n"},
    ),
    "source mounted over the image": Case(
        "services:\n  web:\n    build: .\n    ports: ['80:80']\n    volumes: ['.:/app', "
        "'/app/node_modules', './media:/media']\n",
        {
            "services.web.volumes": ["web_media:/media"], "x-bootstrap.media": ["web_media"],
            "x-bootstrap.volumes": {"web_media": 1000},
        },
        files={"Dockerfile": "FROM node:22\nCOPY . /app\nUSER node\n"},
    ),
    "nginx that ends TLS": Case(
        "services:\n  nginx:\n    image: nginx:1.30\n    ports: ['80:80', '443:443']\n"
        "    volumes: ['./conf:/etc/nginx/conf.d:ro', './certs:/etc/nginx/ssl']\n",
        {
            "x-bootstrap.certificate": {"install": "certs", "reload": ["nginx", "nginx", "-s", "reload"]},
            "services.front": None,
            "services.nginx.volumes": [
                "./conf:/etc/nginx/conf.d:ro",
                "./certs:/etc/nginx/ssl:ro",
                "/srv/data/acme-webroot:/var/www/certbot:ro",
            ],
        },
        files={"conf/a.conf": NGINX},
    ),
    "nginx whose certificate has other names": Case(
        "services: {nginx: {image: 'nginx:1.30', ports: ['443:443'], volumes: ['./conf:/etc/nginx/conf.d:ro']}}\n",
        {"x-bootstrap.certificate": None}, left=("name them so in its configuration",),
        files={"conf/a.conf": NGINX.replace("fullchain", "cert")},
    ),
    "published to this computer alone": Case(
        "services: {web: {image: 'web:1', ports: ['127.0.0.1:3000:3000'], networks: [inner]}}\nnetworks: "
        "{inner: {internal: true}}\n",
        {"services.front.networks": ["inner", "default"], "services.web.ports": ["127.0.0.1:3000:3000"]},
    ),
    "nobody to visit": Case("services: {web: {image: 'web:1'}}\n", left=("nobody knows which one visitors mean",)),
    "what others made": Case(
        f"services:\n{WEB}  app: {{image: 'web:1', networks: [n], volumes: ['d:/files']}}\n"
        "volumes: {d: {external: true}}\nnetworks: {n: {external: true}}\n",
        {"volumes.d": {"driver_opts": on("d")}, "networks.n": {}, "x-bootstrap.media": ["d"]},
    ),
    "Laravel's key": Case(
        "services:\n  web: {image: 'web:1', ports: ['80:80'], environment: {APP_KEY: '${APP_KEY}'}}\n",
        {"x-bootstrap.secrets": {"APP_KEY_RANDOM": 43}},
        ("APP_KEY_RANDOM=<generated>", "APP_KEY=base64:${APP_KEY_RANDOM}="),
        files={".env.example": "APP_KEY=\n"},
    ),
    "MySQL": Case(
        f"services:\n{WEB}  db: {{image: 'mysql:8', environment: {{MYSQL_ROOT_PASSWORD: x1, MYSQL_PASSWORD: "
        f"x2}}, volumes: ['m:/var/lib/mysql']}}\n"
        "volumes: {m: }\n",
        {
            "services.db.environment.MYSQL_ROOT_PASSWORD": "${MYSQL_ROOT_PASSWORD}",
            "services.db.environment.MYSQL_PASSWORD": "${MYSQL_PASSWORD}",
        },
        left=("no other service is given this password of db",),
    ),
    "a database whose dump nobody here knows": Case(
        f"services:\n{WEB}  db: {{image: 'couchdb:3', volumes: ['c:/opt/couchdb/data']}}\nvolumes: {{c: }}\n",
        left=("its databases are in no backup; say how it is dumped: x-bootstrap.dumps",),
    ),
    "files that people put into an application": Case(
        "services: {blog: {image: 'wordpress:6', ports: ['80:80']}}\n",
        {
            "services.blog.volumes": ["blog_html:/var/www/html"], "x-bootstrap.media": ["blog_html"],
            "x-bootstrap.volumes": {"blog_html": 33},
        },
    ),
    "hosts with spaces between, and a system account": Case(
        "services:\n  web: {build: ., ports: ['8000:8000'], env_file: [.env], volumes: ['m:/media']}\nvolumes: {m: }\n",
        {"x-bootstrap.volumes": {"m": 1000}},
        ('DJANGO_ALLOWED_HOSTS="<domain> www.<domain> localhost 127.0.0.1"',),
        ("web writes as app, whose number only its image knows; 1000 is a guess: ask it for `id -u app`",),
        {
            ".env-sample": "DJANGO_ALLOWED_HOSTS=localhost 127.0.0.1 [::1]\n",
            "Dockerfile": "FROM python:3\nRUN addgroup --system app && adduser --system --group app\nUSER app\n",
        },
    ),
    "an account that every Debian has": Case(
        "services:\n  web: {build: ., ports: ['8000:8000'], volumes: ['m:/media']}\nvolumes: {m: }\n",
        {"x-bootstrap.volumes": {"m": 33}},
        files={"Dockerfile": "FROM php:8\nUSER www-data\n"},
    ),
    "mail": Case(
        "services:\n  web: {image: 'web:1', ports: ['80:80'], environment: [SMTP_HOST, SMTP_PORT, SMTP_PASSWORD]}\n",
        {"x-bootstrap.mail": {"host": "SMTP_HOST", "port": "SMTP_PORT", "password": "SMTP_PASSWORD"}},
        files={".env.example": "SMTP_HOST=\nSMTP_PORT=587\nSMTP_PASSWORD=\n"},
    ),
}  # fmt: skip


def write(folder: Path, case: Case) -> dict[str, str]:
    """The owner's files, by name."""
    files = {case.name: case.text, **case.files}
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return files


def adopted(folder: Path, case: Case) -> Adopted:
    write(folder, case)
    made = adopt(folder)
    made.write()
    return made


def at(document: Any, place: str) -> Any:
    for key in place.split("."):
        document = document.get(key) if isinstance(document, dict) else None
        if key == "environment":
            document = pairs(document)
    return document


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_what_is_decided_and_what_is_left(tmp_path: Path, case: Case) -> None:
    made = adopted(tmp_path, case)
    document = examine(tmp_path).document
    assert {place: at(document, place) for place in case.decided} == dict(case.decided)
    lines = (tmp_path / ENV_EXAMPLE).read_text().splitlines()
    assert [line for line in case.example if line not in lines] == []
    assert len(made.left) == len(case.left)
    for part, told in zip(case.left, made.left, strict=True):
        assert part in str(told)
    assert {name: (tmp_path / name).read_text() for name in write(tmp_path, case)} == write(tmp_path, case)
    errors = [finding.line for finding in check(tmp_path) if finding.severity == "error"]
    if not case.left:
        assert errors == []
        load(tmp_path)


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_called_again_it_has_nothing_to_add(tmp_path: Path, case: Case) -> None:
    adopted(tmp_path, case)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    again = adopt(tmp_path)
    again.write()
    assert (again.new, again.added) == ((), ())
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_what_the_owner_changed_or_took_out_stays_so(tmp_path: Path) -> None:
    case = CASES["one service"]
    made = adopted(tmp_path, case)
    override = tmp_path / made.override
    text = (
        override.read_text()
        .replace("health: [/]", "health: [/ping]  # mine")
        .replace("    restart: unless-stopped\n", "", 1)
    )
    override.write_text(text)
    (tmp_path / case.name).write_text(
        case.text + "  db: {image: 'postgres:16', volumes: ['d:/var/lib/postgresql/data']}\nvolumes: {d: }\n"
    )
    again = adopt(tmp_path)
    again.write()
    assert override.read_text().startswith(text.rstrip())
    assert {one.place[:2] for one in again.new} >= {("services", "db"), ("volumes", "d"), ("x-bootstrap", "databases")}
    stack = load(tmp_path)
    assert stack.bootstrap.health == ("/ping",) and stack.bootstrap.databases is not None
    assert "restart" not in at(examine(tmp_path).document, "services.web")


def test_the_example_in_its_owners_hands_keeps_its_lines(tmp_path: Path) -> None:
    write(tmp_path, CASES["Laravel's key"])
    (tmp_path / ENV_EXAMPLE).write_text("# mine\nAPP_KEY=<generated>")
    made = adopt(tmp_path)
    made.write()
    assert (tmp_path / ENV_EXAMPLE).read_text().startswith("# mine\nAPP_KEY=<generated>\n")
    assert load(tmp_path).secrets_to_generate == {"APP_KEY": 40}
    assert [one.name for one in made.added] == ["COMPOSE_FILE", "DOMAIN"]


def test_files_of_a_folder_below_are_found_and_their_common_folder_is_the_stack(tmp_path: Path) -> None:
    case = Case(
        "services: {web: {build: ../web, ports: ['80:80']}}\n",
        name="Docker/docker-compose.yml",
        files={"web/Dockerfile": "FROM a"},
    )
    write(tmp_path, case)
    (tmp_path / ".git").mkdir()
    for start in (tmp_path, tmp_path / "Docker"):
        made = adopt(start)
        assert made.folder == tmp_path and made.files == ("Docker/docker-compose.yml",)
        assert made.override == "Docker/compose.bootstrap.yaml"


@pytest.mark.parametrize(
    ("files", "named", "taken"),
    [
        ({"compose.yaml": WEB, "compose.override.yaml": WEB}, (), ("compose.yaml", "compose.override.yaml")),
        ({"docker-compose.yml": WEB, "docker-compose.prod.yml": WEB}, (), ("docker-compose.prod.yml",)),
        (
            {"compose.yaml": WEB, "compose.prod.yaml": "  web: {restart: always}\n"}, (),
            ("compose.yaml", "compose.prod.yaml"),
        ),
        ({"compose.yaml": WEB, "b.yaml": WEB}, ("compose.yaml", "b.yaml"), ("compose.yaml", "b.yaml")),
        ({"a.yaml": WEB, "b.yaml": WEB, ".env": None}, (), ("a.yaml", "b.yaml")),
    ],
)  # fmt: skip
def test_which_files(
    tmp_path: Path, files: dict[str, str | None], named: tuple[str, ...], taken: tuple[str, ...]
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text("COMPOSE_FILE=a.yaml:b.yaml\n" if text is None else f"services:\n{text}")
    assert adopt(tmp_path, named).files == taken


def test_files_that_were_named_stay_chosen_beside_one_of_production(tmp_path: Path) -> None:
    for name in ("compose.yaml", "docker-compose.prod.yml"):
        (tmp_path / name).write_text(f"services:\n{WEB}")
    adopt(tmp_path, ["compose.yaml"]).write()
    assert load(tmp_path).compose_files == ("compose.yaml", "compose.bootstrap.yaml")


def test_where_there_are_none_or_too_many_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"there is no compose\.yaml here"):
        adopt(tmp_path)
    for name in ("a", "b"):
        write(tmp_path, Case("services: {}", name=f"{name}/compose.yaml"))
    with pytest.raises(StackError, match="there are Compose files in a, b"):
        adopt(tmp_path)


def desk(folder: Path) -> Adopted:
    shutil.copytree(DESK, folder)
    (folder / ".git").mkdir()
    made = adopt(folder)
    made.write()
    return made


def test_the_example_is_adopted_as_it_always_was(tmp_path: Path) -> None:
    made = desk(tmp_path / "desk")
    assert made.left == ()
    assert made.text == (GOLDEN / "desk.yaml").read_text()
    assert made.example == (GOLDEN / "desk.env").read_text()


def test_by_the_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(DESK, tmp_path / "desk")
    monkeypatch.chdir(tmp_path / "desk")
    assert main.run(["init"]) == 0
    said = capsys.readouterr().out
    assert (
        "decided: services.rabbitmq.hostname: messages are kept under this name" in said and "left to you:" not in said
    )
    assert "stack: ." in Path("bootstrap.yaml").read_text()
    assert main.run(["stack", "check", "."]) == 0
    Path("bootstrap.yaml").write_text("stack: .\n# mine\n")
    assert main.run(["init"]) == 0 and Path("bootstrap.yaml").read_text() == "stack: .\n# mine\n"
    Path("Docker/compose.bootstrap.yaml").unlink()
    capsys.readouterr()
    assert main.run(["stack", "adopt", "--json"]) == 0
    assert '"left": []' in capsys.readouterr().out
    assert main.run(["init", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["settings"] == "bootstrap.yaml" and told["settings_written"] is False and told["decided"] == []
    Path("Docker/compose.bootstrap.yaml").unlink()
    assert main.run(["stack", "check", ".", "--fix"]) == 0 and Path("Docker/compose.bootstrap.yaml").is_file()


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as place:
        made_now = desk(Path(place) / "desk")
        GOLDEN.mkdir(exist_ok=True)
        (GOLDEN / "desk.yaml").write_text(made_now.text)
        (GOLDEN / "desk.env").write_text(made_now.example)
