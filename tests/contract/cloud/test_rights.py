"""Tokens with limited scopes. What each command needs (`deployment/rights.py`) is what its requests need by
DigitalOcean's document, no more and no less; a token with exactly that does it, and one that lacks a single scope of it
is refused before anything is made."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from bootstrap.adapters.digitalocean import DigitalOcean, Patience
from bootstrap.adapters.digitalocean.rights import PROBES
from bootstrap.deployment import find, hostkeys, people, rights
from bootstrap.errors import BootstrapError, CredentialsError
from bootstrap.images import bake, workshop
from bootstrap.operations import access, backup, destroy, restore, status, volume
from bootstrap.operations.create import run as create
from bootstrap.operations.drill import plan, run
from bootstrap.operations.redeploy.foresee import foresee
from bootstrap.operations.redeploy.rollback import rollback
from bootstrap.operations.redeploy.run import redeploy
from bootstrap.operations.redeploy.with_data import rollback_with_data
from bootstrap.ports.checkout import Commit
from bootstrap_agent.contract import manifest
from localcloud.state.model import KINDS, DomainRecord, ReservedIP, SSHKey, Volume, VolumeSnapshot
from localcloud.state.unfriendly import HABITS
from tests.contract.api.conftest import TOKEN, running
from tests.contract.api.conftest import Cloud as Server
from tests.contract.api.documented import documented, needed
from tests.contract.cloud.deployment import MANIFEST, Deployment, _image
from tests.fakes.world import ROOT
from tests.unit.operations import test_drill

QUICK = Patience(pause_s=0.01, jitter_s=0)
NEWER = 3
# a size is read with its regions: without those the question for it is refused, too
BOTH = {"regions:read": {"regions:read", "sizes:read"}}
Step = Callable[["Account"], None]


class Account(Deployment):
    """One with two images; `limit` is a token with these scopes, which the next command is given."""

    def __init__(self, folder: Path, server: Server) -> None:
        super().__init__(folder, server)
        server.faults.unfriendly.switch(HABITS, on=False)
        self.set(alerts=self.settings.alerts.model_copy(update={"metrics_agent": True}))
        server.judge.keeps_bodies = True
        server.judge.hear = lambda method, path: self.settle()
        with server.state.change() as tx:
            tx.put(_image().model_copy(update={"id": NEWER, "created_at": "2026-11-25T10:00:00Z", "name": "newer"}))

    def settle(self) -> None:
        assert self.server.worker.wait_idle(30)

    def limit(self, scopes: set[str]) -> None:
        self.token = f"few-{len(self.server.tokens)}"
        self.server.tokens[self.token] = sorted(scopes)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        answer = requests.request(
            method,
            f"{self.server.url}/v2/{path}",
            json=body,
            headers={"authorization": f"Bearer {TOKEN}"},
            timeout=30,
        )
        assert answer.ok, answer.text
        self.settle()
        return answer.json() if answer.content else None

    def own(self) -> DigitalOcean:
        return DigitalOcean(self.token, self.server.url, patience=QUICK)

    def do(self, step: Step) -> BootstrapError | None:
        self.cloud = self.own()
        try:
            step(self)
        except BootstrapError as error:
            return error
        return None

    def set(self, **settings: Any) -> None:
        self.settings = self.settings.model_copy(update=settings)

    def state(self) -> list[str]:
        with self.server.state.change() as tx:
            return sorted(repr(row) for kind in KINDS for row in tx.all(kind))


class ApiPacker:
    """The requests of Packer's builder for DigitalOcean, as its sources make them (the plugin's builder/digitalocean),
    with the machine left alone."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def build(self, template: Path, *, variables: Any, secrets: Any, line: Callable[[str], None]) -> None:
        key = self._ask("POST", "account/keys", {"name": "packer-1", "public_key": hostkeys.generate().public})[
            "ssh_key"
        ]
        spec = {name: variables[name] for name in ("region", "size", "tags")}
        image = variables.get("base_image", "ubuntu-22-04-x64")
        image = int(image) if image.isdecimal() else image
        body = {"name": "packer", "image": image, "ssh_keys": [key["id"]], **spec}
        droplet = f"droplets/{self._ask('POST', 'droplets', body)['droplet']['id']}"
        for action in ({"type": "shutdown"}, {"type": "snapshot", "name": variables["snapshot_name"]}):
            self._ask("GET", droplet)
            made = self._ask("POST", f"{droplet}/actions", action)["action"]
            self._ask("GET", f"{droplet}/actions/{made['id']}")
        self._ask("GET", f"{droplet}/snapshots")
        self._ask("DELETE", droplet)
        self._ask("DELETE", f"account/keys/{key['id']}")

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"authorization": f"Bearer {self._account.token}"}
        url = f"{self._account.server.url}/v2/{path}"
        answer = requests.request(method, url, json=body, headers=headers, timeout=30)
        assert answer.ok, answer.text
        self._account.settle()
        return answer.json() if answer.content else None


