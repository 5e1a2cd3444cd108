"""One `create`, run again and again, that meets everything which goes wrong with machines, names and the authority.

Each time: the exit code, one line that says what and where, exactly what the next run finds, and that run gets further.
The tests share one deployment and stand in the order of its misfortunes. What a person gets wrong before anything is
made stands in tests/contract/cli, what stops the local cloud itself in test_mishaps_host.py.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import digitalocean
import pytest
from dnslib.server import DNSServer
from dnslib.zoneresolver import ZoneResolver

from tests.rehearsal.authority import ADDRESS, Authority, Refusal, authority
from tests.rehearsal.conftest import HOME, Answer, Bootstrap, Site
from tests.rehearsal.machines import broken_image, patiently

Arrange = Callable[["World"], AbstractContextManager[Any]]

LOST = "mishaps.example"
ELSEWHERE = "203.0.113.9"
MACHINES = f"{LOST}-*"

pytestmark = pytest.mark.root


@dataclass
class World:
    """The operator of `LOST`, whose endpoints.json names an authority that can refuse."""

    cli: Bootstrap
    cloud: dict[str, Any]
    front: Authority
    image: dict[str, Any]
    before: set[tuple[str, str]] = field(default_factory=set)
    tags_before: set[str] = field(default_factory=set)
    found: dict[str, set[str]] = field(default_factory=dict)

    def create(self, *argv: str, config: str = "bootstrap.yaml") -> Answer:
        return self.cli("--config", config, "create", "--domain", LOST, *argv, check=False)

    def local(self, *argv: str, stdin: str = "") -> Answer:
        """The local cloud's own commands; its folder is another than the operator's."""
        return replace(self.cli, env={**self.cli.env, "BOOTSTRAP_CLOUD_HOME": str(HOME)})("cloud", *argv, stdin=stdin)

    @patiently
    def everything(self) -> set[tuple[str, str]]:
        """Whatever costs or leads somewhere, tagged or not: an orphan carries no tag."""
        manager = digitalocean.Manager(token=self.cloud["watcher_token"])
        records = [record for domain in manager.get_all_domains() for record in domain.get_records()]
        return {
            *(("droplet", str(each.id)) for each in manager.get_all_droplets()),
            *(("volume", each.id) for each in manager.get_all_volumes()),
            *(("firewall", each.id) for each in manager.get_all_firewalls()),
            *(("address", each.ip) for each in manager.get_all_floating_ips()),
            *(("record", str(each.id)) for each in records if each.type == "A"),
            *(("image", str(each.id)) for each in manager.get_my_images()),
        }

    @patiently
    def tags(self) -> set[str]:
        return {tag.name for tag in digitalocean.Manager(token=self.cloud["watcher_token"]).get_all_tags()}

    def made(self) -> dict[str, set[str]]:
        new = self.everything() - self.before
        return {kind: {name for its, name in new if its == kind} for kind in sorted({kind for kind, _ in new})}

    def nothing_is_orphaned(self) -> None:
        """One of each and no second one; what was there stays, but for the droplet."""
        made = self.made()
        counts = {kind: len(names) for kind, names in made.items()}
        address = {"address": 1, "record": 2} if "address" in made or "address" in self.found else {}
        assert counts == {"droplet": 1, "volume": 1, "firewall": 1, **address}
        for kind in self.found.keys() - {"droplet"}:
            assert made[kind] == self.found[kind], f"another {kind} than before"
        self.found = made

    def in_droplet(self, script: str) -> str:
        """As root and without SSH, by the console."""
        manager = digitalocean.Manager(token=self.cloud["watcher_token"])
        (name,) = [each.name for each in manager.get_all_droplets() if each.name.startswith(f"{LOST}-")]
        return self.local("console", name, "--shell", stdin=script).out


@pytest.fixture(scope="module")
def world(
    hello: Bootstrap, hello_image: dict[str, Any], cloud: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    home = tmp_path_factory.mktemp("home")
    own = (hello.work / "bootstrap.yaml").read_text() + "dns_timeout_s: 3\n"
    with authority(cloud, home) as front:
        ends = {**cloud, "acme": {**cloud["acme"], "directory": front.directory}}
        (home / "endpoints.json").write_text(json.dumps(ends))
        work = tmp_path_factory.mktemp("unlucky")
        (work / "bootstrap.yaml").write_text(own)
        (work / "hurried.yaml").write_text(own + "boot_timeout_s: 10\n")
        cli = replace(hello, work=work, env={**hello.env, "BOOTSTRAP_CLOUD_HOME": str(home)})
        world = World(cli, cloud, front, hello_image)
        world.before, world.tags_before = world.everything(), world.tags()
        yield world
        cli("destroy", LOST, "--volume", "--backups", "--yes", check=False)
        world.local("faults", "clear")


# what goes wrong: each makes the trouble, and takes it away


def fault(*argv: str) -> Arrange:
    @contextmanager
    def arrange(world: World) -> Iterator[None]:
        world.local("faults", "add", *argv)
        try:
            yield
            armed = json.loads(world.local("faults", "list", "--json").out)["faults"]
            assert all(one["hits"] for one in armed), f"it never hit: {armed}"
        finally:
            world.local("faults", "clear")

    return arrange


def refusal(kind: str, detail: str, status: int, later: str | None = None) -> Arrange:
    @contextmanager
    def arrange(world: World) -> Iterator[None]:
        world.front.refusal, before = Refusal(kind, detail, status, later), world.front.orders
        try:
            yield
        finally:
            world.front.refusal = None
        assert world.front.orders == before + 1, "asked once: each refusal counts towards the limits"

    return arrange


@contextmanager
def delegated_elsewhere(world: World) -> Iterator[None]:
    """Another provider's name server, to which the registrar leads."""
    zone = f"{LOST}. 60 IN A {ELSEWHERE}\nwww.{LOST}. 60 IN A {ELSEWHERE}\n"
    server = DNSServer(ZoneResolver(zone), address=ADDRESS, port=53)
    server.start_thread()
    file = Path(world.cli.env["BOOTSTRAP_CLOUD_HOME"]) / "endpoints.json"
    right = file.read_text()
    file.write_text(json.dumps({**json.loads(right), "dns": ADDRESS}))
    try:
        with no_order(world):
            yield
    finally:
        file.write_text(right)
        server.stop()
        server.server.server_close()


