"""python-digitalocean, unmodified, against the API."""

from __future__ import annotations

import digitalocean
import pytest

from localcloud.api.app import RateLimit
from localcloud.network.plan import Rule
from tests.contract.api.conftest import Cloud
from tests.waiting import until

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKBAdCSz4jIEG0QZRNsZP4BTiPtLXfDqhWEpVRIDQZuL me@here"


def refused(match: str):  # type: ignore[no-untyped-def]
    return pytest.raises(digitalocean.DataReadError, match=match)


def test_account_and_catalogue(cloud: Cloud) -> None:
    manager = cloud.manager()
    assert manager.get_account().status == "active"
    assert {"nyc3", "fra1"} <= {region.slug for region in manager.get_all_regions()}
    prices = {size.slug: size.price_monthly for size in manager.get_all_sizes()}
    assert prices["s-1vcpu-1gb"] == 6 and prices["s-2vcpu-4gb"] == 24
    assert cloud.judge.judged == 3


def test_wrong_token_is_401(cloud: Cloud) -> None:
    with refused("Unable to authenticate you"):
        digitalocean.Manager(**{**cloud.options, "token": "wrong"}).get_account()


def test_droplet_life(cloud: Cloud) -> None:
    key = digitalocean.SSHKey(name="me", public_key=KEY, **cloud.options)
    key.create()
    droplet = cloud.droplet(ssh_keys=[key.id], tags=["a:b"], user_data="#cloud-config\n")
    assert droplet.status == "active"
    assert droplet.ip_address.startswith("198.51.100.")
    assert droplet.private_ip_address.startswith("10.")
    assert [d.id for d in cloud.manager().get_all_droplets(tag_name="a:b")] == [droplet.id]
    drive = cloud.driver.specs[droplet.id].config_drive
    assert KEY.encode() in drive["openstack/latest/meta_data.json"]
    assert drive["openstack/latest/user_data"] == b"#cloud-config\n"

    assert droplet.shutdown(return_dict=False).wait(update_every_seconds=0)
    assert droplet.load().status == "off"
    assert droplet.take_snapshot("baked", return_dict=False).wait(update_every_seconds=0)
    (image,) = cloud.manager().get_my_images()
    assert (image.name, image.min_disk_size) == ("baked", 25)
    assert [s.id for s in droplet.load().get_snapshots()] == [image.id]

    clone = cloud.droplet("clone", image=image.id)
    assert cloud.driver.roots[clone.id] == f"snapshot-{image.id}"
    with refused("disk of 25 GB"):
        cloud.droplet("small", image=image.id, size_slug="s-1vcpu-512mb-10gb")

    droplet.destroy()
    assert [d.id for d in cloud.manager().get_all_droplets()] == [clone.id]
    until(lambda: droplet.id not in cloud.driver.roots)
    image.destroy()
    until(lambda: f"snapshot-{image.id}" not in cloud.driver.images_)


def test_pending_event_is_refused(cloud: Cloud) -> None:
    droplet = cloud.droplet()
    cloud.driver.gate.clear()
    action = droplet.power_off(return_dict=False)
    assert action.status == "in-progress" and droplet.load().locked
    with refused("already has a pending event"):
        droplet.reboot()
    cloud.driver.gate.set()
    assert action.wait(update_every_seconds=0)
    assert droplet.load().status == "off" and not droplet.locked
    with refused("already powered off"):
        droplet.power_off()


def test_failed_start_errors_the_action(cloud: Cloud) -> None:
    droplet = cloud.droplet()
    droplet.power_off(return_dict=False).wait(update_every_seconds=0)
    cloud.driver.broken.add("start")
    action = droplet.power_on(return_dict=False)
    until(lambda: action.load() or action.status == "errored")
    assert droplet.load().status == "off"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"size_slug": "huge"}, "invalid size"),
        ({"region": "mars"}, "invalid region"),
        ({"image": "windows"}, "invalid image"),
        ({"ssh_keys": [7]}, "invalid key identifiers"),
        ({"user_data": "x" * 65537}, "64 KiB"),
        ({"name": "no_underscore!"}, "valid hostname"),
    ],
)
def test_what_a_create_refuses(cloud: Cloud, values: dict[str, object], message: str) -> None:
    with refused(message):
        cloud.droplet(**values)
    assert cloud.manager().get_all_droplets() == []


