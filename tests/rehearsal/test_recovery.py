"""Every container dies in turn while people work. Afterwards what they were told is kept is counted, and what became
of it in the other services: nothing is missing, nothing is there twice."""

from __future__ import annotations

import json
import shlex
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import stamina

from tests.rehearsal.conftest import DOMAIN, Bootstrap, Site
from tests.rehearsal.people import Person, patiently, sign_up

pytestmark = pytest.mark.root

CONTAINERS = (
    "ticket-service",
    "rabbitmq",
    "workflow-worker",
    "messaging-service",
    "db",
    "notification-worker",
    "auth-service",
    "workflow-api",
    "notification-service",
    "frontend",
    "nginx",
)
# Below the limit that nginx sets for one address.
PAUSE_S = 0.15
COMMENTS = 2
RECOVERS_WITHIN_S = 120
SETTLES_WITHIN_S = 120


@dataclass
class Work:
    """What one person tried, and what was confirmed: an answer that never came leaves open which."""

    tried: set[str] = field(default_factory=set)
    kept: dict[str, int] = field(default_factory=dict)
    comments: dict[int, set[str]] = field(default_factory=dict)
    confirmed: dict[int, set[str]] = field(default_factory=dict)
    failures: Counter[str] = field(default_factory=Counter)
    unexpected: list[str] = field(default_factory=list)


def works(person: httpx.Client, done: Work, stop: threading.Event) -> None:
    while not stop.wait(PAUSE_S):
        title = f"printer {uuid.uuid4()}"
        done.tried.add(title)
        answer = ask(person, done, "/api/tickets/", {"title": title})
        if answer is None:
            continue
        ticket = done.kept[title] = int(answer["id"])
        for _ in range(COMMENTS):
            says(person, done, ticket, stop)


def says(person: httpx.Client, done: Work, ticket: int, stop: threading.Event) -> None:
    """Sent again with the same id until it is confirmed, as the front end does."""
    comment = str(uuid.uuid4())
    done.comments.setdefault(ticket, set()).add(comment)
    while not stop.wait(PAUSE_S):
        path = f"/api/messaging/tickets/{ticket}/comments/"
        if ask(person, done, path, {"body": f"about {ticket}", "client_id": comment}) is not None:
            done.confirmed.setdefault(ticket, set()).add(comment)
            return


def ask(person: httpx.Client, done: Work, path: str, body: dict[str, Any]) -> dict[str, Any] | None:
    try:
        answer = person.post(path, json=body)
    except httpx.TransportError as error:
        done.failures[type(error).__name__] += 1
        return None
    if answer.status_code in (200, 201):
        found: dict[str, Any] = answer.json()
        return found
    done.failures[str(answer.status_code)] += 1
    # Not there for the moment is what a visitor may see; anything else is wrong.
    if answer.status_code not in (502, 503, 504):
        done.unexpected.append(f"POST {path}: {answer.status_code} {answer.text[:200]}")
    return None


@contextmanager
def at_work(people: list[Person]) -> Iterator[list[Work]]:
    stop, done = threading.Event(), [Work() for _ in people]
    clients = [person.log_in() for person in people]
    threads = [
        threading.Thread(target=works, args=(client, one, stop)) for client, one in zip(clients, done, strict=True)
    ]
    for thread in threads:
        thread.start()
    try:
        yield done
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        for client in clients:
            client.close()


def on_droplet(bootstrap: Bootstrap, command: str) -> str:
    return bootstrap("ssh", DOMAIN, f"sudo -n sh -c {shlex.quote(command)}", unlogged=True).out


def state(bootstrap: Bootstrap, service: str) -> dict[str, Any]:
    find = f"docker ps -aq --filter label=com.docker.compose.service={service}"
    found: dict[str, Any] = json.loads(on_droplet(bootstrap, f"docker inspect -f '{{{{json .State}}}}' $({find})"))
    return found


