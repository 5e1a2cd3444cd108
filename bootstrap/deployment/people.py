"""Who else may log in to a deployment's droplets, by SSH key.

Kept where the deployment is, in the account: a tag that nothing carries says that a fingerprint may, and the key with
that fingerprint is among the account's SSH keys, where it opens nothing by itself. So every later droplet gets the keys
with its user-data, whoever makes it and whatever became of the last one; on the data volume, a rollback with data
would let somebody in again who was let go.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bootstrap.deployment import find, remote
from bootstrap.deployment.environment import Environment
from bootstrap.deployment.sshkey import ensure, fingerprint
from bootstrap.errors import CredentialsError, UsageError
from bootstrap.ports.cloud import SSHKey
from bootstrap.ports.host import Host
from bootstrap_agent.contract import answers

# of an account's keys, those that came by `access add`
NAMED = "bootstrap-access-"
_FORM = "a line such as `ssh-ed25519 AAAA… ada`"
_TYPES = ("ssh-ed25519", "ssh-rsa", "ecdsa-sha2-", "sk-ssh-ed25519@", "sk-ecdsa-sha2-")


@dataclass(frozen=True)
class PublicKey:
    """`public` is `type base64`; `name` is whose it is."""

    public: str
    name: str

    @property
    def fingerprint(self) -> str:
        """As DigitalOcean lists it."""
        return fingerprint(self.public)

    @property
    def sha256(self) -> str:
        """As ssh-keygen -l shows it."""
        return sha256(self.public)


def sha256(public: str) -> str:
    digest = hashlib.sha256(base64.b64decode(public.split()[1])).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def parse(text: str, where: str, name: str | None = None) -> list[PublicKey]:
    """Of a .pub file, or of several lines; UsageError for anything else, and above all for a private key."""
    if "PRIVATE KEY" in text:
        raise UsageError(f"{where} is a private key", "name the .pub file beside it; the private one stays where it is")
    found = []
    for line in filter(None, map(str.strip, text.splitlines())):
        if line.startswith("#"):
            continue
        words = line.split(maxsplit=2)
        if len(words) < 2 or not _is_key(words[0], words[1]):
            raise UsageError(f"{where} holds a line that is no public SSH key", _FORM)
        found.append(PublicKey(f"{words[0]} {words[1]}", name or (words[2] if words[2:] else where)))
    if not found:
        raise UsageError(f"{where} holds no public SSH key", _FORM)
    return found


def on_droplet(lines: Iterable[str]) -> list[PublicKey]:
    """Of authorized_keys, but for lines with options: somebody wrote those by hand, and they stay where they are."""
    words = (line.split(maxsplit=2) for line in lines)
    plain = (one for one in words if len(one) > 1 and _is_key(one[0], one[1]))
    return [PublicKey(f"{one[0]} {one[1]}", one[2] if one[2:] else "") for one in plain]


def _is_key(kind: str, encoded: str) -> bool:
    """Whole, and of the kind that it says: the first of its fields is that once more. Each has its length before it."""
    try:
        left = base64.b64decode(encoded, validate=True)
    except ValueError:
        return False
    fields = []
    while left:
        size = int.from_bytes(left[:4], "big")
        if len(left) < 4 + size:
            return False
        fields.append(left[4 : 4 + size])
        left = left[4 + size :]
    return kind.startswith(_TYPES) and len(fields) > 1 and fields[0] == kind.encode()


def kept(env: Environment, keys: Sequence[SSHKey]) -> list[SSHKey]:
    """Of the account's keys, those whose holders may log in to every droplet of the deployment."""
    allowed = set(env.cloud.tags(find.tag(env.settings, f"{find.ACCESS}:")))
    return [key for key in keys if tag_of(env, key.fingerprint) in allowed]


def tag_of(env: Environment, md5: str) -> str:
    return find.tag(env.settings, f"{find.ACCESS}:{md5.replace(':', '-')}")


def is_of_others(env: Environment, key: SSHKey) -> bool:
    """It did not come by `access add`, or opens another deployment."""
    own = tag_of(env, key.fingerprint)
    end = own.removeprefix(find.tag(env.settings))
    return not key.name.startswith(NAMED) or any(
        tag.endswith(end) and tag != own for tag in env.cloud.tags("bootstrap:")
    )


def forget_all(env: Environment) -> list[str]:
    """Nobody may log in any more, as nothing is left to log in to. Whose keys were taken out of the account. A key goes
    before its tag, by which a run after a kill finds it; the tags of keys that the token may not delete go all the
    same, as they would let their holders in to what is made next, so these are told by their fingerprints."""
    begin = find.tag(env.settings, f"{find.ACCESS}:")
    tags = env.cloud.tags(begin)
    left, gone = {tag.removeprefix(begin).replace("-", ":") for tag in tags}, []
    try:
        for key in kept(env, env.cloud.ssh_keys()) if tags else []:
            if not is_of_others(env, key):
                env.cloud.delete_ssh_key(key.id)
                gone.append(key.name.removeprefix(NAMED))
            left.discard(key.fingerprint)
    except CredentialsError as error:
        what = f"people's public keys, {NAMED}… of the account's SSH keys, stay there"
        env.progress.warn(f"{what}: {error.message}; their fingerprints: {', '.join(sorted(left))}")
    for tag in tags:
        env.cloud.delete_tag(tag)
    return gone


def settle(env: Environment, host: Host) -> None:
    """A droplet that was made some time ago lets in those whom a new one would, and nobody else."""
    keys = kept(env, env.cloud.ssh_keys())
    wanted = {" ".join(key.public_key.split()[:2]): plain(key) for key in keys}
    try:
        there = {one.public for one in on_droplet(remote.agent(host, answers.ACCESS_LIST).keys)}
        if missing := wanted.keys() - there:
            remote.agent(host, answers.ACCESS_ADD, stdin=answers.Access(tuple(wanted[one] for one in missing)))
        if gone := there - wanted.keys() - {ensure(env.settings.ssh_key).public}:
            remote.agent(host, answers.ACCESS_REMOVE, stdin=answers.Access(tuple(gone)))
    except UsageError:
        # an agent of an earlier image
        env.progress.warn(
            "the candidate's agent knows no access: whoever could log in when it was made can still log in there"
        )


def plain(key: SSHKey) -> str:
    """A line for authorized_keys: of what somebody typed into a name, nothing that would end it."""
    name = "".join(letter if letter.isprintable() else " " for letter in key.name.removeprefix(NAMED))
    return f"{' '.join(key.public_key.split()[:2])} {name}".strip()
