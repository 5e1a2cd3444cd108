"""`bootstrap backup pull` as a person or cron runs it: without a token, with a Spaces key that only reads."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from bootstrap.cli import main
from tests.contract.object_store.server import Server, needs
from tests.contract.object_store.test_pull import ID, MEDIA, Deployment, deployment

__all__ = ["deployment"]


@pytest.fixture(autouse=True)
def nothing_else(deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("DIGITALOCEAN", "SPACES", "AWS", "BOOTSTRAP", "COPY")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("SPACES_ACCESS_KEY_ID", deployment.server.key.access)
    monkeypatch.setenv("SPACES_SECRET_ACCESS_KEY", deployment.server.key.secret)
    spaces = {"bucket": deployment.bucket, "endpoint": deployment.server.endpoint, "region": "nyc3"}
    (tmp_path / "bootstrap.yaml").write_text(json.dumps({"domain": "example.com", "spaces": spaces}))
    monkeypatch.chdir(tmp_path)


def run(*argv: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = main.run(["backup", "pull", *argv])
    out, err = capsys.readouterr()
    return code, out, err


def test_it_needs_no_token_and_tells_what_it_did(deployment: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(str(deployment.copy), "--json", capsys=capsys)
    (told,) = json.loads(out)
    assert (code, told["domain"], told["backups"], told["problems"]) == (0, "example.com", [ID], [])
    assert told["fetched"] == len(deployment.objects) and deployment.files() == deployment.objects
    code, out, _ = run(str(deployment.copy), capsys=capsys)
    assert code == 0 and f"1 backups in {deployment.copy}, the newest {ID}" in out and "0 objects fetched" in out


def test_what_changed_in_the_bucket_is_exit_code_10_and_one_document(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    run(str(deployment.copy), capsys=capsys)
    deployment.put(MEDIA, b"pay")
    code, out, err = run(str(deployment.copy), "--json", capsys=capsys)
    assert code == 10 and json.loads(out)[0]["problems"][0].startswith(MEDIA) and f"error: example.com: {MEDIA}" in err
    code, out, _ = run(str(deployment.copy), capsys=capsys)
    assert code == 10 and f"  problem: {MEDIA} in the bucket is not what it was" in out


def test_one_deployment_s_trouble_leaves_no_other_without_its_copy(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(str(deployment.copy), "example.org", "example.com", "--json", capsys=capsys)
    assert code == 4 and "no backup of example.org" in err
    assert [told["domain"] for told in json.loads(out)] == ["example.com"]
    assert deployment.files() == deployment.objects
    code, out, _ = run(str(deployment.copy), "example.org", "--json", capsys=capsys)
    assert code == 4 and json.loads(out)["error"]["class"] == "NotFoundError"


def test_a_key_that_only_reads_is_enough(
    deployment: Deployment, server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reader = needs(server.reader)
    for key, body in deployment.objects.items():
        server.client().put_object(Bucket=server.ones_own, Key=key, Body=body)
    spaces = {"bucket": server.ones_own, "endpoint": server.endpoint, "region": "nyc3"}
    Path("bootstrap.yaml").write_text(json.dumps({"domain": "example.com", "spaces": spaces}))
    monkeypatch.setenv("SPACES_ACCESS_KEY_ID", reader.access)
    monkeypatch.setenv("SPACES_SECRET_ACCESS_KEY", reader.secret)
    assert run(str(deployment.copy), capsys=capsys)[0] == 0 and deployment.files() == deployment.objects


def test_a_bucket_wants_a_key_of_its_own(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name, server = deployment.server.new_bucket(), deployment.server
    code, _, err = run(f"s3://{name}/copies", capsys=capsys)
    assert code == 3 and "COPY_ACCESS_KEY_ID" in err
    monkeypatch.setenv("COPY_ACCESS_KEY_ID", server.key.access)
    monkeypatch.setenv("COPY_SECRET_ACCESS_KEY", server.key.secret)
    assert run(f"s3://{name}/copies", "--endpoint", server.endpoint, "--region", "nyc3", capsys=capsys)[0] == 0
    stored = {item["Key"] for item in server.client().list_objects_v2(Bucket=name)["Contents"]}
    assert stored == {f"copies/{key}" for key in deployment.objects}


@pytest.mark.parametrize("to", ["s3://", "s3:///x", "s3://Not_A_Bucket/x"])
def test_what_is_no_bucket_is_told(to: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(to, capsys=capsys)[0] == 2


def test_the_bucket_of_the_backups_is_no_copy_of_them(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run(f"s3://{deployment.bucket}/copies", capsys=capsys)
    assert code == 2 and "is where the backups are" in err
    assert run(str(deployment.copy), "--region", "fra1", capsys=capsys)[0] == 2