class Checkout:
    root = ROOT

    def commit(self, paths: object) -> Commit:
        return Commit("a" * 40, dirty=False)

    def files(self, folder: Path) -> list[Path]:
        return [path for path in folder.rglob("*") if path.is_file()]

    def wheel(self, folder: Path) -> Path:
        made = folder / "agent.whl"
        made.write_text("")
        return made


# --- what the commands meet: each is made with full access


def deployed(account: Account) -> None:
    assert account.do(lambda it: create.create(it.env()) and None) is None


def adrift(account: Account) -> None:
    """Deployed, and the reserved IP is at no droplet: the record leads to it."""
    deployed(account)
    unassigned(account)


def unassigned(account: Account) -> None:
    with account.server.state.change() as tx:
        (address,) = tx.all(ReservedIP)
    account.ask("POST", f"reserved_ips/{address.ip}/actions", {"type": "unassign"})


def shared(account: Account) -> None:
    """Likewise, and somebody else may log in."""
    deployed(account)
    (key,) = people.parse(hostkeys.generate().public, "ada.pub", "ada")
    assert account.do(lambda it: access.add(it.env(), [key]) and None) is None
    unassigned(account)


def backed_up(account: Account) -> None:
    deployed(account)
    account.store.objects["example_com/manifest_20261124_020000.json"] = MANIFEST


def only_backed_up(account: Account) -> None:
    """All that is left is the bucket."""
    made = test_drill.backup()
    account.store.objects[manifest.manifest_key("example_com/", made.id)] = manifest.render(made)
    account.store.objects |= {part.key: b"xyz" for part in made.parts}


def half_broken(account: Account) -> None:
    """Powered off, without its volume, guarded by other rules, with one wrong record and one too many."""
    adrift(account)
    (droplet,) = account.own().droplets()
    account.own().shutdown_droplet(droplet.id)
    account.own().detach_volume(droplet.volume_ids[0], droplet.id)
    with account.server.state.change() as tx:
        (record,) = (row for row in tx.all(DomainRecord) if (row.type, row.name) == ("A", "www"))
    account.ask("PUT", f"domains/{record.domain}/records/{record.id}", {"type": "A", "data": "192.0.2.9"})
    account.set(ssh_from=("192.0.2.7/32",))


def never_served(account: Account) -> None:
    deployed(account)
    (droplet,) = account.own().droplets()
    account.own().tag_droplet(droplet.id, find.tag(account.settings, find.NEVER_SERVED))
    account.set(image=_image().id)


def to_be_replaced(account: Account) -> None:
    """From another computer, by a firewall's new rules, with more snapshots than are kept."""
    adrift(account)
    with account.server.state.change() as tx:
        (key,), (volume,) = tx.all(SSHKey), tx.all(Volume)
    account.ask("DELETE", f"account/keys/{key.id}")
    for number in range(3):
        account.own().snapshot_volume(volume.id, f"before-{number}", [find.tag(account.settings)])
    account.set(ssh_from=("192.0.2.7/32",))


def replaced(account: Account) -> None:
    to_be_replaced(account)
    assert account.do(lambda it: redeploy(it.env(), keep_old=True) and None) is None
    with account.server.state.change() as tx:
        (volume,) = tx.all(Volume)
    for snapshot in account.own().volume_snapshots(volume.id):
        # its name is the second in which it was taken, and the next replacement begins in the same one
        if not snapshot.name.startswith("before-"):
            account.own().delete_volume_snapshot(snapshot.id)
    account.own().snapshot_volume(volume.id, "before-3", [find.tag(account.settings)])


def replaced_anew(account: Account) -> None:
    """And again from another computer, by a firewall's new rules."""
    to_be_replaced(account)
    assert account.do(lambda it: redeploy(it.env()) and None) is None
    unassigned(account)
    with account.server.state.change() as tx:
        (key,) = tx.all(SSHKey)
    account.ask("DELETE", f"account/keys/{key.id}")
    account.set(ssh_from=("192.0.2.8/32",))