def test_volume_life(cloud: Cloud) -> None:
    one, two = cloud.droplet("one"), cloud.droplet("two")
    elsewhere = cloud.droplet("three", region="fra1")
    volume = digitalocean.Volume(name="data", region="nyc3", size_gigabytes=10, tags=["v"], **cloud.options).create()
    with refused("already exists"):
        digitalocean.Volume(name="data", region="nyc3", size_gigabytes=1, **cloud.options).create()
    with refused("same region"):
        volume.attach(elsewhere.id, "nyc3")
    cloud.driver.gate.clear()
    volume.attach(one.id, "nyc3")
    with refused("pending event"):
        volume.attach(two.id, "nyc3")
    cloud.driver.gate.set()
    until(lambda: volume.load().droplet_ids == [one.id])
    with refused("already attached"):
        volume.attach(two.id, "nyc3")
    with refused("attached volume cannot be deleted"):
        volume.destroy()
    snapshot_id = volume.snapshot("before")["snapshot"]["id"]
    assert snapshot_id in cloud.driver.volume_snapshots
    one.destroy()
    assert volume.load().droplet_ids == []
    volume.attach(two.id, "nyc3")
    until(lambda: volume.load().droplet_ids == [two.id])
    assert cloud.driver.attached[volume.id] == two.id
    (found,) = cloud.manager().get_all_volumes("nyc3")
    assert found.id == volume.id and cloud.manager().get_all_volumes("fra1") == []
    copy = digitalocean.Volume(name="copy", region="nyc3", size_gigabytes=10, snapshot_id=snapshot_id, **cloud.options)
    copy.create_from_snapshot()
    assert cloud.driver.volumes[copy.id] == 10


def test_fifteen_volumes_at_most(cloud: Cloud) -> None:
    droplet = cloud.droplet()
    for number in range(16):
        options = {"region": "nyc3", "size_gigabytes": 1, **cloud.options}
        volume = digitalocean.Volume(name=f"v{number}", **options).create()
        if number < 15:
            volume.attach(droplet.id, "nyc3")
            until(lambda volume=volume: volume.load().droplet_ids)
    with refused("15 volumes"):
        volume.attach(droplet.id, "nyc3")


def test_floating_ip_moves_in_one_step(cloud: Cloud) -> None:
    one, two = cloud.droplet("one"), cloud.droplet("two")
    ip = digitalocean.FloatingIP(droplet_id=one.id, **cloud.options)
    ip.create()
    until(lambda: _owner(cloud, ip.ip) == one.id)
    ip.assign(two.id)
    until(lambda: _owner(cloud, ip.ip) == two.id and ip.ip in cloud.network.flushed)
    assert ip.load().droplet["id"] == two.id
    two.destroy()
    assert ip.load().droplet is None
    until(lambda: ip.ip in cloud.network.plan.idle_reserved_ips)
    ip.destroy()
    assert cloud.network.plan.idle_reserved_ips == ()


def _owner(cloud: Cloud, ip: str) -> int | None:
    return next((guest.machine for guest in cloud.network.plan.guests if guest.reserved_ip == ip), None)


