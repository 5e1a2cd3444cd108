"""python-digitalocean and pydo, unmodified, drive real machines. Packer does whenever an image is baked (conftest.py).

What the client asked for is looked at on the machine, on the wire and in the DNS, not in the API."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import digitalocean
import dns.resolver
import pydo
import pytest

from tests.rehearsal.conftest import Bootstrap
from tests.rehearsal.machines import answers, ssh
from tests.waiting import until

REGION, SIZE, IMAGE = "nyc3", "s-1vcpu-512mb-10gb", "ubuntu-22-04-x64"


class Client(Protocol):
    """Each verb returns when the cloud says that it is done."""

    def create(self, name: str, key: str) -> tuple[int, str]: ...
    def names(self) -> set[str]: ...
    def snapshot(self, droplet: int, name: str) -> int: ...
    def forget_snapshot(self, image: int) -> None: ...
    def volume(self, name: str) -> str: ...
    def attach(self, volume: str, droplet: int) -> None: ...
    def detach(self, volume: str, droplet: int) -> None: ...
    def forget_volume(self, volume: str) -> None: ...
    def reserve(self) -> str: ...
    def point(self, ip: str, droplet: int) -> None: ...
    def release(self, ip: str) -> None: ...
    def guard(self, name: str, droplet: int, port: str) -> str: ...
    def unguard(self, firewall: str) -> None: ...
    def domain(self, name: str) -> None: ...
    def record(self, domain: str, name: str, address: str) -> None: ...
    def forget_domain(self, name: str) -> None: ...
    def destroy(self, droplet: int) -> None: ...


class PythonDigitalocean:
    def __init__(self, cloud: dict[str, Any]) -> None:
        self._token = {"token": cloud["watcher_token"]}  # the end point is in the environment
        self._manager = digitalocean.Manager(**self._token)

    def create(self, name: str, key: str) -> tuple[int, str]:
        about = {"name": name, "region": REGION, "image": IMAGE, "size_slug": SIZE, "ssh_keys": [key]}
        droplet = digitalocean.Droplet(**about, **self._token)
        droplet.create()
        assert droplet.get_actions()[0].wait(update_every_seconds=1)
        return droplet.load().id, droplet.ip_address

    def names(self) -> set[str]:
        return {droplet.name for droplet in self._manager.get_all_droplets()}

    def snapshot(self, droplet: int, name: str) -> int:
        action = self._manager.get_droplet(droplet).take_snapshot(name, return_dict=False)
        assert action.wait(update_every_seconds=1)
        (image,) = [image for image in self._manager.get_my_images() if image.name == name]
        return int(image.id)

    def forget_snapshot(self, image: int) -> None:
        self._manager.get_image(image).destroy()

    def volume(self, name: str) -> str:
        made = digitalocean.Volume(name=name, region=REGION, size_gigabytes=1, filesystem_type="ext4", **self._token)
        return str(made.create().id)

    def attach(self, volume: str, droplet: int) -> None:
        self._done(self._manager.get_volume(volume).attach(droplet, REGION))

    def detach(self, volume: str, droplet: int) -> None:
        self._done(self._manager.get_volume(volume).detach(droplet, REGION))

    def _done(self, answer: dict[str, Any]) -> None:
        assert self._manager.get_action(answer["action"]["id"]).wait(update_every_seconds=1)

    def forget_volume(self, volume: str) -> None:
        self._manager.get_volume(volume).destroy()

    def reserve(self) -> str:
        ip = digitalocean.FloatingIP(region_slug=REGION, **self._token)
        return str(ip.reserve().ip)

    def point(self, ip: str, droplet: int) -> None:
        self._done(self._manager.get_floating_ip(ip).assign(droplet))

    def release(self, ip: str) -> None:
        self._manager.get_floating_ip(ip).destroy()

    def guard(self, name: str, droplet: int, port: str) -> str:
        anyone = digitalocean.Sources(addresses=["0.0.0.0/0"])
        rule = digitalocean.InboundRule(protocol="tcp", ports=port, sources=anyone)
        rules = {"inbound_rules": [rule], "outbound_rules": [], "tags": []}
        firewall = digitalocean.Firewall(name=name, droplet_ids=[droplet], **rules, **self._token)
        firewall.create()
        return str(firewall.id)

    def unguard(self, firewall: str) -> None:
        self._manager.get_firewall(firewall).destroy()

    def domain(self, name: str) -> None:
        digitalocean.Domain(name=name, ip_address="192.0.2.1", **self._token).create()

    def record(self, domain: str, name: str, address: str) -> None:
        self._manager.get_domain(domain).create_new_domain_record(type="A", name=name, data=address, ttl=30)

    def forget_domain(self, name: str) -> None:
        self._manager.get_domain(name).destroy()

    def destroy(self, droplet: int) -> None:
        self._manager.get_droplet(droplet).destroy()


class Pydo:
    def __init__(self, cloud: dict[str, Any]) -> None:
        # it sends a token over TLS only
        tls = cloud["api_tls"]
        self._client = pydo.Client(
            token=cloud["watcher_token"], endpoint=tls["endpoint"], connection_verify=tls["ca_file"]
        )

    def _done(self, action: int) -> None:
        until(lambda: self._client.actions.get(action)["action"]["status"] == "completed")

    def _key(self, public: str) -> int:
        """Registered first: python-digitalocean does that by itself."""
        known = {key["public_key"]: key["id"] for key in self._client.ssh_keys.list(per_page=200)["ssh_keys"]}
        if public not in known:
            known[public] = self._client.ssh_keys.create({"name": "test", "public_key": public})["ssh_key"]["id"]
        return int(known[public])

    def create(self, name: str, key: str) -> tuple[int, str]:
        about = {"name": name, "region": REGION, "image": IMAGE, "size": SIZE, "ssh_keys": [self._key(key)]}
        made = self._client.droplets.create(about)
        self._done(made["links"]["actions"][0]["id"])
        droplet = self._client.droplets.get(made["droplet"]["id"])["droplet"]
        (public,) = [n["ip_address"] for n in droplet["networks"]["v4"] if n["type"] == "public"]
        return int(droplet["id"]), str(public)

    def names(self) -> set[str]:
        return {droplet["name"] for droplet in self._client.droplets.list(per_page=200)["droplets"]}

    def snapshot(self, droplet: int, name: str) -> int:
        self._done(self._client.droplet_actions.post(droplet, {"type": "snapshot", "name": name})["action"]["id"])
        images = self._client.images.list(private=True, per_page=200)["images"]
        (image,) = [image["id"] for image in images if image["name"] == name]
        return int(image)

    def forget_snapshot(self, image: int) -> None:
        self._client.images.delete(image)

    def volume(self, name: str) -> str:
        about = {"name": name, "region": REGION, "size_gigabytes": 1, "filesystem_type": "ext4"}
        return str(self._client.volumes.create(about)["volume"]["id"])

    def attach(self, volume: str, droplet: int) -> None:
        self._act(volume, "attach", droplet)

    def detach(self, volume: str, droplet: int) -> None:
        self._act(volume, "detach", droplet)

    def _act(self, volume: str, type: str, droplet: int) -> None:
        body = {"type": type, "droplet_id": droplet, "region": REGION}
        self._done(self._client.volume_actions.post_by_id(volume, body)["action"]["id"])

    def forget_volume(self, volume: str) -> None:
        self._client.volumes.delete(volume)

    def reserve(self) -> str:
        return str(self._client.reserved_ips.create({"region": REGION})["reserved_ip"]["ip"])

    def point(self, ip: str, droplet: int) -> None:
        body = {"type": "assign", "droplet_id": droplet}
        self._done(self._client.reserved_ips_actions.post(ip, body)["action"]["id"])

    def release(self, ip: str) -> None:
        self._client.reserved_ips.delete(ip)

    def guard(self, name: str, droplet: int, port: str) -> str:
        rule = {"protocol": "tcp", "ports": port, "sources": {"addresses": ["0.0.0.0/0"]}}
        body = {"name": name, "inbound_rules": [rule], "droplet_ids": [droplet]}
        return str(self._client.firewalls.create(body)["firewall"]["id"])

    def unguard(self, firewall: str) -> None:
        self._client.firewalls.delete(firewall)

    def domain(self, name: str) -> None:
        self._client.domains.create({"name": name, "ip_address": "192.0.2.1"})

    def record(self, domain: str, name: str, address: str) -> None:
        self._client.domains.create_record(domain, {"type": "A", "name": name, "data": address, "ttl": 30})

    def forget_domain(self, name: str) -> None:
        self._client.domains.delete(name)

    def destroy(self, droplet: int) -> None:
        self._client.droplets.destroy(droplet)


def told(key: Path, address: str, command: str) -> str:
    """By a machine that may still be booting: then nothing."""
    return ssh("root", address, command, key=key).stdout.strip()


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clients") / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path


@pytest.fixture(scope="module", autouse=True)
def friendly(bootstrap: Bootstrap, cloud: dict[str, Any]) -> Iterator[None]:
    """Neither client asks again for a new action that is 404 or after "pending event", and this test looks for what it
    made in lists: the API does nothing unasked here."""
    bootstrap("cloud", "faults", "unfriendly", "off")
    yield
    bootstrap("cloud", "faults", "unfriendly", "on")


@pytest.mark.parametrize("kind", [PythonDigitalocean, Pydo])
def test_a_client_drives_real_machines(cloud: dict[str, Any], key: Path, kind: Callable[[Any], Client]) -> None:
    client, name = kind(cloud), f"by-{kind.__name__.lower()}"  # type: ignore[attr-defined]
    public = key.with_suffix(".pub").read_text().strip()
    (one, at_one), (two, at_two) = (client.create(f"{name}-{n}", public) for n in (1, 2))
    assert {f"{name}-1", f"{name}-2"} <= client.names()
    for address, host in ((at_one, f"{name}-1"), (at_two, f"{name}-2")):
        until(lambda address=address, host=host: told(key, address, "hostname") == host)  # type: ignore[misc]

    volume, device = client.volume(f"{name}-data"), f"/dev/disk/by-id/scsi-0DO_Volume_{name}-data"
    client.attach(volume, one)
    # the image's own rule has it for a moment: until then, mounting it to write is refused
    write = f"mount --rw {device} /mnt && echo kept > /mnt/file && sync && echo done"
    until(lambda: told(key, at_one, write) == "done")
    client.detach(volume, one)
    assert told(key, at_one, f"test -e {device} || echo gone") == "gone"
    client.attach(volume, two)
    until(lambda: told(key, at_two, f"mount --rw {device} /mnt && cat /mnt/file") == "kept")
    client.detach(volume, two)

    ip = client.reserve()
    for droplet, host in ((one, f"{name}-1"), (two, f"{name}-2")):
        client.point(ip, droplet)
        assert told(key, ip, "hostname") == host

    firewall = client.guard(f"{name}-wall", one, "443")
    assert not answers(at_one) and answers(at_two)
    client.unguard(firewall)
    assert answers(at_one)

    client.domain(f"{name}.example")
    client.record(f"{name}.example", "www", at_one)
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = [cloud["dns"]]
    assert [str(found) for found in resolver.resolve(f"www.{name}.example", "A")] == [at_one]

    image = client.snapshot(one, f"{name}-snapshot")
    for droplet in (one, two):
        client.destroy(droplet)
    assert not {f"{name}-1", f"{name}-2"} & client.names()
    until(lambda: not answers(at_one) and not answers(at_two))
    client.forget_snapshot(image)
    client.forget_volume(volume)
    client.release(ip)
    client.forget_domain(f"{name}.example")
