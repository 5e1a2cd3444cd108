"""`bootstrap access`: who may log in to the droplet that runs, and to every later one."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

from bootstrap.deployment import find, people, remote, rights, sshkey
from bootstrap.deployment.environment import Environment
from bootstrap.deployment.lock import alone
from bootstrap.deployment.people import PublicKey
from bootstrap.errors import ConflictError, HostError, NotFoundError, UsageError
from bootstrap.ports.cloud import SSHKey
from bootstrap.ports.host import Host
from bootstrap_agent.contract import answers
from bootstrap_agent.contract.answers import Access


@dataclass(frozen=True)
class Person:
    """`here`: may log in to the droplet that runs; `later`: to every one that comes; `own`: with the key of whoever
    asks, which a droplet that is made from this computer lets in anyway."""

    name: str
    fingerprint: str
    public: str
    here: bool
    later: bool
    own: bool


def listed(env: Environment) -> list[Person]:
    with remote.live(env) as host:
        there = _there(host)
    return _people(env, there, env.cloud.ssh_keys())


def add(env: Environment, keys: Sequence[PublicKey]) -> list[Person]:
    """At once on the droplet and for every later one; so do those who may log in now, from whichever computer the
    droplet was made."""
    rights.check(env.cloud, rights.ACCESS)
    with alone(env, "access") as locked:
        _, live = find.find_live(locked)
        with closing(remote.connect(locked, live)) as host:
            there = _there(host)
            known = {key.fingerprint: key for key in locked.cloud.ssh_keys()}
            if locked.recorder:
                locked.recorder.add(let_in=" ".join(key.name.replace(" ", "-") for key in keys))
            with locked.progress.step(f"{len(keys)} key{'s' * (len(keys) != 1)} for every later droplet"):
                for key in [*there, *keys]:
                    if key.fingerprint not in known:
                        name = f"{people.NAMED}{key.name or key.sha256}"
                        made = locked.cloud.create_ssh_key(name, key.public)
                        known[made.fingerprint] = made
                    locked.cloud.create_tag(people.tag_of(locked, key.fingerprint))
            with locked.progress.step("the same on the droplet that runs"):
                sent = Access(tuple(f"{key.public} {key.name}" for key in keys))
                now = remote.agent(host, answers.ACCESS_ADD, stdin=sent)
    return _people(env, people.on_droplet(now.keys), list(known.values()))


def remove(env: Environment, who: str) -> list[Person]:
    """By a name, or a fingerprint. Whoever is logged in stays so until they log out, and knew all that root knows."""
    rights.check(env.cloud, rights.ACCESS)
    with alone(env, "access") as locked:
        _, live = find.find_live(locked)
        with closing(remote.connect(locked, live)) as host:
            keys = locked.cloud.ssh_keys()
            gone = [one for one in _people(locked, _there(host), keys) if who in (one.name, one.fingerprint)]
            if not gone:
                raise NotFoundError(f"nobody is called {who}", "bootstrap access list")
            if any(one.own for one in gone):
                own = locked.settings.ssh_key
                raise ConflictError(f"{who} is {own}, with which bootstrap logs in", "from another computer it works")
            if locked.recorder:
                locked.recorder.add(let_go=who.replace(" ", "-"))
            with locked.progress.step("no later droplet, and not the one that runs"):
                public = {one.public for one in gone}
                for key in keys:
                    if " ".join(key.public_key.split()[:2]) in public:
                        _forget(locked, key)
                remote.agent(host, answers.ACCESS_REMOVE, stdin=Access(tuple(one.public for one in gone)))
    return gone


def _forget(env: Environment, key: SSHKey) -> None:
    """The account's key goes too, if it came by `access add` and no other deployment lets it in."""
    env.cloud.delete_tag(people.tag_of(env, key.fingerprint))
    if not people.is_of_others(env, key):
        env.cloud.delete_ssh_key(key.id)


def _there(host: Host) -> list[PublicKey]:
    try:
        return people.on_droplet(remote.agent(host, answers.ACCESS_LIST).keys)
    except UsageError:
        what = "the droplet's agent is older and knows no access"
        raise HostError(what, "bootstrap deploy brings one that does") from None


def _people(env: Environment, there: Sequence[PublicKey], keys: Sequence[SSHKey]) -> list[Person]:
    own = sshkey.ensure(env.settings.ssh_key).public
    later = {" ".join(key.public_key.split()[:2]): key for key in people.kept(env, keys)}
    named = {" ".join(key.public_key.split()[:2]): key.name.removeprefix(people.NAMED) for key in keys}
    here = {key.public: key.name for key in there}
    return [
        Person(
            name=named.get(public) or here.get(public) or people.sha256(public),
            fingerprint=people.sha256(public),
            public=public,
            here=public in here,
            later=public in later,
            own=public == own,
        )
        for public in dict.fromkeys([*here, *later])
    ]
