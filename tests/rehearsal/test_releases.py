"""Bad releases of the guest book never reach a visitor: each is refused with its reason while people read and write,
and none of them waits. And the way back from a release that was good, with the data."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from bootstrap.adapters.digitalocean import DigitalOcean
from tests.rehearsal.conftest import Bootstrap, Site
from tests.rehearsal.guests import GuestBook
from tests.rehearsal.machines import forget, from_image, snapshot_of
from tests.rehearsal.visitors import Seen, busy, reads

DOMAIN = "releases.example"
DOCKER = "/home/deploy/apps/hello/Docker"
COMPOSE = f"{DOCKER}/docker-compose.prod.yml"
KEY = "0123456789abcdef0123456789abcdef"
# a visitor who was never held: on a host that does other work too
AT_ONCE_S = 5.0

pytestmark = pytest.mark.root


@dataclass(frozen=True)
class Bad:
    """`spoil` makes it of the good image; `says` is in the one line that the redeploy ends with."""

    spoil: str
    code: int
    says: str


def in_service(line: str) -> str:
    """Put into the service `app`."""
    return f"sed -i '/^  app:/a\\    {line}' {COMPOSE}"


def with_job(command: str) -> str:
    """Adds a job, as migrations are."""
    job = r"\n".join(["  migrate:", "    image: hello/app:local", "    profiles: [jobs]", f"    command: {command}"])
    return rf"sed -i 's|^  name: hello|&\n  jobs: [migrate]|; s|^services:|&\n{job}|' {COMPOSE}"


BAD = {
    "a container that crashes": Bad(in_service('command: ["false"]'), 8, "app"),
    "health never green": Bad(f"sed -i 's|proxy_pass|return 503; &|' {DOCKER}/nginx/*", 8, "503"),
    "a migration that fails": Bad(with_job('["false"]'), 8, "migrate"),
    "a migration too slow for the bound": Bad(with_job('["sleep", "3600"]'), 8, "migrate"),
    "an image without the stack": Bad(f"rm -r {DOCKER}", 7, "stack"),
}
# of which the others are variants: the rest by hand, `pytest -m long`
IN_CI = ("a container that crashes", "a migration that fails")


@pytest.fixture(scope="module")
def guests(hello: Bootstrap, hello_image: dict[str, Any], visitor: ssl.SSLContext) -> Iterator[Site]:
    values = hello.work / "releases.env"
    values.touch(mode=0o600)
    values.write_text(f"GUESTBOOK_KEY={KEY}\n")
    settings = hello.work / "bootstrap.yaml"
    usual = settings.read_text()
    settings.write_text(f"{usual}env_file: {values}\n")
    try:
        created = hello("create", "--domain", DOMAIN, "--json").json()
        yield Site(DOMAIN, created["reserved_ip"], visitor)
        hello("destroy", DOMAIN, "--volume", "--backups", "--yes")
    finally:
        settings.write_text(usual)


@contextmanager
def spoilt(cloud: dict[str, Any], image: dict[str, Any], hello: Bootstrap, how: str) -> Iterator[int]:
    machine = from_image(cloud, image["name"], hello.work)
    try:
        machine.run(how)
        with snapshot_of(cloud, machine, "bootstrap-hello-spoilt") as bad:
            for tag in ("bootstrap-image", "bootstrap-image:hello"):
                DigitalOcean(cloud["watcher_token"], cloud["api"]).tag_image(bad, tag)
            yield bad
    finally:
        forget(machine)


@contextmanager
def at_work(book: GuestBook) -> Iterator[Seen]:
    with busy(*[reads(book.site, "/health/")] * 4, *[book.writes()] * 2, at_most_s=600) as seen:
        yield seen


@pytest.mark.parametrize(
    "what", [pytest.param(name, marks=[] if name in IN_CI else [pytest.mark.long]) for name in BAD]
)
def test_a_bad_release_never_reaches_a_visitor(
    hello: Bootstrap, hello_image: dict[str, Any], cloud: dict[str, Any], guests: Site, what: str
) -> None:
    bad, book = BAD[what], GuestBook(guests, KEY)
    book.kept.extend(book.lines())
    before = hello("status", DOMAIN, "--json").json()["droplet"]["id"]
    with spoilt(cloud, hello_image, hello, bad.spoil) as image, at_work(book) as seen:
        refused = hello("redeploy", DOMAIN, "--image", str(image), check=False)
    print(
        f"{what}: {seen.answered} answered, the longest waited {seen.longest_s:.1f} s; {refused.err.splitlines()[-2:]}"
    )
    assert refused.code == bad.code, refused.err
    (error,) = [line for line in refused.err.splitlines() if line.startswith("error: ")]
    assert bad.says in error
    assert seen.failed == [] and seen.answered > 50
    assert seen.longest_s < AT_ONCE_S, "nobody waits"
    book.has_all(nothing_else=True)
    status = hello("status", DOMAIN, "--json").json()
    assert (status["droplet"]["id"], status["healthy"]) == (before, True)


def test_a_rollback_with_data_goes_back_and_keeps_what_it_gives_up(
    hello: Bootstrap, hello_image: dict[str, Any], guests: Site, cloud: dict[str, Any]
) -> None:
    book = GuestBook(guests, KEY)
    assert book.write("of before") == 201
    good = book.lines()
    hello("redeploy", DOMAIN)
    assert book.write("regretted") == 201
    image = str(hello_image["id"])
    refused = hello("rollback", DOMAIN, "--with-data", "--to", image, check=False, stdin="no\n")
    assert refused.code == 12 and "is given up" in refused.err
    book.kept.clear()
    with at_work(book) as seen:
        report = hello("rollback", DOMAIN, "--with-data", "--to", image, "--yes", "--json").json()
    print(f"rollback --with-data: {seen.answered} answered, longest {seen.longest_s:.1f} s; {report['given_up']}")
    assert seen.failed == [] and report["failed"] == 0
    # what was confirmed after the volume had moved is there, and of what came before nothing
    now = book.lines()
    assert now[: len(good)] == good and "regretted" not in now
    later = now[len(good) :]
    assert set(later) <= set(book.kept) and len(later) == len(set(later)) > 3
    there = [line in later for line in book.kept]
    assert there == sorted(there), "what was confirmed since the volume went back is there, whatever came after it"
    (volume,) = [v for v in DigitalOcean(cloud["watcher_token"], cloud["api"]).volumes() if "releases" in v.name]
    assert (volume.name, volume.tags) == ("bootstrap-releases-example", ("bootstrap:releases_example",))
    given_up = report["given_up"]
    assert given_up["kept_in"].count("-given-up-") == 1 and given_up["since"] < given_up["until"], json.dumps(given_up)
