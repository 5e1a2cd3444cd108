"""The process that runs while the cloud is up: API, metadata, worker, services. Machines outlive it."""

from __future__ import annotations

import json
import logging
import os
import signal
import threading
from collections.abc import Collection
from contextlib import nullcontext
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from localcloud import metadata
from localcloud.api import contract
from localcloud.api.app import Api, RateLimit
from localcloud.host import claims, unfriendly
from localcloud.host.files import chosen_once, write_atomically
from localcloud.host.home import Home, LocalCloudError
from localcloud.host.waiting import until
from localcloud.machines import BaseImage, NspawnDriver
from localcloud.machines.balancers import Balancers
from localcloud.network import ipv6
from localcloud.network.namespace import Network
from localcloud.network.plan import SMTP_PORTS, Doors
from localcloud.network.range import choose_range
from localcloud.services import acme, mail, registry_front, spaces
from localcloud.services.lineup import Ports, services
from localcloud.services.supervisor import Supervisor
from localcloud.state.database import State, Transaction
from localcloud.state.faults import Faults
from localcloud.state.model import Domain, DomainRecord, Row
from localcloud.state.seed import base_image, plant
from localcloud.work.gauges import Gauges
from localcloud.work.guests import PublicNetwork
from localcloud.work.probes import HostProbe, Prober
from localcloud.work.sweep import sweep
from localcloud.work.telling import Mailer
from localcloud.work.worker import Worker

log = logging.getLogger(__name__)

API_PORT = 8080
# for clients that send a token over TLS only
API_TLS_PORT = 8443
# where guests pull images from; the registry itself is behind them
MIRROR_PORT, PRIVATE_REGISTRY_PORT = 5000, 5443
SUBMISSION_PORT = 587
BOOT_DEADLINE_S = 180.0
LISTEN_DEADLINE_S = 10.0
# A client is silent for seconds while it talks to a droplet: what closes under its next request is no answer.
KEEP_ALIVE_S = 75
TLS_GOODBYE_S = 1
HOST_AUTHORITIES = Path("/usr/local/share/ca-certificates")
SPACES_REGION = "nyc3"


def network_of(home: Home) -> Network:
    cidr = choose_range(home.path, os.environ.get("BOOTSTRAP_CLOUD_RANGE"))
    return Network(home.name, cidr, home.path, doors(ports_of(home), unfriendly.left(home.path)))


def ports_of(home: Home) -> Ports:
    return Ports(spaces=spaces_port(home))


def doors(ports: Ports, left: Collection[str] = unfriendly.ALL) -> Doors:
    """Not the inbox, not pebble's management, not what weed's parts use among themselves. `left`: what of
    `host/unfriendly.py` is on. Where the ports of mail are open, mailers often know no other than 587, where this
    computer may have a server of its own."""
    of_mail = (ports.mail, ports.mail_tls, ports.mail_starttls)
    registries = (MIRROR_PORT, PRIVATE_REGISTRY_PORT, ports.registry)
    reachable = (API_PORT, API_TLS_PORT, ports.acme, ports.spaces, *registries, *of_mail)
    blocked = SMTP_PORTS if unfriendly.MAIL_PORTS in left else ()
    return Doors(tcp=reachable, translated=((SUBMISSION_PORT, ports.mail),), blocked=blocked)


def driver_of(home: Home, network: Network) -> NspawnDriver:
    return NspawnDriver(home.path, network, home.cache, authority=acme.Files(home.path / "acme").ca)


