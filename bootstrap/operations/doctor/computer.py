"""This computer."""

from __future__ import annotations

from bootstrap.deployment import sshkey
from bootstrap.errors import RequirementError
from bootstrap.operations.doctor.check import Absent, Check, Doubt
from bootstrap.operations.doctor.patient import Patient

OLDEST, NEWEST = (3, 10), (3, 13)
# TLS and the signatures of S3 allow some minutes
SKEW_WARNING_S, SKEW_S = 30, 300
FREE_GB_WARNING, FREE_GB = 12, 8
# what localcloud/cli/control.py looks for, as nothing but the CLI may know it
LOCAL_TOOLS = (
    "systemd-nspawn",
    "btrfs",
    "mkfs.btrfs",
    "nft",
    "ip",
    "conntrack",
    "openssl",
    "pebble",
    "docker-registry",
    "haproxy",
    "skopeo",
)


def python(patient: Patient) -> str | Doubt:
    version = patient.computer.python()
    text = f"Python {'.'.join(map(str, version))}"
    if version[:2] < OLDEST:
        raise RequirementError(f"{text} is too old", "install Python 3.10 or newer, then make setup")
    return text if version[:2] <= NEWEST else Doubt(f"{text} is newer than what is tested", "use Python 3.10 to 3.13")


def ssh(patient: Patient) -> str:
    version = patient.computer.says("ssh", "-V")
    if version is None or not patient.computer.has("ssh-keyscan"):
        raise RequirementError("the OpenSSH client is missing", "apt install openssh-client")
    return version


def packer(patient: Patient) -> str:
    version = patient.computer.says("packer", "version")
    if version is None:
        raise RequirementError("packer is missing: no image can be built here", "make setup")
    return version


def git(patient: Patient) -> str | Doubt:
    return patient.computer.says("git", "--version") or Doubt(
        "git is missing: images cannot record the commit they are baked from", "apt install git"
    )


def config(patient: Patient) -> str:
    settings, file = patient.settings, patient.sources.config
    where = str(file) if file.exists() else f"no {file}: flags and defaults"
    return f"{where}; region {settings.region}, size {settings.size}"


def ssh_key(patient: Patient) -> str:
    path = patient.settings.ssh_key.expanduser()
    sshkey.check(path)
    return f"{path}" if path.exists() else f"{path} is not there yet: create makes it"


def stack(patient: Patient) -> str:
    return f"{patient.stack.name} in {patient.settings.stack}"


def state_dir(patient: Patient) -> str:
    folder = patient.sources.state_dir
    if not patient.computer.may_write(folder):
        raise RequirementError(f"{folder}: not writable", "set XDG_STATE_HOME to a folder that you may write to")
    return str(folder)


def local_cloud(patient: Patient) -> str | Doubt:
    home, computer = patient.sources.local_home, patient.computer
    if home is None:
        raise Absent
    if not computer.is_root():
        raise RequirementError("the local cloud needs root", "sudo -E bootstrap --cloud local …")
    if missing := [tool for tool in LOCAL_TOOLS if not computer.has(tool)]:
        raise RequirementError(f"the local cloud lacks {', '.join(missing)}", "make setup")
    free = computer.free_bytes(home) / 1e9
    if free < FREE_GB:
        raise RequirementError(
            f"{home}: {free:.0f} GB free, {FREE_GB} are needed",
            "make room, or set BOOTSTRAP_CLOUD_HOME to a folder on a larger disk",
        )
    if free < FREE_GB_WARNING:
        return Doubt(f"{home}: only {free:.0f} GB free", "bootstrap --cloud local image prune, or make room")
    return f"root, its tools, {free:.0f} GB free in {home}"


def api(patient: Patient) -> str | Doubt:
    """Who answers, and what time it is there."""
    url = patient.sources.api_url()
    ahead = patient.computer.clock_ahead_s(url)
    text = f"this clock is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} {url}"
    if abs(ahead) >= SKEW_S:
        raise RequirementError(f"{text}: TLS and Spaces will refuse", "set the clock: timedatectl set-ntp true")
    if abs(ahead) >= SKEW_WARNING_S:
        return Doubt(text, "set the clock: timedatectl set-ntp true")
    return f"{url} answers, clocks agree"


GROUP = "this computer"
CHECKS = (
    Check(GROUP, "python", python),
    Check(GROUP, "ssh", ssh),
    Check(GROUP, "packer", packer),
    Check(GROUP, "git", git),
    Check(GROUP, "settings", config),
    Check(GROUP, "ssh key", ssh_key, ("settings",)),
    Check(GROUP, "stack", stack, ("settings",)),
    Check(GROUP, "state folder", state_dir),
    Check(GROUP, "local cloud", local_cloud),
    Check(GROUP, "api", api),
)
