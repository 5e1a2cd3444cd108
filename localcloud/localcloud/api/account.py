"""The account, its SSH keys, and what stands in the catalogue: regions and sizes."""

from __future__ import annotations

import base64
import hashlib

from localcloud.api import views
from localcloud.api.call import GONE, Answer, Call, Route
from localcloud.state.catalog import ACCOUNT_UUID, DROPLET_LIMIT, REGIONS, RESERVED_IP_LIMIT, SIZES, VOLUME_LIMIT
from localcloud.state.database import Transaction
from localcloud.state.model import SSHKey
from localcloud.wire import Json, not_found, unprocessable

ACCOUNT: Json = {
    "droplet_limit": DROPLET_LIMIT,
    "floating_ip_limit": RESERVED_IP_LIMIT,
    "reserved_ip_limit": RESERVED_IP_LIMIT,
    "volume_limit": VOLUME_LIMIT,
    "email": "operator@local.test",
    "name": "local cloud",
    "uuid": ACCOUNT_UUID,
    "email_verified": True,
    "status": "active",
    "status_message": "",
    "team": {"uuid": "5df3e3004a17e242b7c20ca6c9fc25b701a47ece", "name": "local"},
}


def fingerprint(public_key: str) -> str:
    """MD5 of the key's blob, as DigitalOcean names keys; 422 for what is no public key."""
    words = public_key.split()
    try:
        blob = base64.b64decode(words[1], validate=True)
        kind = blob[4 : 4 + int.from_bytes(blob[:4], "big")].decode("ascii")
    except (IndexError, ValueError):
        raise unprocessable("Key invalid, key should be of the format `type key [comment]`") from None
    if kind != words[0] or not kind.startswith(("ssh-", "ecdsa-", "sk-")):
        raise unprocessable("Key invalid, key should be of the format `type key [comment]`")
    digest = hashlib.md5(blob, usedforsecurity=False).hexdigest()
    return ":".join(digest[i : i + 2] for i in range(0, len(digest), 2))


def find_key(tx: Transaction, identifier: object) -> SSHKey | None:
    """By id or by fingerprint."""
    return next((key for key in tx.all(SSHKey) if str(identifier) in (key.key, key.fingerprint)), None)


def _key(call: Call) -> SSHKey:
    found = find_key(call.tx, call.params["identifier"])
    if found is None:
        raise not_found()
    return found


def create_key(call: Call) -> Answer:
    name, public_key = call.body.text("name"), call.body.text("public_key").strip()
    mark = fingerprint(public_key)
    if find_key(call.tx, mark):
        raise unprocessable("SSH Key is already in use on your account")
    row = SSHKey(id=call.tx.next_number("ssh_key"), name=name, public_key=public_key, fingerprint=mark)
    return call.one("ssh_key", call.tx.put(row), views.ssh_key, 201)


def rename_key(call: Call) -> Answer:
    return call.one("ssh_key", call.tx.update(_key(call), name=call.body.text("name")), views.ssh_key)


def delete_key(call: Call) -> Answer:
    call.tx.delete(_key(call))
    return GONE


ROUTES: list[Route] = [
    ("GET", "/v2/account", lambda call: Answer(200, lambda _: {"account": ACCOUNT})),
    ("GET", "/v2/account/keys", lambda call: call.listing("ssh_keys", call.tx.all(SSHKey), views.ssh_key)),
    ("POST", "/v2/account/keys", create_key),
    ("GET", "/v2/account/keys/{identifier}", lambda call: call.one("ssh_key", _key(call), views.ssh_key)),
    ("PUT", "/v2/account/keys/{identifier}", rename_key),
    ("DELETE", "/v2/account/keys/{identifier}", delete_key),
    ("GET", "/v2/regions", lambda call: call.paged("regions", [views.region(slug) for slug in REGIONS])),
    ("GET", "/v2/sizes", lambda call: call.paged("sizes", [views.size(slug) for slug in SIZES])),
]
