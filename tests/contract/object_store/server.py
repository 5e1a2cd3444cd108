"""The object store of the suites: seaweedfs, as the local cloud starts it, or the one that BOOTSTRAP_TEST_S3 names
(CONTRIBUTING.md says how to run Ceph's gateway for it)."""

from __future__ import annotations

import dataclasses
import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.exceptions import ClientError

from bootstrap.adapters.spaces import Spaces
from bootstrap_agent.backup.store import BackupStore
from bootstrap_agent.contract import deployment as form
from bootstrap_agent.contract.answers import SpacesKey
from bootstrap_agent.s3.client import Patience
from localcloud.services import spaces
from localcloud.services.supervisor import Supervisor
from tests.contract.services.conftest import ADDRESS, free_ports

REAL, LIMITED = "BOOTSTRAP_TEST_S3", "BOOTSTRAP_TEST_S3_LIMITED"
# long enough for what a test breaks, and no longer
SHORT = Patience(wait_s=8, connect_s=2, silence_s=2)
AT_ONCE = Patience(wait_s=0, connect_s=2, silence_s=2)
KEPT = 7
PREFIX = "bootstrap-test-"


@dataclass(frozen=True)
class Key:
    access: str
    secret: str
    # of its account; for Ceph's bucket policies
    user: str = ""


@dataclass(frozen=True)
class Server:
    """`limited` may read, write and list `ones_own` and nothing else, `reader` may not write there. With Ceph a policy
    says so, made by the tests; seaweedfs is told before it starts."""

    endpoint: str
    key: Key
    limited: Key | None
    reader: Key | None
    ones_own: str
    is_ceph: bool

    def store(self, bucket: str, key: Key | None = None, endpoint: str = "", patience: Patience = SHORT) -> Spaces:
        key = key or self.key
        return Spaces(endpoint or self.endpoint, "nyc3", bucket, key.access, key.secret, patience)

    def agent(self, bucket: str, key: Key | None = None, endpoint: str = "", patience: Patience = SHORT) -> BackupStore:
        key = key or self.key
        place = form.Spaces(endpoint or self.endpoint, "nyc3", bucket, "example_com/")
        deployment = form.Deployment(
            domain="example.com",
            names=("example.com",),
            key="example_com",
            volume="v",
            acme=form.Acme("d"),
            spaces=place,
            backup=form.Backup(KEPT),
        )
        return BackupStore(deployment, SpacesKey(key.access, key.secret), patience=patience)

    def client(self, key: Key | None = None) -> Any:
        key = key or self.key
        keys = {"aws_access_key_id": key.access, "aws_secret_access_key": key.secret}
        return boto3.client("s3", endpoint_url=self.endpoint, region_name="us-east-1", **keys)

    def new_bucket(self, *, make: bool = True) -> str:
        """A name that nobody has."""
        name = f"{PREFIX}{uuid.uuid4().hex[:12]}"
        if make:
            self.client().create_bucket(Bucket=name)
        return name


@contextmanager
def running(home: Path) -> Iterator[Server]:
    if REAL in os.environ:
        yield from _real(os.environ[REAL], os.environ.get(LIMITED))
        return
    (port,) = free_ports(1)
    service = spaces.service(home, ADDRESS, port=port)
    keys = spaces.credentials(home)
    own = f"{PREFIX}{uuid.uuid4().hex[:12]}"
    full, limited, reader = Key(keys.access_key, keys.secret_key), Key("LIMITED", "limited"), Key("READER", "reader")
    rights = {
        full: ["Admin", "Read", "Write", "List", "Tagging"],
        limited: [f"{action}:{own}" for action in ("Read", "Write", "List")],
        reader: [f"{action}:{own}" for action in ("Read", "List")],
    }
    identities = [
        {"name": key.access, "credentials": [{"accessKey": key.access, "secretKey": key.secret}], "actions": actions}
        for key, actions in rights.items()
    ]
    config = home / "identities.json"
    config.write_text(json.dumps({"identities": identities}))
    service = dataclasses.replace(service, argv=(*service.argv, f"-s3.config={config}"))
    supervisor = Supervisor([service], home / "run")
    supervisor.start()
    try:
        server = Server(f"http://{ADDRESS}:{port}", full, limited, reader, own, is_ceph=False)
        server.client().create_bucket(Bucket=own)
        yield server
    finally:
        supervisor.stop()


def _real(where: str, limited: str | None) -> Iterator[Server]:
    """`http://ACCESS:SECRET@HOST:PORT`, and `USER:ACCESS:SECRET` of another account. What the tests made is removed."""
    url = urlsplit(where)
    assert url.hostname and url.username and url.password, f"{REAL} is http://ACCESS:SECRET@HOST:PORT"
    other = _key(limited) if limited else None
    own = f"{PREFIX}{uuid.uuid4().hex[:12]}"
    server = Server(
        f"http://{url.hostname}:{url.port}", Key(url.username, url.password), other, None, own, is_ceph=True
    )
    client = server.client()
    before = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
    client.create_bucket(Bucket=own)
    if other:
        actions = ("GetObject", "PutObject", "DeleteObject", "ListBucket", "AbortMultipartUpload")
        client.put_bucket_policy(Bucket=own, Policy=json.dumps(_policy(own, other.user, actions)))
    try:
        yield server
    finally:
        for bucket in client.list_buckets()["Buckets"]:
            if bucket["Name"].startswith(PREFIX) and bucket["Name"] not in before:
                _remove(client, bucket["Name"])


def _key(text: str) -> Key:
    user, access, secret = text.split(":")
    return Key(access, secret, user)


def _policy(bucket: str, user: str, actions: tuple[str, ...]) -> dict[str, Any]:
    who = {"AWS": [f"arn:aws:iam:::user/{user}"]}
    resources = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    allowed = [f"s3:{action}" for action in actions]
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": who, "Action": allowed, "Resource": resources}],
    }


def _remove(client: Any, bucket: str) -> None:
    for page in list(client.get_paginator("list_object_versions").paginate(Bucket=bucket)):
        for item in (*page.get("Versions", []), *page.get("DeleteMarkers", [])):
            client.delete_object(Bucket=bucket, Key=item["Key"], VersionId=item["VersionId"])
    for page in list(client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket)):
        for item in page.get("Uploads", []):
            with suppress(ClientError):
                client.abort_multipart_upload(Bucket=bucket, Key=item["Key"], UploadId=item["UploadId"])
    client.delete_bucket(Bucket=bucket)


def needs(key: Key | None) -> Key:
    if key is None:
        pytest.skip(f"this server has no such key: {LIMITED} names one")
    return key
