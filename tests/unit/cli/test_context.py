from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bootstrap.adapters.console import Console
from bootstrap.cli.around import facts
from bootstrap.cli.context import Context, known_secrets, registry_login
from bootstrap.errors import CredentialsError, UsageError
from bootstrap.ports.object_store import ObjectStore
from bootstrap.settings import load


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    ca = tmp_path / "ca.pem"
    ca.write_text("-----BEGIN CERTIFICATE-----\n")
    endpoints = {
        "version": 1,
        "api": "http://198.51.100.2:8080",
        "token": "t",
        "dns": "198.51.100.2",
        "acme": {"directory": "https://198.51.100.2:14000/dir", "ca_file": str(ca), "roots_file": None},
        "spaces": {"endpoint": "http://198.51.100.2:8333", "region": "nyc3", "access_key": "a", "secret_key": "s"},
        "registry_mirror": "http://198.51.100.2:5000",
        "mail": {
            "host": "198.51.100.2",
            "port": 2525,
            "user": "mailer",
            "password": "m",
            "tls": False,
            "inbox": "http://198.51.100.2:8025",
        },
        "trusted_cas_dir": None,
        "base_is_stand_in": True,
    }
    (tmp_path / "endpoints.json").write_text(json.dumps(endpoints))
    monkeypatch.setenv("BOOTSTRAP_CLOUD_HOME", str(tmp_path))
    return endpoints


def context(cloud: str, tmp_path: Path) -> Context:
    return Context(cloud, tmp_path / "bootstrap.yaml", Console())


def test_a_registrys_password_comes_from_the_environment_and_is_redacted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "bootstrap.yaml"
    file.write_text("domain: a.example\nregistry: {user: ada}\n")
    monkeypatch.delenv("REGISTRY_PASSWORD", raising=False)
    with pytest.raises(CredentialsError, match="REGISTRY_PASSWORD"):
        registry_login(load(file, {}, {}))
    monkeypatch.setenv("REGISTRY_PASSWORD", "hunter2")
    login = registry_login(load(file, {}, {}))
    assert login is not None and (login.host, login.user, login.password) == ("docker.io", "ada", "hunter2")
    assert "hunter2" in known_secrets()
    file.write_text("domain: a.example\n")
    assert registry_login(load(file, {}, {})) is None


@pytest.mark.usefixtures("local")
def test_whose_settings_count_is_said_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bootstrap.yaml").write_text("domain: a.example\nenv_file: own.env\n")
    (tmp_path / "bootstrap.staging.yaml").write_text("domain: staging.a.example\n")
    chosen = context("local", tmp_path)
    env = chosen.environment("staging.a.example")
    assert (env.settings.env_file, env.settings.mail) == (None, False)
    assert facts(chosen, env.settings, "redeploy")["BOOTSTRAP_ENVIRONMENT"] == "staging"
    chosen.environment("staging.a.example")
    assert capsys.readouterr().err.count("staging.a.example is of the environment staging") == 1
    chosen.environment("other.example")
    said = capsys.readouterr().err
    assert "env_file" in said and "a.example" in said and "other.example" in said
    assert "BOOTSTRAP_ENVIRONMENT" not in facts(chosen, chosen.environment().settings, "redeploy")
    chosen.settings("other.example", env_file=tmp_path / "given.env")
    chosen.one_of_all("staging.a.example")
    assert capsys.readouterr().err == ""


def test_the_local_cloud_is_configuration_only(local: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "bootstrap.yaml").write_text(
        "domain: a.example\nspaces: {bucket: mine, endpoint: https://real.example}\nsmtp: {host: smtp.example.net}\n"
    )
    env = context("local", tmp_path).environment()
    assert env.settings.acme.directory == local["acme"]["directory"]
    assert env.settings.spaces_endpoint == local["spaces"]["endpoint"], "a rehearsal never leaves this machine"
    assert env.settings.bucket == "mine"
    assert env.settings.smtp is not None
    assert (env.settings.smtp.host, env.settings.smtp.port, env.settings.smtp.tls) == ("198.51.100.2", 2525, False)
    assert env.smtp_password == "m"
    assert env.store is not None
    store: ObjectStore = env.store
    assert store


def test_tokens_are_found_as_doctl_and_aws_name_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DIGITALOCEAN_TOKEN", "SPACES_ACCESS_KEY_ID", "SPACES_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DIGITALOCEAN_ACCESS_TOKEN", "from-doctl")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    monkeypatch.setenv("SMTP_PASSWORD", "m")
    endpoints = context("digitalocean", tmp_path).endpoints
    assert (endpoints.token, endpoints.spaces_credentials) == ("from-doctl", ("a", "s"))
    assert endpoints.smtp_password == "m"
    assert endpoints.api == "https://api.digitalocean.com"
    monkeypatch.delenv("DIGITALOCEAN_ACCESS_TOKEN")
    with pytest.raises(CredentialsError):
        _ = context("digitalocean", tmp_path).endpoints


@pytest.mark.parametrize("url", ["https://proxy.example/", "http://127.0.0.1:4711", "http://localhost:4711/"])
def test_the_api_may_be_a_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("DIGITALOCEAN_TOKEN", "t")
    monkeypatch.setenv("BOOTSTRAP_API_URL", url)
    assert context("digitalocean", tmp_path).endpoints.api == url.rstrip("/")


@pytest.mark.parametrize("url", ["http://proxy.example", "127.0.0.1:4711", "ftp://localhost"])
def test_the_token_goes_nowhere_in_the_clear(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("DIGITALOCEAN_TOKEN", "t")
    monkeypatch.setenv("BOOTSTRAP_API_URL", url)
    with pytest.raises(UsageError, match="BOOTSTRAP_API_URL"):
        _ = context("digitalocean", tmp_path).endpoints


@pytest.mark.usefixtures("local")
def test_the_ping_url_comes_from_the_environment_and_is_in_no_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bootstrap.yaml").write_text("domain: a.example\n")
    monkeypatch.delenv("ALERTS_PING_URL", raising=False)
    assert context("local", tmp_path).environment().ping_url is None
    for given in ("https://hc.example/secret", ""):
        monkeypatch.setenv("ALERTS_PING_URL", given)
        assert context("local", tmp_path).environment().ping_url == given
    for wrong in ("hc.example/secret", "file:///etc/secret", "https://hc.example/secret two"):
        monkeypatch.setenv("ALERTS_PING_URL", wrong)
        with pytest.raises(UsageError) as caught:
            context("local", tmp_path).environment()
        assert "secret" not in f"{caught.value.message} {caught.value.remedy}"
        assert wrong in known_secrets()
