"""The cloud's own authority, trusted by a machine that is made from a base image: it stands for the public ones, whose
certificates the mail server and the container registries of the real world have."""

from __future__ import annotations

from pathlib import Path

from localcloud.host.command import run

_CERTIFICATES = "usr/local/share/ca-certificates/local-cloud.crt"
_STORE = "etc/ssl/certs"


def install(root: Path, authority: Path) -> None:
    """What `update-ca-certificates` makes of the file, which it makes again whenever it runs in the guest. `root` is of
    our own making: no guest has run in it yet."""
    text, kept = authority.read_text(), root / _CERTIFICATES
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(text)
    digest = run(["openssl", "x509", "-noout", "-subject_hash", "-in", str(authority)]).strip()
    store = root / _STORE
    (store / "local-cloud.pem").symlink_to(f"/{_CERTIFICATES}")
    (store / f"{digest}.0").symlink_to("local-cloud.pem")
    with (store / "ca-certificates.crt").open("a") as bundle:
        bundle.write(text)