def record(**fields: object) -> Arrange:
    @contextmanager
    def arrange(world: World) -> Iterator[None]:
        domain = digitalocean.Domain(name=LOST, token=world.cloud["watcher_token"])
        number = domain.create_new_domain_record(**fields)["domain_record"]["id"]
        try:
            with no_order(world):
                yield
        finally:
            domain.delete_domain_record(id=number)

    return arrange


@contextmanager
def no_order(world: World) -> Iterator[None]:
    before = world.front.orders
    yield
    assert world.front.orders == before, "no certificate was asked for"


def env_file(text: str) -> Arrange:
    @contextmanager
    def arrange(world: World) -> Iterator[tuple[str, str]]:
        file = world.cli.work / "env"
        file.write_text(text)
        yield "--env-file", "env"
        file.write_text(f"DOMAIN={LOST}")

    return arrange


@contextmanager
def failing_check(world: World) -> Iterator[None]:
    """A release whose health check finds what is wrong, and says so where `docker logs` reads."""
    file = "/home/deploy/apps/hello/Docker/docker-compose.prod.yml"
    check = 'test: [CMD, bash, -c, "echo the page is missing >/proc/1/fd/1; false"]'
    hasty = "s/interval: 15s/interval: 1s/; s/start_period: 30s/start_period: 1s/"
    world.in_droplet(f"sed -i.right -e 's|test: .CMD, bash.*|{check}|' -e '{hasty}' {file}")
    try:
        yield
    finally:
        world.in_droplet(f"mv {file}.right {file}")


