"""What `ports/cloud.py` promises, kept by every implementation."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, TimeoutError
from datetime import datetime, timezone

import digitalocean
import httpx
import pytest

from bootstrap.adapters.digitalocean import DigitalOcean, Patience
from bootstrap.deployment import hostkeys
from bootstrap.errors import CloudError, ConflictError, NotFoundError
from bootstrap.ports.cloud import Carriers, Droplet, DropletSpec, FirewallRule
from localcloud.state.faults import Fault
from localcloud.state.model import UptimeAlert
from localcloud.state.unfriendly import PENDING
from tests.contract.api.conftest import TOKEN
from tests.contract.cloud.conftest import TAG, Server, Subject
from tests.waiting import until


def make(subject: Subject, number: int = 1, volumes: tuple[str, ...] = ()) -> Droplet:
    cloud = subject.cloud
    keys = subject.new("ssh_keys") or [cloud.create_ssh_key(f"{subject.name}-key", hostkeys.generate().public)]
    spec = DropletSpec(
        name=f"{subject.name}-{number}",
        region=subject.region,
        size=subject.size,
        image_id=subject.image,
        ssh_key_ids=(keys[0].id,),
        user_data="#cloud-config\n",
        vpc_uuid=None,
        volume_ids=volumes,
        tags=(subject.tag, f"{subject.tag}:live"),
    )
    return cloud.create_droplet(spec)


def test_account_and_catalogue(subject: Subject) -> None:
    cloud = subject.cloud
    assert cloud.account().status == "active" and cloud.account().droplet_limit > 0
    assert next(region for region in cloud.regions() if region.slug == subject.region).available
    size = next(size for size in cloud.sizes() if size.slug == "s-2vcpu-2gb")
    assert (size.memory_mb, size.vcpus, size.price_monthly_usd) == (2048, 2, 18.0)
    assert subject.region in size.regions


def test_the_token_s_allowance(subject: Subject) -> None:
    left = subject.cloud.allowance()
    assert left is not None and left.requests > 0 and left.more_at > datetime.now(timezone.utc)


def test_a_lookup_that_finds_nothing_is_empty(subject: Subject) -> None:
    cloud = subject.cloud
    assert cloud.droplet(987654321) is None
    assert cloud.droplets("nothing") == [] and cloud.volumes(tag="nothing") == []
    assert cloud.images("nothing") == [] and cloud.records("absent.example") == []
    assert cloud.volume_snapshots("00000000-0000-4000-8000-000000000000") == []


def test_deleting_what_is_gone_succeeds(subject: Subject) -> None:
    cloud = subject.cloud
    cloud.delete_droplet(987654321)
    cloud.delete_volume("00000000-0000-4000-8000-000000000000")
    cloud.detach_volume("00000000-0000-4000-8000-000000000000", 987654321)
    cloud.delete_firewall("00000000-0000-4000-8000-000000000000")
    cloud.delete_reserved_ip("198.51.100.222")
    cloud.delete_image(987654321)
    cloud.delete_record("absent.example", 1)
    cloud.delete_ssh_key(987654321)
    cloud.untag_droplet(987654321, "nothing")
    cloud.delete_uptime_check("00000000-0000-4000-8000-000000000000")
    cloud.delete_alert_policy("00000000-0000-4000-8000-000000000000")


def test_an_ssh_key_is_found_by_its_fingerprint(subject: Subject) -> None:
    cloud = subject.cloud
    public = hostkeys.generate().public
    made = cloud.create_ssh_key(f"{subject.name}-operator", public)
    assert [key for key in cloud.ssh_keys() if key.fingerprint == made.fingerprint] == [made]
    with pytest.raises(ConflictError):
        cloud.create_ssh_key(f"{subject.name}-again", public)
    cloud.delete_ssh_key(made.id)
    assert subject.new("ssh_keys") == []


def test_a_droplet_is_active_tagged_and_powered(subject: Subject) -> None:
    cloud, tag = subject.cloud, subject.tag
    droplet = make(subject)
    assert droplet.status == "active" and droplet.public_ip and droplet.private_ip
    assert [found.id for found in cloud.droplets(tag)] == [droplet.id]
    assert [found.id for found in subject.new("droplets")] == [droplet.id]
    cloud.tag_droplet(droplet.id, f"{tag}:retired")
    cloud.tag_droplet(droplet.id, f"{tag}:retired")
    cloud.untag_droplet(droplet.id, f"{tag}:live")
    cloud.untag_droplet(droplet.id, f"{tag}:live")
    now = cloud.droplet(droplet.id)
    assert now and set(now.tags) == {tag, f"{tag}:retired"}
    cloud.delete_tag(f"{tag}:retired")
    cloud.delete_tag(f"{tag}:retired")
    now = cloud.droplet(droplet.id)
    assert now and now.tags == (tag,)
    cloud.shutdown_droplet(droplet.id)
    cloud.shutdown_droplet(droplet.id)
    off = cloud.droplet(droplet.id)
    assert off and off.status == "off"
    cloud.power_on_droplet(droplet.id)
    cloud.power_on_droplet(droplet.id)
    on = cloud.droplet(droplet.id)
    assert on and on.status == "active" and on.public_ip == droplet.public_ip
    cloud.delete_droplet(droplet.id)
    assert cloud.droplet(droplet.id) is None and cloud.droplets(tag) == []


def test_a_volume_moves_from_droplet_to_droplet(subject: Subject) -> None:
    cloud, tag = subject.cloud, subject.tag
    volume = cloud.create_volume(subject.name, subject.region, 10, [tag])
    assert cloud.volumes(subject.region, subject.name) == [volume] == cloud.volumes(tag=tag)
    with pytest.raises(ConflictError):
        cloud.create_volume(subject.name, subject.region, 10, [tag])
    first, second = make(subject, 1, (volume.id,)), make(subject, 2)
    assert first.volume_ids == (volume.id,)
    cloud.attach_volume(volume.id, first.id)
    with pytest.raises(ConflictError):
        cloud.attach_volume(volume.id, second.id)
    cloud.detach_volume(volume.id, first.id)
    cloud.detach_volume(volume.id, first.id)
    cloud.attach_volume(volume.id, second.id)
    assert cloud.volumes(tag=tag)[0].droplet_ids == (second.id,)
    cloud.begin_detach(volume.id, second.id)()
    cloud.begin_detach(volume.id, second.id)()
    assert cloud.volumes(tag=tag)[0].droplet_ids == ()
    cloud.attach_volume(volume.id, second.id)
    cloud.grow_volume(volume.id, 11)
    grown = cloud.volume(volume.id)
    assert grown and (grown.size_gb, grown.droplet_ids) == (11, (second.id,)), "attached as it is"


def test_a_volume_grows_and_never_shrinks(subject: Subject) -> None:
    cloud = subject.cloud
    volume = cloud.create_volume(subject.name, subject.region, 10, [subject.tag])
    for asked, size in ((12, 12), (12, 12), (3, 12)):
        cloud.grow_volume(volume.id, asked)
        now = cloud.volume(volume.id)
        assert now and now.size_gb == size
    with pytest.raises(NotFoundError):
        cloud.grow_volume("00000000-0000-4000-8000-000000000000", 12)


def test_what_carries_a_tag_is_found_together(subject: Subject) -> None:
    cloud, tag = subject.cloud, subject.tag
    assert cloud.carriers(tag) == Carriers((), ())
    volume = cloud.create_volume(subject.name, subject.region, 10, [tag])
    other = cloud.create_volume(f"{subject.name}-other", subject.region, 10, [f"{tag}:other"])
    droplet = make(subject, volumes=(volume.id,))
    cloud.wait_until_quiet([droplet.id], volume.id)
    there = Carriers(tuple(cloud.droplets()), tuple(cloud.volumes()))
    for found in (cloud.carriers(tag), cloud.carriers(tag, there), cloud.carriers(tag, Carriers((), ()))):
        assert [each.id for each in found.droplets] == [droplet.id]
        assert [each.id for each in found.volumes] == [volume.id]
    now = cloud.volume(volume.id)
    assert now and now.droplet_ids == (droplet.id,) and cloud.volume(other.id) == other
    cloud.delete_volume(other.id)
    assert cloud.volume(other.id) is None


def test_a_volume_snapshot_is_listed_and_deleted(subject: Subject) -> None:
    cloud, tag = subject.cloud, subject.tag
    volume = cloud.create_volume(subject.name, subject.region, 10, [tag])
    before = f"{subject.name}-before"
    taken = cloud.snapshot_volume(volume.id, before, [tag])
    (listed,) = cloud.volume_snapshots(volume.id)
    assert (listed.id, listed.name, listed.volume_id, listed.tags) == (taken.id, before, volume.id, (tag,))
    cloud.delete_volume_snapshot(taken.id)
    cloud.delete_volume_snapshot(taken.id)
    assert cloud.volume_snapshots(volume.id) == []


def test_a_volume_is_made_anew_from_its_snapshot_under_its_name(subject: Subject) -> None:
    cloud, tag = subject.cloud, subject.tag
    volume = cloud.create_volume(subject.name, subject.region, 10, [tag])
    taken = cloud.snapshot_volume(volume.id, f"{subject.name}-before", [tag])
    cloud.delete_volume(volume.id)
    kept = cloud.volume_snapshot(taken.id)
    assert kept and (kept.volume_id, kept.name, kept.size_gb) == (volume.id, taken.name, 10)
    until(lambda: [each.id for each in cloud.tagged_volume_snapshots(tag)] == [taken.id], "it outlives its volume")
    assert cloud.tagged_volume_snapshots("nothing") == []
    origin = f"{tag}:of"
    again = cloud.create_volume(subject.name, subject.region, 10, [tag, origin], taken.id)
    assert (again.name, again.region, again.size_gb) == (volume.name, volume.region, 10) and again.id != volume.id
    assert [each.id for each in cloud.volumes(tag=tag)] == [again.id]
    cloud.delete_tag(origin)
    now = cloud.volume(again.id)
    assert now and now.tags == (tag,)
    cloud.delete_volume_snapshot(taken.id)
    assert cloud.volume_snapshot(taken.id) is None


def test_a_volume_is_made_from_a_snapshot_and_outlives_it(subject: Subject) -> None:
    cloud, tag = subject.cloud, subject.tag
    volume = cloud.create_volume(subject.name, subject.region, 10, [tag])
    taken = cloud.snapshot_volume(volume.id, f"{subject.name}-copied", [tag])
    copy = cloud.create_volume(f"{subject.name}-copy", subject.region, 10, [f"{tag}:copy"], taken.id)
    cloud.delete_volume_snapshot(taken.id)
    assert cloud.volume(copy.id) == copy and (copy.size_gb, copy.tags) == (10, (f"{tag}:copy",))
    cloud.delete_volume(copy.id)
    assert cloud.volume(copy.id) is None


def test_a_reserved_ip_moves_in_one_step(subject: Subject) -> None:
    cloud = subject.cloud
    first, second = make(subject, 1), make(subject, 2)
    made = cloud.create_reserved_ip(first.id)
    assert (made.droplet_id, made.region) == (first.id, subject.region)
    cloud.assign_reserved_ip(made.ip, second.id)
    cloud.assign_reserved_ip(made.ip, second.id)
    assert [(ip.ip, ip.droplet_id) for ip in subject.new("reserved_ips")] == [(made.ip, second.id)]
    by_address, by_droplet = cloud.reserved_ip(made.ip), cloud.reserved_ip_of(second.id)
    assert by_address == by_droplet and by_address and by_address.droplet_id == second.id
    assert cloud.reserved_ip_of(first.id) is None and cloud.reserved_ip("192.0.2.99") is None
    cloud.delete_droplet(second.id)
    assert [(ip.ip, ip.droplet_id) for ip in subject.new("reserved_ips")] == [(made.ip, None)]
    # the address a droplet is reached at stays its own
    now = cloud.droplet(first.id)
    assert now and now.public_ip == first.public_ip
    cloud.delete_reserved_ip(made.ip)
    assert subject.new("reserved_ips") == []


def test_an_address_on_its_way_is_found_and_no_second_one_reserved(server: Server, adapter: DigitalOcean) -> None:
    """It names its droplet only when it is there: whoever was killed meanwhile would reserve another."""
    # python-digitalocean, which is asked here, does not wait for one
    server.faults.unfriendly.switch([PENDING], on=False)
    droplet = make(Subject(adapter, 1))
    headers = {"authorization": f"Bearer {TOKEN}"}
    httpx.post(f"{server.url}/_faults", headers=headers, json={"kind": "stuck-action", "action": "assign_ip"})
    killed = digitalocean.FloatingIP(droplet_id=droplet.id, **server.options).create()
    assert not killed.droplet
    with ThreadPoolExecutor() as pool:
        second_run = pool.submit(adapter.reserved_ips)
        with pytest.raises(TimeoutError):
            second_run.result(0.5)
        httpx.delete(f"{server.url}/_faults", headers=headers)
        assert [(ip.ip, ip.droplet_id) for ip in second_run.result(10)] == [(killed.ip, droplet.id)]


def test_a_tag_is_dropped_when_nothing_carries_it(server: Server, adapter: DigitalOcean) -> None:
    droplet = make(Subject(adapter, 1))
    adapter.drop_tag(TAG)
    assert adapter.droplets(TAG) != []
    adapter.delete_droplet(droplet.id)
    adapter.drop_tag(TAG)
    adapter.drop_tag(TAG)
    assert [tag.name for tag in server.manager().get_all_tags()] == [f"{TAG}:live"]


def test_a_tag_is_deleted_with_all_that_carry_it(subject: Subject) -> None:
    tag, droplet = subject.tag, make(subject)
    subject.cloud.delete_tag(f"{tag}:live")
    subject.cloud.delete_tag(f"{tag}:live")
    now = subject.cloud.droplet(droplet.id)
    assert now and now.tags == (tag,)


def test_a_tag_that_nothing_carries_is_made_listed_and_deleted(subject: Subject) -> None:
    cloud, tag = subject.cloud, subject.tag
    assert cloud.tags(tag) == []
    for _ in range(2):
        cloud.create_tag(f"{tag}:lock:somebody")
    make(subject)
    assert cloud.tags(f"{tag}:lock:") == [f"{tag}:lock:somebody"] and cloud.tags("nothing") == []
    assert set(cloud.tags(tag)) == {tag, f"{tag}:live", f"{tag}:lock:somebody"}
    for _ in range(2):
        cloud.delete_tag(f"{tag}:lock:somebody")
    assert set(cloud.tags(tag)) == {tag, f"{tag}:live"}


def test_a_firewall_says_exactly_what_was_put(subject: Subject) -> None:
    cloud, tag = subject.cloud, subject.tag
    rules = [FirewallRule("tcp", "22", ("192.0.2.0/24",)), FirewallRule("tcp", "443"), FirewallRule("icmp", "all")]
    made = cloud.put_firewall(subject.name, rules, [tag])
    again = cloud.put_firewall(subject.name, rules, [tag])
    assert again.id == made.id and set(again.inbound) == set(rules) and again.tags == (tag,)
    fewer = cloud.put_firewall(subject.name, rules[1:], [tag])
    assert fewer.id == made.id
    (listed,) = subject.new("firewalls")
    assert cloud.firewall(subject.name) == listed
    assert set(listed.inbound) == set(rules[1:])
    cloud.delete_firewall(made.id)
    assert subject.new("firewalls") == []


def test_a_vpc_is_found_by_name(subject: Subject) -> None:
    made = subject.cloud.create_vpc(f"{subject.name}-vpc", subject.region)
    assert made in subject.cloud.vpcs() and made.region == subject.region


def test_records_say_one_thing_and_leave_others_alone(subject: Subject) -> None:
    cloud, domain = subject.cloud, subject.domain
    cloud.create_domain(domain)
    with pytest.raises(ConflictError):
        cloud.create_domain(domain)
    assert domain in cloud.domains()
    first = cloud.put_record(domain, "A", "@", "192.0.2.1", 300)
    assert cloud.put_record(domain, "A", "@", "192.0.2.1", 300).id == first.id
    moved = cloud.put_record(domain, "A", "@", "192.0.2.2", 300)
    www = cloud.put_record(domain, "A", "www", "192.0.2.2", 300)
    addresses = {(r.name, r.data, r.ttl) for r in cloud.records(domain) if r.type == "A"}
    assert moved.id == first.id and addresses == {("@", "192.0.2.2", 300), ("www", "192.0.2.2", 300)}
    cloud.delete_record(domain, www.id)
    assert [r.name for r in cloud.records(domain) if r.type == "A"] == ["@"]
    for _ in range(2):
        cloud.delete_domain(domain)
        assert domain not in cloud.domains() and cloud.records(domain) == []


def test_an_image_is_tagged_and_deleted(subject: Subject) -> None:
    cloud, baked, tag = subject.cloud, f"{subject.name}-baked", f"{subject.tag}:image"
    subject.bake(baked)
    # a list may be behind
    until(lambda: any(image.name == baked for image in cloud.images()))
    image = next(image for image in cloud.images() if image.name == baked)
    assert cloud.images(tag) == []
    cloud.tag_image(image.id, tag)
    cloud.tag_image(image.id, tag)
    assert [found.id for found in cloud.images(tag)] == [image.id]
    cloud.delete_image(image.id)
    assert cloud.images(tag) == []


def test_an_uptime_check_is_found_by_name_and_asks_for_what_was_put_last(subject: Subject) -> None:
    cloud, owner, name, site = subject.cloud, subject.cloud.account().email, subject.name, f"https://{subject.domain}"
    made = cloud.put_uptime_check(name, f"{site}/", owner)
    assert cloud.put_uptime_check(name, f"{site}/", owner) == made
    moved = cloud.put_uptime_check(name, f"{site}/health/", owner)
    assert (moved.id, moved.target) == (made.id, f"{site}/health/")
    cloud.put_uptime_check(f"{name}-other", f"{site}/", owner)
    assert sorted(check.name for check in subject.new("uptime_checks")) == [name, f"{name}-other"]
    for check in subject.new("uptime_checks"):
        cloud.delete_uptime_check(check.id)
    assert subject.new("uptime_checks") == []


def test_alert_policies_say_what_they_were_made_of(subject: Subject) -> None:
    cloud, owner, tag = subject.cloud, subject.cloud.account().email, subject.tag
    cloud.create_tag(tag)
    made = [cloud.create_alert_policy(subject.name, each, 90, tag, owner) for each in ("cpu", "memory")]
    assert [(policy.metric, policy.percent, policy.tag) for policy in made] == [("cpu", 90, tag), ("memory", 90, tag)]
    assert sorted(subject.new("alert_policies"), key=lambda policy: str(policy.metric)) == made
    for policy in made:
        cloud.delete_alert_policy(policy.id)
    assert subject.new("alert_policies") == []


def test_only_the_accounts_own_people_are_told(subject: Subject) -> None:
    with pytest.raises(CloudError, match="invalid email"):
        subject.cloud.put_uptime_check(subject.name, f"https://{subject.domain}/", "somebody@example.org")
    subject.cloud.create_tag(subject.tag)
    with pytest.raises(CloudError, match="invalid email"):
        subject.cloud.create_alert_policy(subject.name, "cpu", 90, subject.tag, "somebody@example.org")


def test_a_check_that_was_made_without_its_alert_gets_it(server: Server, adapter: DigitalOcean) -> None:
    owner = adapter.account().email
    server.faults.add(Fault(kind="error-before", method="POST", path="/v2/uptime/checks/*/alerts", count=None))
    impatient = DigitalOcean(TOKEN, server.url, patience=Patience(request_s=0, command_s=0))
    with pytest.raises(CloudError):
        impatient.put_uptime_check("c", "https://example.com/", owner)
    server.faults.clear()
    for _ in range(2):
        adapter.put_uptime_check("c", "https://example.com/", owner)
        with server.state.change() as tx:
            (alert,) = tx.all(UptimeAlert)
        assert (alert.type, alert.period, alert.notifications.email) == ("down_global", "2m", (owner,))
