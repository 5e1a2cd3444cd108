from __future__ import annotations

import socket
from pathlib import Path

import pytest

from localcloud import daemon
from localcloud.host import unfriendly
from localcloud.host.home import Home, LocalCloudError


def test_a_port_that_another_program_took_is_given_up_unless_a_droplet_knows_it(tmp_path: Path) -> None:
    home = Home(tmp_path, tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (tmp_path / "spaces-port").write_text(str(port))
        with pytest.raises(LocalCloudError, match=f"port {port} is in use") as refused:
            daemon.give_up_a_taken_port(home, droplets=1)
        assert refused.value.code == 11
        daemon.give_up_a_taken_port(home, droplets=0)
        assert daemon.spaces_port(home) != port
    daemon.give_up_a_taken_port(home, droplets=1)


def test_droplets_send_no_mail_on_the_blocked_ports_unless_the_operator_opens_them(tmp_path: Path) -> None:
    ports = daemon.ports_of(Home(tmp_path, tmp_path))
    assert daemon.doors(ports, unfriendly.ALL).blocked == (25, 465, 587)
    assert daemon.doors(ports, unfriendly.ALL - unfriendly.chosen("mail-ports")).blocked == ()


def test_the_choice_reaches_the_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOTSTRAP_CLOUD_RANGE", "198.51.100.0/24")
    monkeypatch.setattr("localcloud.network.range._used", lambda: iter(()))
    home = Home(tmp_path, tmp_path)
    assert daemon.network_of(home).doors.blocked == (25, 465, 587)
    unfriendly.switch_off(tmp_path, {"mail-ports"})
    assert daemon.network_of(home).doors.blocked == ()