@contextmanager
def sshd_stopped(world: World) -> Iterator[None]:
    world.in_droplet("systemctl stop ssh.socket ssh.service")
    try:
        yield
    finally:
        world.in_droplet("systemctl start ssh.service")


@contextmanager
def other_host_key(world: World) -> Iterator[None]:
    """As somebody has it who answers in the droplet's place."""
    key = "/etc/ssh/ssh_host_ed25519_key"
    logins = "journalctl -t sshd -t sshd-session --no-pager | grep -c Accepted"
    before = world.in_droplet(logins)
    world.in_droplet(f"cd /etc/ssh && mv {key} right && ssh-keygen -qt ed25519 -N '' -f {key} && systemctl restart ssh")
    try:
        yield
        assert int(world.in_droplet(logins)) == int(before) > 0, "nobody logged in to it"
    finally:
        world.in_droplet(f"mv /etc/ssh/right {key} && ssh-keygen -yf {key} > {key}.pub && systemctl restart ssh")


@contextmanager
def from_broken_image(world: World) -> Iterator[tuple[str, str]]:
    with broken_image(world.cloud, world.image["name"], world.cli.work) as image:
        yield "--image", str(image)


def nothing(world: World) -> AbstractContextManager[None]:
    return nullcontext()


@dataclass(frozen=True)
class Mishap:
    """`says`: on the line of the error; `tells`: somewhere on the way. What `arrange` gives goes to the command."""

    about: str
    code: int
    says: tuple[str, ...]
    arrange: Arrange = nothing
    argv: tuple[str, ...] = ()
    tells: tuple[str, ...] = ()
    config: str = "bootstrap.yaml"
    # whether it takes another droplet than the one of the run before
    replaces: bool = False


HURRIED = "hurried.yaml"
GOES_ON = "continuing after: "
ON_THE_WAY = [
    Mishap(
        "a machine that never boots",
        7,
        ("no SSH session after 10 s", "nothing answers"),
        fault("never-boots", "--droplet", MACHINES),
        tells=("look at the droplet's console",),
        config=HURRIED,
        replaces=True,
    ),
    Mishap(
        "cloud-init that fails",
        7,
        ("cloud-init ended as error in module scripts_user",),
        from_broken_image,
        tells=(GOES_ON, "/usr/local/bin/set-up-the-site: not found"),
        replaces=True,
    ),
    Mishap(
        "a firewall that keeps this computer out",
        7,
        ("port 22 does not answer, though the machine does",),
        argv=("--ssh-from", f"{ELSEWHERE}/32"),
        tells=(GOES_ON, "add this computer's public address to `ssh_from`"),
        config=HURRIED,
    ),
    Mishap(
        "a power cut",
        7,
        (),
        fault("power-cut", "--method", "POST", "--path", "/v2/reserved_ips", "--droplet", MACHINES),
        tells=(GOES_ON, "holds nothing yet: a new one takes its place"),
        replaces=True,
    ),
    Mishap(
        "a record in the way",
        5,
        (f"{LOST} has a AAAA record for www that points elsewhere",),
        record(type="AAAA", name="www", data="2001:db8::1"),
        tells=(GOES_ON, "power on"),
    ),
    Mishap(
        "a container that never gets healthy",
        8,
        ("service nginx is unhealthy", "the page is missing"),
        failing_check,
        tells=("bootstrap logs nginx",),
    ),
    Mishap(
        "a container that ends again and again",
        8,
        ("service nginx is ending again and again", 'unknown directive "oops'),
        env_file(f"DOMAIN={LOST}; oops"),
        tells=("bootstrap logs nginx",),
    ),
    Mishap(
        "names that lead elsewhere",
        9,
        (f"{LOST} does not lead to ", f"{ADDRESS} says {ELSEWHERE}; no certificate was asked for"),
        delegated_elsewhere,
        # what the last run delivered is put right
        ("--env-file", "env"),
    ),
    Mishap(
        "nobody may issue",
        9,
        (f"the CAA records of {LOST} let nobody issue certificates",),
        record(type="CAA", name="@", data=";", flags=0, tag="issue"),
    ),
    Mishap(
        "refused by the authority",
        9,
        (f"no certificate for {LOST}, www.{LOST}", "the name is on a list"),
        refusal("rejectedIdentifier", "the name is on a list", 400),
        tells=("choose another domain",),
    ),
    Mishap(
        "the authority's rate limit",
        9,
        (f"the rate limit of {ADDRESS} is reached", "too many certificates already issued"),
        refusal("rateLimited", "too many certificates already issued", 429, "3600"),
        tells=("wait 3600 s, then run again",),
    ),
]
WHILE_IT_SERVES = [
    Mishap(
        "ssh refused",
        7,
        ("no SSH session after 10 s", "port 22 refuses connections"),
        sshd_stopped,
        config=HURRIED,
    ),
    Mishap(
        "another host key",
        7,
        ("offers another host key than the one pinned on its droplet; nothing was sent",),
        other_host_key,
    ),
]