def kill(bootstrap: Bootstrap, service: str) -> float:
    """SIGKILL from outside, as the kernel does when memory ends: `docker kill` would count as asked for. Returns the
    seconds until the container was healthy again."""
    before = state(bootstrap, service)
    began = time.monotonic()
    on_droplet(bootstrap, f"kill -9 {before['Pid']}")

    def healthy_again() -> None:
        now = state(bootstrap, service)
        assert now["StartedAt"] != before["StartedAt"] and now["Health"]["Status"] == "healthy", now["Status"]

    within(RECOVERS_WITHIN_S, healthy_again)
    return time.monotonic() - began


def within(seconds: float, check: Callable[[], None]) -> None:
    for attempt in stamina.retry_context(on=(AssertionError, KeyError), attempts=None, timeout=seconds, wait_max=2.0):
        with attempt:
            check()


def read(client: httpx.Client, path: str) -> Any:
    answer = patiently(lambda: client.get(path))
    assert answer.status_code == 200, answer.text
    return answer.json()


def everything(client: httpx.Client, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    page: str | None = path
    while page:
        answer = read(client, page)
        found += answer["results"]
        following = answer["next"]
        page = httpx.URL(following).raw_path.decode() if following else None
    return found


def test_nothing_is_lost_or_doubled_when_containers_die(
    bootstrap: Bootstrap, site: Site, cloud: dict[str, Any]
) -> None:
    people = [sign_up(site, cloud, name) for name in ("grace", "alan")]
    with at_work(people) as done:
        for service in CONTAINERS:
            print(f"{service}: healthy again after {kill(bootstrap, service):.0f} s")
            within(RECOVERS_WITHIN_S, lambda: everybody_is_served(site))
    for person, work in zip(people, done, strict=True):
        print(f"{len(work.kept)} tickets of {len(work.tried)} tried, failures {dict(work.failures)}")
        assert not work.unexpected, work.unexpected[:5]
        with person.log_in() as client:
            agrees(client, work)
    within(SETTLES_WITHIN_S, lambda: no_event_waits(bootstrap))


def everybody_is_served(site: Site) -> None:
    paths = ("/", "/health/", *(f"/health/{name}/" for name in ("ticket", "workflow", "messaging", "notification")))
    answers = {path: site.request("GET", path).status_code for path in paths}
    assert set(answers.values()) == {200}, answers


def agrees(client: httpx.Client, work: Work) -> None:
    tickets = {ticket["id"]: ticket["title"] for ticket in everything(client, "/api/tickets/?page_size=100")}
    titles = Counter(tickets.values())
    assert len(work.kept) > 20, "people were at work"
    assert set(work.kept) <= set(titles) <= work.tried
    assert set(titles.values()) == {1}
    for ticket, wanted in work.confirmed.items():
        answer = read(client, f"/api/messaging/tickets/{ticket}/comments/")
        said = Counter(comment["client_id"] for comment in answer["results"])
        assert set(said.values()) == {1}
        assert wanted <= set(said) <= work.comments[ticket]

    def flows() -> None:
        for ticket in tickets:
            assert read(client, f"/api/workflow/tickets/{ticket}/")["ticket"] == ticket

    def notifications() -> None:
        heard = everything(client, "/api/notifications/?page_size=100")
        created = Counter(one["ticket"] for one in heard if one["kind"] == "ticket.created")
        once = Counter(tickets.keys())
        assert created == once, (created - once, once - created)

    within(SETTLES_WITHIN_S, flows)
    within(SETTLES_WITHIN_S, notifications)


def no_event_waits(bootstrap: Bootstrap) -> None:
    for database in ("auth_db", "ticket_db", "workflow_db", "messaging_db"):
        sql = "SELECT count(*) FROM events_outbox WHERE left_at IS NULL"
        find = "docker ps -q --filter label=com.docker.compose.service=db"
        count = on_droplet(bootstrap, f"docker exec $({find}) psql -d {database} -Atc '{sql}'")
        assert count.strip() == "0", f"{database}: {count.strip()} events were not sent"
    find = "docker ps -q --filter label=com.docker.compose.service=rabbitmq"
    queues = json.loads(on_droplet(bootstrap, f"docker exec $({find}) rabbitmqctl -q --formatter json list_queues"))
    assert not any(queue["messages"] for queue in queues), queues
