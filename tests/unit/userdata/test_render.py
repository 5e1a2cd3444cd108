"""User-data is what cloud-init understands, says what the contract says, and holds no secret."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from bootstrap.deployment import hostkeys
from bootstrap.errors import UsageError
from bootstrap.settings import Settings
from bootstrap.userdata import render

CA = "-----BEGIN CERTIFICATE-----\nMIIB\nabcd\n-----END CERTIFICATE-----\n"
LAPTOP_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFtT ada\'s "laptop": #1\n'


def settings(**overrides: Any) -> Settings:
    return Settings.model_validate({"domain": "example.com", "email": "ops@example.com", **overrides})


def rendered(**overrides: Any) -> tuple[str, hostkeys.HostKey]:
    key = hostkeys.generate()
    return render.user_data(settings(**overrides), key.private, key.public, LAPTOP_KEY), key


def files(document: dict[str, Any]) -> dict[str, str]:
    return {item["path"]: item["content"] for item in document["write_files"]}


@pytest.mark.parametrize("ca_pem", [None, CA])
def test_everything_arrives_as_it_was_given(ca_pem: str | None) -> None:
    text, key = rendered(acme={"ca_pem": ca_pem})
    document = yaml.safe_load(text)
    assert text.startswith("#cloud-config\n")
    assert document["ssh_keys"] == {"ed25519_private": key.private, "ed25519_public": key.public.strip()}
    assert document["users"] == [{"name": "deploy", "ssh_authorized_keys": [LAPTOP_KEY.strip()]}]
    assert (document["disable_root"], document["ssh_pwauth"], document["ssh_deletekeys"]) == (True, False, True)
    assert "\nPermitRootLogin no\n" in files(document)["/etc/ssh/sshd_config.d/05-bootstrap-root.conf"]
    assert files(document).get(render.ACME_CA_FILE) == ca_pem


def test_deployment_json_is_the_contract() -> None:
    text, _ = rendered(acme={"ca_pem": CA, "profile": "shortlived"}, backup={"keep_daily": 3})
    assert json.loads(files(yaml.safe_load(text))["/etc/bootstrap/deployment.json"]) == {
        "version": 1,
        "domain": "example.com",
        "names": ["example.com", "www.example.com"],
        "key": "example_com",
        "volume": "bootstrap-example-com",
        "acme": {
            "directory": "https://acme-v02.api.letsencrypt.org/directory",
            "email": "ops@example.com",
            "ca_file": "/etc/bootstrap/acme-ca.pem",
            "profile": "shortlived",
        },
        "spaces": {
            "endpoint": "https://nyc3.digitaloceanspaces.com",
            "region": "nyc3",
            "bucket": "bootstrap-example-com",
            "prefix": "example_com/",
        },
        "backup": {"retention_days": 3, "recipient": None, "keep": {"daily": 3, "weekly": 4, "monthly": 6}},
        "alerts": {"email": "ops@example.com"},
    }


def test_more_than_the_cloud_takes_is_told_before_anything_is_made() -> None:
    with pytest.raises(UsageError, match="65536"):
        rendered(acme={"ca_pem": CA * 1000})


@pytest.mark.skipif(shutil.which("cloud-init") is None, reason="cloud-init is not installed")
@pytest.mark.parametrize("ca_pem", [None, CA])
def test_cloud_init_accepts_it(ca_pem: str | None, tmp_path: Path) -> None:
    text, _ = rendered(acme={"ca_pem": ca_pem})
    (tmp_path / "user-data").write_text(text)
    done = subprocess.run(
        ["cloud-init", "schema", "--config-file", str(tmp_path / "user-data")], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    assert "deprecat" not in done.stdout.lower()
