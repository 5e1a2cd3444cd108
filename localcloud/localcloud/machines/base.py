"""Root file systems of the base images, as tarballs in a cache that all instances of a host share.

`ubuntu-22-04-x64` is the real Ubuntu where its archive answers; elsewhere Debian 13 stands in for it, and says so
in its `base.json` and its PRETTY_NAME. Ubuntu's keys come from Debian's package of them, so that the chain of trust
starts at the keys this host has already. `builder` is the same with Docker in it, to build stand-in container images.

The host's extra certificate authorities are trusted inside: where the host needs them to reach a mirror, a guest does.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from localcloud.host.command import CommandError, run
from localcloud.host.files import locked, write_atomically
from localcloud.machines.driver import MachineError
from localcloud.machines.pool import Pool, clone
from localcloud.machines.pool import delete as delete_subvolume

CACHE = Path("/var/cache/bootstrap-cloud")
BASE = "ubuntu-22-04-x64"
BUILDER = "builder"
RECIPE = 1  # goes up when what is made below changes without a change of the lists
HOST_CAS = Path("/usr/local/share/ca-certificates")
KEYRING = "usr/share/keyrings/ubuntu-archive-keyring.gpg"
PROBE_S = 15

PACKAGES = (
    *(
        "apt-utils",
        "ca-certificates",
        "cloud-init",
        "cron",
        "curl",
        "dbus",
        "e2fsprogs",
        "gnupg",
        "iproute2",
        "iptables",
    ),
    *("iputils-ping", "kmod", "less", "libpam-systemd", "locales", "logrotate", "lsb-release", "netbase", "nftables"),
    *("openssh-server", "procps", "python3", "python3-venv", "rsync", "rsyslog", "sudo", "systemd", "systemd-sysv"),
    *("tzdata", "udev", "unattended-upgrades", "vim-tiny"),
)
# systemd-nspawn on the host logs what the guest's udev would set up: services that need hardware stay away
NO_HARDWARE = ("systemd-networkd-wait-online.service",)


@dataclass(frozen=True)
class Suite:
    name: str
    components: str
    packages: tuple[str, ...]
    docker: tuple[str, ...]


UBUNTU = Suite(
    "jammy", "main,universe", ("netplan.io", "ubuntu-keyring"), ("docker.io", "docker-compose-v2", "docker-buildx")
)
DEBIAN = Suite("trixie", "main", ("systemd-resolved",), ("docker.io", "docker-cli", "docker-compose", "docker-buildx"))


@dataclass(frozen=True)
class BaseImage:
    """`is_stand_in` is True when Debian plays Ubuntu; `pretty_name` is the guest's own."""

    ref: str
    is_stand_in: bool
    pretty_name: str


def ensure(
    pool: Pool, ref: str = BASE, cache: Path = CACHE, progress: Callable[[str], None] = lambda _: None
) -> BaseImage:
    """The root image `ref` is in the pool: imported from the cache, built before when it is not there."""
    fact = pool.images / f"{ref}.json"
    with locked(pool.path.with_name("images.lock")):
        if not ((pool.images / ref).exists() and fact.exists()):
            tarball = _tarball(ref, cache, progress)
            progress(f"importing {ref}")
            _import(tarball, pool, ref)
            write_atomically(fact, tarball.with_suffix(".json").read_text())
    return describe(pool, ref)


def describe(pool: Pool, ref: str = BASE) -> BaseImage:
    known = json.loads((pool.images / f"{ref}.json").read_text())
    return BaseImage(ref, bool(known["is_stand_in"]), str(known["pretty_name"]))


def _tarball(ref: str, cache: Path, progress: Callable[[str], None]) -> Path:
    if ref not in (BASE, BUILDER):
        raise MachineError(f"base image {ref}: unknown, there are {BASE} and {BUILDER}")
    cache.mkdir(parents=True, exist_ok=True)
    with locked(cache / f"{ref}.lock"):
        for suite in (UBUNTU, DEBIAN):
            tarball = cache / f"{ref}-{suite.name}-{_recipe(ref, suite)}.tar"
            if tarball.exists():
                return tarball
            with tempfile.TemporaryDirectory(dir=cache) as work:
                Path(work).chmod(0o755)  # apt reads the keyring as a user of its own
                keyring = _ubuntu_keyring(Path(work)) if suite is UBUNTU else None
                if suite is UBUNTU and (keyring is None or not _answers(suite, keyring)):
                    progress("Ubuntu's archive does not answer, Debian 13 stands in for it")
                    continue
                progress(f"building {ref} from {suite.name}")
                _build(ref, suite, keyring, Path(work) / "root.tar")
                _keep(Path(work) / "root.tar", tarball, suite)
            return tarball
    raise AssertionError("the last suite is always built or raises")


def _recipe(ref: str, suite: Suite) -> str:
    authorities = [certificate.read_text() for certificate in _host_authorities()]
    said = json.dumps(
        [RECIPE, _packages(ref, suite), suite.components, FILES, NO_HARDWARE, authorities], sort_keys=True
    )
    return hashlib.sha256(said.encode()).hexdigest()[:12]


def _packages(ref: str, suite: Suite) -> tuple[str, ...]:
    return (*PACKAGES, *suite.packages, *(suite.docker if ref == BUILDER else ()))