def nothing(account: Account) -> None:
    pass


def left_by_packer(account: Account) -> None:
    """A build that was killed long ago left its droplet, its key and a base that is not tagged."""
    base = {"id": 77, "name": "bootstrap-base-20260101000000", "created_at": "2026-01-01T00:00:00Z"}
    with account.server.state.change() as tx:
        tx.put(_image().model_copy(update={**base, "ref": "old", "tags": ()}))
    keys = account.own().create_ssh_key("packer-00000001-0000-0000-0000-000000000000", hostkeys.generate().public)
    tags = ["bootstrap-packer", workshop.own_tag()]
    spec = {"name": "packer", "region": "nyc3", "size": "s-1vcpu-1gb", "image": 1, "ssh_keys": [keys.id], "tags": tags}
    account.ask("POST", "droplets", spec)


# --- the commands


def build(account: Account) -> None:
    shop = bake.Workshop(
        cloud=account.cloud,
        packer=ApiPacker(account),
        checkout=Checkout(),
        progress=account.progress,
        state_dir=account.folder,
        api_url=account.server.url,
        token=account.token,
    )
    bake.build(shop, account.settings.stack, region="nyc3", size="s-1vcpu-1gb")


def prune(account: Account) -> None:
    assert bake.prune(account.cloud, account.progress, keep=1)


def delete(account: Account) -> None:
    assert bake.delete(account.cloud, account.progress, [NEWER])


def drill(account: Account) -> None:
    outcome, error = run.drill(account.env(), plan.make(account.env()))
    if error:
        raise error
    assert outcome.passed


def go_back(account: Account) -> None:
    """To the image that there is: what was before has the same one here."""
    with account.server.state.change() as tx:
        names = [taken.name for taken in tx.all(VolumeSnapshot)]
    images = {int(name.rpartition("-")[2]) for name in names if "-image-" in name}
    rollback_with_data(account.env(), to=next(iter(images), None))


def grow(account: Account) -> None:
    account.set(size="s-4vcpu-8gb")
    redeploy(account.env(), resize=True)


def grow_volume(account: Account) -> None:
    for machine in account._machines.values():
        machine.disk_bytes = 11 * 2**30
    volume.grow(account.env(), 11)


def destroy_all(account: Account) -> None:
    destroy.destroy(account.env(), volume=True, backups=False)


def destroy_with_zones(account: Account) -> None:
    destroy.destroy(account.env(), volume=False, backups=False, zones=True)
    assert account.own().domains() == []


def let_in_and_go(account: Account) -> None:
    (key,) = people.parse(hostkeys.generate().public, "ada.pub", "ada")
    access.add(account.env(), [key])
    access.remove(account.env(), "ada")


LIVES: dict[str, list[tuple[Step, Step]]] = {
    rights.BUILD: [(left_by_packer, build)],
    rights.PRUNE: [(nothing, prune), (nothing, delete)],
    rights.CREATE: [
        (nothing, lambda it: create.create(it.env()) and None),
        (half_broken, lambda it: create.create(it.env()) and None),
        (never_served, lambda it: create.create(it.env()) and None),
    ],
    rights.REDEPLOY: [
        (to_be_replaced, lambda it: redeploy(it.env()) and None),
        (replaced, lambda it: rollback(it.env()) and None),
    ],
    rights.RESIZE: [
        (to_be_replaced, grow),
        (deployed, lambda it: foresee(it.env()) and None),
    ],
    rights.ROLLBACK_DATA: [(replaced_anew, go_back)],
    rights.LOOK: [(adrift, lambda it: status.status(it.env()) and None)],
    rights.BACKUP: [
        (adrift, lambda it: backup.backup_now(it.env()) and None),
        (backed_up, lambda it: restore.restore(it.env(), "latest") and None),
    ],
    rights.ACCESS: [(adrift, let_in_and_go)],
    rights.GROW: [(adrift, grow_volume)],
    rights.DRILL: [(only_backed_up, drill)],
    rights.DESTROY: [(shared, lambda it: destroy.destroy(it.env(), volume=False, backups=False) and None)],
    rights.DESTROY_VOLUME: [(replaced, destroy_all), (shared, destroy_all)],
    rights.DESTROY_ZONES: [(shared, destroy_with_zones)],
}
CHECKED = [command for command in LIVES if command not in (rights.PRUNE, rights.LOOK)]


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    """No answer is judged here, which takes half of the time: the other tests of this folder do."""
    with running(tmp_path, None, is_unfriendly=True) as server:
        yield Account(tmp_path, server)