def goes_wrong(world: World, mishap: Mishap) -> None:
    droplet = world.found.get("droplet")
    with mishap.arrange(world) as more:
        said = world.create(*mishap.argv, *(more or ()), config=mishap.config)
    errors = [line for line in said.err.splitlines() if line.startswith("error: ")]
    assert (said.code, len(errors)) == (mishap.code, 1) and "Traceback" not in said.err, said.err
    assert all(words in errors[0] for words in mishap.says), errors
    assert "hint: " in said.err, "what to do"
    assert all(words in said.err for words in mishap.tells), said.err
    world.nothing_is_orphaned()
    assert (world.found["droplet"] != droplet) == mishap.replaces


@pytest.mark.parametrize("mishap", ON_THE_WAY, ids=lambda mishap: mishap.about)
def test_on_the_way(world: World, mishap: Mishap) -> None:
    goes_wrong(world, mishap)


def test_the_next_run_succeeds(world: World, visitor: ssl.SSLContext) -> None:
    """On the droplet, with the volume and at the address of the runs before."""
    before = world.found
    created = world.create("--json")
    assert created.code == 0 and GOES_ON in created.err, created.err
    world.nothing_is_orphaned()
    assert world.found == before and created.json()["reserved_ip"] in world.found["address"]
    assert world.front.orders > 0
    assert Site(LOST, created.json()["reserved_ip"], visitor).request("GET", "/").text == f"Hello from {LOST}\n"


@pytest.mark.parametrize("mishap", WHILE_IT_SERVES, ids=lambda mishap: mishap.about)
def test_while_it_serves(world: World, mishap: Mishap) -> None:
    before = world.found
    goes_wrong(world, mishap)
    assert world.found == before


def test_what_is_whole_is_kept(world: World) -> None:
    before, orders = world.found, world.front.orders
    assert world.create().code == 0
    world.nothing_is_orphaned()
    assert (world.found, world.front.orders) == (before, orders)


def test_a_new_droplet_takes_over_the_certificate(world: World) -> None:
    """With no metadata service in reach and nothing kept of its console: it needs neither."""
    volume, orders = world.found["volume"], world.front.orders
    world.cli("destroy", LOST, "--yes")
    assert world.made() == {"volume": volume}
    world.local("faults", "add", "metadata-late", "--count", "0", "--seconds", "600")
    world.local("faults", "add", "console-lost")
    created = world.create()
    assert created.code == 0 and created.err.count("error: ") == 0, created.err
    assert world.in_droplet("curl -s -m 2 http://169.254.169.254/metadata/v1/id; echo $?").strip() == "28", "too late"
    assert (world.made()["volume"], world.front.orders) == (volume, orders), "it was not asked for again"
    world.cli("destroy", LOST, "--volume", "--backups", "--yes")
    assert world.made() == {} and world.tags() == world.tags_before, "nor a pin of a droplet that was replaced"
