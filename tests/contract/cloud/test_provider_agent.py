"""DigitalOcean installs an agent of its own unless it is told not to: `create` tells it."""

from __future__ import annotations

from dataclasses import replace

from bootstrap.adapters.digitalocean import DigitalOcean
from localcloud import metadata
from localcloud.host import unfriendly
from localcloud.state.model import Droplet
from tests.contract.api.conftest import PUBLIC_NET
from tests.contract.cloud.conftest import Server, Subject
from tests.contract.cloud.test_cloud import make


def vendor_data(server: Server, droplet: int) -> str:
    with server.state.change() as tx:
        row = tx.get(Droplet, droplet)
        assert row is not None
        return str(metadata.document(tx, row, replace(PUBLIC_NET, unfriendly=unfriendly.ALL))["vendor_data"])


def test_a_droplet_of_ours_is_spared_it(adapter: DigitalOcean, server: Server) -> None:
    ours = make(Subject(adapter, 1))
    assert vendor_data(server, ours.id).startswith("#cloud-config\n")
    assert "droplet-agent" not in vendor_data(server, ours.id)


def test_anybody_elses_is_not(server: Server) -> None:
    assert "droplet-agent" in vendor_data(server, server.droplet().id)