def _host_authorities() -> list[Path]:
    return sorted(HOST_CAS.glob("*.crt"))


def _ubuntu_keyring(work: Path) -> Path | None:
    """Ubuntu's keys, from this host or from Debian's package of them."""
    here = Path("/") / KEYRING
    if here.exists():
        return here
    archive = work / "keyring.tar"
    package = ["--variant=extract", "--include=ubuntu-archive-keyring"]
    try:
        run(["mmdebstrap", *package, DEBIAN.name, str(archive)], timeout_s=60)
        run(["tar", "-C", str(work), "-xf", str(archive), f"./{KEYRING}"])
    except CommandError:
        return None  # without Debian's archive there is no way to Ubuntu's: the build of the stand-in says why
    return work / KEYRING


def _answers(suite: Suite, keyring: Path) -> bool:
    """mmdebstrap knows the mirror of a suite: an `apt-get update` and nothing more, with a short deadline."""
    try:
        run(
            [*_mmdebstrap(suite, keyring), "--simulate", "--variant=extract", suite.name, "/dev/null"],
            timeout_s=PROBE_S,
        )
    except CommandError:
        return False
    return True


def _mmdebstrap(suite: Suite, keyring: Path | None) -> list[str]:
    keys = [f"--keyring={keyring}"] if keyring else []
    timeouts = ['--aptopt=Acquire::http::Timeout "10"', '--aptopt=Acquire::Retries "3"']
    return ["mmdebstrap", "--mode=root", f"--components={suite.components}", *keys, *timeouts]


def _build(ref: str, suite: Suite, keyring: Path | None, target: Path) -> None:
    hooks = [f"--customize-hook={hook}" for hook in _hooks(target.parent)]
    packages = f"--include={','.join(_packages(ref, suite))}"
    argv = [*_mmdebstrap(suite, keyring), "--variant=apt", packages, *hooks, suite.name, str(target)]
    try:
        run(argv, timeout_s=900)
    except CommandError as failed:
        raise MachineError(f"base image {ref}: mmdebstrap {suite.name} failed: {failed}") from failed


# what the image says beyond its packages, by path
FILES = {
    # DigitalOcean's images read a ConfigDrive
    "etc/cloud/cloud.cfg.d/90-datasource.cfg": "datasource_list: [ConfigDrive, None]\n",
    # the mirrors were chosen with the image; cloud-init would replace them by its own idea
    "etc/cloud/cloud.cfg.d/91-apt.cfg": "apt: {preserve_sources_list: true}\n",
    "etc/apt/apt.conf.d/20auto-upgrades": (
        'APT::Periodic::Update-Package-Lists "1";\nAPT::Periodic::Unattended-Upgrade "1";\n'
    ),
    "etc/hosts": "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n",
}


def _hooks(work: Path) -> Iterator[str]:
    """mmdebstrap runs a hook through a shell with the root as $1: all that varies is in files, so the text is fixed."""
    files = work / "files"
    for path, text in FILES.items():
        (files / path).parent.mkdir(parents=True, exist_ok=True)
        (files / path).write_text(text)
    authorities = files / str(HOST_CAS.relative_to("/"))
    authorities.mkdir(parents=True)
    for certificate in _host_authorities():
        shutil.copy(certificate, authorities)
    run(["chown", "-R", "root:root", str(files)])
    run(["tar", "-C", str(files), "-cf", str(work / "files.tar"), "."])
    yield f"tar-in {work / 'files.tar'} /"
    yield 'chroot "$1" update-ca-certificates'
    yield 'chroot "$1" systemctl enable systemd-networkd systemd-resolved ssh'
    yield f'chroot "$1" systemctl mask {" ".join(NO_HARDWARE)}'
    yield 'ln -sf ../run/systemd/resolve/stub-resolv.conf "$1/etc/resolv.conf"'
    yield 'rm -f "$1"/etc/ssh/ssh_host_* "$1/etc/hostname" "$1/var/lib/dbus/machine-id"'
    # empty, not gone: a first boot then makes its own and keeps it
    yield 'truncate -s 0 "$1/etc/machine-id"'
    yield 'passwd --root "$1" --lock root'


def _keep(built: Path, tarball: Path, suite: Suite) -> None:
    release = run(["tar", "-xOf", str(built), "./usr/lib/os-release"])
    (pretty,) = [line.split("=", 1)[1].strip('"') for line in release.splitlines() if line.startswith("PRETTY_NAME=")]
    facts = {"is_stand_in": suite is not UBUNTU, "pretty_name": pretty}
    tarball.with_suffix(".json").write_text(json.dumps(facts) + "\n")
    built.rename(tarball)


def _import(tarball: Path, pool: Pool, ref: str) -> None:
    staging = pool.images / f".{ref}.new"
    delete_subvolume(staging)
    run(["btrfs", "subvolume", "create", str(staging)])
    run(
        ["tar", "-C", str(staging), "--numeric-owner", "--xattrs", "--xattrs-include=*", "-xpf", str(tarball)],
        timeout_s=600,
    )
    clone(staging, pool.images / ref, read_only=True)
    delete_subvolume(staging)