def test_every_command_of_the_table_is_lived_through() -> None:
    assert LIVES.keys() == rights.COMMANDS.keys()
    assert sorted(PROBES) == rights.ALL, "and each of its scopes can be asked for"


@pytest.mark.parametrize("command", LIVES)
def test_the_table_is_what_the_requests_need(tmp_path: Path, command: str) -> None:
    listed = {*rights.COMMANDS[command], *rights.EXTRAS.get(command, ())}
    used: set[str] = set()
    for number, (before, step) in enumerate(LIVES[command]):
        for asked in _requests(tmp_path / str(number), before, step, None):
            fitting = [way for way in needed(*asked) if way <= listed]
            assert fitting, f"{command} asks {asked[:2]}, which needs {needed(*asked)}"
            used |= fitting[0]
    assert used == listed


@pytest.mark.parametrize("command", LIVES)
def test_a_token_with_exactly_these_scopes_does_it(tmp_path: Path, command: str) -> None:
    for extras in {(), tuple(rights.EXTRAS.get(command, ()))}:
        for number, (before, step) in enumerate(LIVES[command]):
            folder = tmp_path / f"{number}-{len(extras)}"
            assert _requests(folder, before, step, {*rights.COMMANDS[command], *extras})


def _requests(folder: Path, before: Step, step: Step, scopes: set[str] | None) -> list[tuple[str, str, Any]]:
    """What the command asked of the API, in an account of its own."""
    folder.mkdir()
    with running(folder, None, is_unfriendly=True) as server:
        account = Account(folder, server)
        before(account)
        if scopes is not None:
            account.limit(scopes)
        server.judge.asked.clear()
        assert (error := account.do(step)) is None, error
        asked = [(method, path, json.loads(body or b"{}")) for method, path, body in server.judge.asked]
        return [one for one in asked if one[1].startswith("/v2/")]


@pytest.mark.parametrize("command", CHECKED)
def test_a_token_that_lacks_one_scope_is_refused_before_anything_is_made(account: Account, command: str) -> None:
    before, step = LIVES[command][0]
    before(account)
    stands, listed = account.state(), set(rights.COMMANDS[command])
    for scope in sorted(listed):
        account.limit(listed - {scope})
        _refused(account, step, BOTH.get(scope, {scope}))
        assert account.state() == stands, scope


def test_all_that_a_token_lacks_is_told_in_one_line(account: Account) -> None:
    stands = account.state()
    for command in CHECKED:
        account.limit({"droplet:read"})
        _refused(account, LIVES[command][0][1], set(rights.COMMANDS[command]) - {"droplet:read"})
    assert account.state() == stands


def _refused(account: Account, step: Step, lacking: set[str]) -> None:
    error = account.do(step)
    assert isinstance(error, CredentialsError) and error.exit_code == 3 and error.remedy, error
    assert "\n" not in error.message
    assert set(error.message.removeprefix("the API token may not ").split(", ")) == lacking


def test_a_complete_deployment_needs_no_right_to_create(account: Account) -> None:
    deployed(account)
    kinds = ("droplet", "block_storage", "reserved_ip", "firewall", "domain", "ssh_key", "vpc")
    account.limit(set(rights.COMMANDS[rights.CREATE]) - {f"{kind}:create" for kind in kinds})
    deployed(account)


def test_each_question_is_for_its_scope(account: Account) -> None:
    for scope, (method, path) in PROBES.items():
        # who takes a tag off something changes that, too; this one takes it off nothing
        (way,) = (way for way in needed(method, f"/v2/{path}", {"resources": []}) if scope in way)
        assert way <= {scope, *({"regions:read"} if scope == "sizes:read" else ())}, scope
    assert {method for method, _ in PROBES.values()} <= {method for method, _ in documented()}


def test_no_question_has_an_effect(account: Account) -> None:
    """Of a token that may do everything, and is asked all the same, as if its issuer told nothing."""
    replaced(account)
    stands = account.state()
    account.limit({"*:*"})
    assert account.own().lacks(rights.ALL) == []
    assert account.state() == stands


def test_full_access_is_known_by_one_question(account: Account) -> None:
    account.server.judge.asked.clear()
    assert account.own().lacks(rights.ALL) == []
    assert [path for _, path, _ in account.server.judge.asked] == ["/v1/oauth/token/info"]