def serve(home: Home, lock: int | None) -> None:
    """Until SIGTERM or SIGINT. `start` (cli/control.py) has made the network and the base image before, and taken the
    daemon's lock for this process."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    if lock is not None:
        os.set_inheritable(lock, False)  # the machines' supervisors outlive the daemon and must not hold it
    with nullcontext() if lock is not None else home.claim_daemon():
        home.sign_daemon()
        _serve(home, ended)


def _serve(home: Home, ended: threading.Event) -> None:
    network = network_of(home)
    network.up()
    driver = driver_of(home, network)
    driver.open()
    base = driver.ensure_base()
    left = unfriendly.left(home.path)
    public_net = PublicNetwork(
        network.range.cidr,
        network.range.gateway,
        network.range.service,
        ipv6.available(),
        left & unfriendly.OF_MACHINES.keys(),
    )
    state = State(home.state)
    plant(state, base_image(base.ref, base.pretty_name, base.is_stand_in))
    sweep(state, driver)
    publish_records(home, state)
    ports = ports_of(home)
    supervisor = Supervisor(services(home.path, home.cache, public_net.nameserver, ports), home.run)
    supervisor.start()
    faults = Faults()
    faults.unfriendly.switch(unfriendly.OF_THE_API.keys() - left, on=False)
    worker = Worker(state, driver, network, public_net, faults, Balancers(home.path, network))
    api = Api(state, worker, public_net, home.token(), RateLimit(), home.scopes_of)
    app = contract.checked(api.app(), home.path)
    files = acme.Files(home.path / "acme")
    behind = f"http://{public_net.nameserver}:{ports.registry}"
    private = registry_front.private(behind, registry_front.credentials(home.path))
    servers = [
        Listener(app, public_net.nameserver, API_PORT),
        Listener(app, public_net.nameserver, API_TLS_PORT, files),
        Listener(registry_front.mirror(behind, faults), public_net.nameserver, MIRROR_PORT),
        Listener(private, public_net.nameserver, PRIVATE_REGISTRY_PORT, files),
        Listener(metadata.app(state, public_net, faults), public_net.nameserver, network.doors.metadata),
    ]
    probe = HostProbe(public_net.nameserver, files.roots)
    mailer = Mailer(home.path, public_net.nameserver, ports.mail)
    watchers = (Prober(state, probe, mailer), Gauges(state, driver.usage, mailer))
    for watcher in watchers:
        watcher.start()
    worker.start()
    if not worker.wait_idle(BOOT_DEADLINE_S):
        log.warning("some machines are still on their way")
    if not ended.is_set():
        write_atomically(home.endpoints, json.dumps(endpoints(home, public_net, base, ports), indent=1) + "\n")
        log.info("ready on %s", public_net.nameserver)
    ended.wait()
    log.info("ending")
    for server in servers:
        server.stop()
    for watcher in watchers:
        watcher.stop()
    worker.stop()
    supervisor.stop()
    state.close()


class Listener:
    """An ASGI app on an address, in a thread of its own; listens when the constructor returns. Over TLS where it is
    given the files of a certificate for that address."""

    def __init__(self, app: ASGIApp, host: str, port: int, tls: acme.Files | None = None) -> None:
        config = uvicorn.Config(
            app,
            host=host,
            port=port,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_keep_alive=KEEP_ALIVE_S,
            # a client that keeps its connection says no goodbye, which TLS would wait for: half a minute
            timeout_graceful_shutdown=TLS_GOODBYE_S if tls else None,
            ssl_certfile=tls.certificate if tls else None,
            ssl_keyfile=tls.key if tls else None,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, name=f"http-{port}", daemon=True)
        self._thread.start()

        def cannot() -> LocalCloudError:
            return LocalCloudError(f"cannot listen on {host} port {port}: is it in use?")

        def listens() -> bool:
            if not self._thread.is_alive():
                raise cannot()
            return self._server.started

        until(listens, timeout_s=LISTEN_DEADLINE_S, pause_s=0.02, late=cannot)

    @property
    def port(self) -> int:
        """The one it was given, or found where that was 0."""
        return int(self._server.servers[0].sockets[0].getsockname()[1])

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join()


def publish_records(home: Home, state: State) -> None:
    """The DNS service reads this file again whenever it changes: a record is served before its creation is answered."""

    def publish(tx: Transaction, kinds: frozenset[type[Row]]) -> None:
        if kinds & {Domain, DomainRecord}:
            write_atomically(home.records, json.dumps(zones(tx)))

    with state.change() as tx:
        write_atomically(home.records, json.dumps(zones(tx)))
    state.listen(publish)


def zones(tx: Transaction) -> dict[str, list[dict[str, Any]]]:
    return {
        domain.name: [
            record.model_dump(exclude={"id", "domain"}, exclude_none=True)
            for record in tx.all(DomainRecord)
            if record.domain == domain.name
        ]
        for domain in tx.all(Domain)
    }


def spaces_port(home: Home) -> int:
    """The usual one, or the next that no other instance has: seaweedfs wants its port on every address. Kept, as
    droplets were told of it."""
    candidates = range(Ports.spaces, Ports.spaces + 100)
    return chosen_once(home.path / "spaces-port", candidates, partial(claims.is_free, home.name))


def claim_ports(home: Home) -> None:
    """Those that clouds on one computer share, before anything listens there."""
    inner = spaces.inner_ports(home.path, partial(claims.is_free, home.name))
    claims.claim(home.name, (spaces_port(home), *inner.values()))


def give_up_a_taken_port(home: Home, droplets: int) -> None:
    """Another program may have the remembered port by now: it stays only where a droplet was told of it."""
    remembered = home.path / "spaces-port"
    if not remembered.exists() or claims.is_free(home.name, port := int(remembered.read_text())):
        return
    if droplets:
        raise LocalCloudError(
            f"port {port} is in use by another program or cloud, and this cloud's droplets know it as Spaces: "
            f"end that program (`ss -ltnp sport = :{port}` names it), then start again",
            11,
        )
    remembered.unlink()


def give_up_a_taken_range(home: Home, addresses: int) -> None:
    """Another cloud may have the remembered range by now: it stays only where addresses of it were given out, and then
    the network says what is in its place."""
    remembered = home.path / "range"
    if addresses or not remembered.exists():
        return
    if Network(home.name, remembered.read_text().strip(), home.path).clash():
        remembered.unlink()


def endpoints(home: Home, public_net: PublicNetwork, base: BaseImage, ports: Ports) -> dict[str, Any]:
    """docs/architecture.md says what each is for."""
    address = public_net.nameserver
    files, keys, mailer = acme.Files(home.path / "acme"), spaces.credentials(home.path), mail.credentials(home.path)
    return {
        "version": 1,
        "api": f"http://{address}:{API_PORT}",
        "api_tls": {"endpoint": f"https://{address}:{API_TLS_PORT}", "ca_file": str(files.ca)},
        "token": home.token(),
        "dns": address,
        "acme": {
            "directory": f"https://{address}:{ports.acme}/dir",
            "ca_file": str(files.ca),
            "roots_file": str(files.roots),
        },
        "spaces": {
            "endpoint": f"http://{address}:{ports.spaces}",
            "region": SPACES_REGION,
            "access_key": keys.access_key,
            "secret_key": keys.secret_key,
        },
        "mail": {
            "host": address,
            "port": ports.mail,
            "user": mailer.user,
            "password": mailer.password,
            "tls": False,
            "tls_port": ports.mail_tls,
            "starttls_port": ports.mail_starttls,
            "ca_file": str(files.ca),
            "inbox": f"http://{address}:{ports.inbox}",
        },
        "registry_mirror": f"http://{address}:{MIRROR_PORT}",
        "registry": {
            "host": f"{address}:{PRIVATE_REGISTRY_PORT}",
            **asdict(registry_front.credentials(home.path)),
        },
        "trusted_cas_dir": str(HOST_AUTHORITIES) if any(HOST_AUTHORITIES.glob("*.crt")) else None,
        "base_is_stand_in": base.is_stand_in,
    }