def test_firewall_guards_by_tag(cloud: Cloud) -> None:
    peer, web = cloud.droplet("peer"), cloud.droplet("web", tags=["web"])
    rules = [
        digitalocean.InboundRule(protocol="tcp", ports="22", sources=digitalocean.Sources(addresses=["0.0.0.0/0"])),
        digitalocean.InboundRule(protocol="udp", ports="0", sources=digitalocean.Sources(droplet_ids=[peer.id])),
    ]
    firewall = digitalocean.Firewall(
        name="fw", inbound_rules=rules, outbound_rules=[], droplet_ids=[], tags=["web"], **cloud.options
    )
    firewall.create()
    guests = {guest.machine: guest for guest in cloud.network.plan.guests}
    assert not guests[peer.id].guarded
    assert guests[web.id].inbound[0] == Rule("tcp", "22", ("0.0.0.0/0",))
    assert guests[web.id].inbound[1].ports == "all" and f"{peer.ip_address}/32" in guests[web.id].inbound[1].peers
    digitalocean.Tag(name="web", **cloud.options).add_droplets([str(peer.id)])
    assert all(guest.guarded for guest in cloud.network.plan.guests)
    with refused("duplicate name"):
        firewall.create()


def test_domain_comes_with_its_records(cloud: Cloud) -> None:
    domain = digitalocean.Domain(name="example.com", ip_address="198.51.100.10", **cloud.options)
    domain.create()
    types = [record.type for record in domain.get_records()]
    assert types == ["SOA", "NS", "NS", "NS", "A"]
    created = domain.create_new_domain_record(type="CNAME", name="www", data="example.com.")
    with refused("CNAME"):
        domain.create_new_domain_record(type="A", name="www", data="198.51.100.11")
    (record,) = [record for record in domain.get_records() if record.name == "www"]
    assert record.id == created["domain_record"]["id"]
    record.destroy()
    assert len(domain.get_records()) == 5
    with refused("already exists"):
        domain.create()


def test_pages(cloud: Cloud) -> None:
    for number in range(5):
        digitalocean.Tag(name=f"t{number}", **cloud.options).create()
    manager = cloud.manager()
    answer = manager.get_data("tags", params={"per_page": 2, "page": 2})
    assert [tag["name"] for tag in answer["tags"]] == ["t2", "t3"] and answer["meta"]["total"] == 5
    assert set(answer["links"]["pages"]) == {"first", "prev", "next", "last"}
    assert len(manager.get_data("tags", params={"per_page": 2})["tags"]) == 5, "the client follows `next`"


def test_state_survives_a_crash(cloud: Cloud) -> None:
    """The daemon dies while a machine powers off: the next one ends the action and boots what was active."""
    stays, goes = cloud.droplet("stays"), cloud.droplet("goes")
    cloud.driver.gate.clear()
    action = goes.power_off(return_dict=False)
    until(lambda: cloud.worker._running)
    # a SIGKILL: the disk as it is now, and nobody who completes anything on it
    crashed = cloud.home / "crashed"
    crashed.mkdir()
    for file in cloud.home.glob("state.sqlite*"):
        (crashed / file.name).write_bytes(file.read_bytes())
    cloud.driver.gate.set()
    cloud.stop()
    assert not cloud.judge.complaints
    cloud.home = crashed
    cloud.driver.up.clear()
    cloud.start()
    action.end_point = goes.end_point = stays.end_point = cloud.options["end_point"]
    assert action.wait(update_every_seconds=0)
    assert goes.load().status == "off"
    until(lambda: cloud.driver.up == {stays.id})
    assert stays.load().status == "active"


def test_a_machine_that_powers_itself_off_is_off(cloud: Cloud) -> None:
    droplet = cloud.droplet()
    cloud.driver.up.discard(droplet.id)
    until(lambda: droplet.load().status == "off", deadline_s=15)


def test_rate_limit(cloud: Cloud) -> None:
    cloud.stop()
    cloud.start(RateLimit(an_hour=2))
    account = digitalocean.Account(**cloud.options)
    account.load()
    account.load()
    assert (account.ratelimit_limit, account.ratelimit_remaining) == ("2", "0")
    with refused("Rate limit"):
        account.load()
