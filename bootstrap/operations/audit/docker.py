"""The Docker checks: those of the CIS Docker Benchmark's sections 1 to 5 that docker-bench-security calls automatic,
in its numbers, one line each. A check tells what it does not like: nothing, or the subjects.

What is not here: 1.2.2 and 5.28 (is there a newer version), 4.2 to 4.4 and 4.7 to 4.12 (how an image was made), 5.19,
5.23, 5.24 and 5.27 (what an operator does): docker-bench-security marks them as manual or has nothing to read either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from bootstrap.operations.audit.inspection import UNITS, Inspection
from bootstrap.operations.audit.report import Finding, ToolResult
from bootstrap_agent.contract import paths

TOOL = "docker"
HOST = ("",)
SOUND: tuple[str, ...] = ()
Container = dict[str, Any]
# What Docker gives a container by itself: adding one of these back is no extra.
DEFAULT_CAPABILITIES = {
    *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "NET_RAW"),
    *("SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),
}
SENSITIVE = ("/", "/boot", "/dev", "/etc", "/lib", "/proc", "/sys", "/usr")


@dataclass(frozen=True)
class Check:
    id: str
    title: str
    complaints: Callable[[Inspection], Iterable[str]]


def audit(found: Inspection) -> ToolResult:
    findings = [Finding(TOOL, c.id, subject, c.title) for c in CHECKS for subject in c.complaints(found)]
    failed = len({finding.id for finding in findings})
    figure = f"{len(CHECKS) - failed} of {len(CHECKS)} checks pass"
    return ToolResult(TOOL, figure, "a reason for each other", True, findings)


def name_of(container: Container) -> str:
    """The service in the Compose file, as that is what a person would change."""
    labels = container["Config"].get("Labels") or {}
    return str(labels.get("com.docker.compose.service") or container["Name"].lstrip("/"))


def _host(sound: Callable[[Inspection], Any]) -> Callable[[Inspection], Iterable[str]]:
    return lambda found: SOUND if sound(found) else HOST


def _each(sound: Callable[[Container], Any]) -> Callable[[Inspection], Iterable[str]]:
    return lambda found: sorted({name_of(one) for one in found.containers if not sound(one)})


def _audited(*paths: str) -> Callable[[Inspection], Iterable[str]]:
    """What does not exist needs no watching."""
    return _host(lambda found: all(path in found.watched for path in paths if path in found.files))


def _owned(path: str, *owners: str) -> Callable[[Inspection], Iterable[str]]:
    return _host(lambda found: path not in found.files or found.files[path].owner in owners)


def _at_most(path: str, bits: int) -> Callable[[Inspection], Iterable[str]]:
    return _host(lambda found: path not in found.files or not found.files[path].bits & ~bits)


def _ports(container: Container) -> list[dict[str, str]]:
    published = container["NetworkSettings"].get("Ports") or {}
    return [binding for bindings in published.values() for binding in bindings or ()]


def _limits(container: Container) -> dict[str, Any]:
    return dict(container["HostConfig"])


def _extra_capabilities(container: Container) -> set[str]:
    added = {name.removeprefix("CAP_").upper() for name in container["HostConfig"].get("CapAdd") or ()}
    return added - DEFAULT_CAPABILITIES


def _mounts_host(container: Container) -> bool:
    mounts = container.get("Mounts") or ()
    return any(mount.get("Source", "").rstrip("/") in (*SENSITIVE[1:], "") and mount["RW"] for mount in mounts)


def _options(container: Container) -> list[str]:
    return container["HostConfig"].get("SecurityOpt") or []


def _no_new_privileges(found: Inspection) -> Iterable[str]:
    if found.daemon.get("no-new-privileges"):
        return SOUND
    return _each(lambda one: any("no-new-privileges" in option for option in _options(one)))(found)


def _no_health_check(found: Inspection) -> Iterable[str]:
    """A service may bring the check that its image lacks."""
    return _each(lambda one: (one["Config"].get("Healthcheck") or {}).get("Test", ["NONE"])[0] != "NONE")(found)


def _runs_sshd(found: Inspection) -> Iterable[str]:
    return sorted(name_of(one) for one in found.containers if "sshd" in found.processes.get(one["Id"], ""))


def _remote_api_is_guarded(found: Inspection) -> bool:
    hosts = found.daemon.get("hosts") or found.daemon.get("host") or ()
    listens = any("tcp://" in host for host in ([hosts] if isinstance(hosts, str) else hosts))
    return not listens or bool(found.daemon.get("tlsverify"))


CHECKS = (
    Check("1.1.1", "/var/lib/docker has no partition of its own", _host(lambda f: f.own_partition)),
    Check("1.1.2", "somebody beside deploy controls Docker", lambda f: sorted(set(f.members) - {paths.USER})),
    Check("1.1.3", "auditd does not watch dockerd", _audited("/usr/bin/dockerd")),
    Check("1.1.4", "auditd does not watch /run/containerd", _audited("/run/containerd")),
    Check("1.1.5", "auditd does not watch /var/lib/docker", _audited("/var/lib/docker")),
    Check("1.1.6", "auditd does not watch /etc/docker", _audited("/etc/docker")),
    Check("1.1.7", "auditd does not watch docker.service", _audited(f"{UNITS}/docker.service")),
    Check("1.1.8", "auditd does not watch containerd.sock", _audited("/run/containerd/containerd.sock")),
    Check("1.1.9", "auditd does not watch docker.socket", _audited(f"{UNITS}/docker.socket")),
    Check("1.1.10", "auditd does not watch /etc/default/docker", _audited("/etc/default/docker")),
    Check("1.1.11", "auditd does not watch daemon.json", _audited("/etc/docker/daemon.json")),
    Check("1.1.12", "auditd does not watch containerd's config.toml", _audited("/etc/containerd/config.toml")),
    Check("1.1.14", "auditd does not watch containerd", _audited("/usr/bin/containerd")),
    Check("1.1.15", "auditd does not watch containerd-shim", _audited("/usr/bin/containerd-shim")),
    Check("1.1.16", "auditd does not watch containerd-shim-runc-v1", _audited("/usr/bin/containerd-shim-runc-v1")),
    Check("1.1.17", "auditd does not watch containerd-shim-runc-v2", _audited("/usr/bin/containerd-shim-runc-v2")),
    Check("1.1.18", "auditd does not watch runc", _audited("/usr/bin/runc")),
    Check(
        "2.2",
        "containers on the default bridge reach each other",
        _host(lambda f: f.bridge["Options"].get("com.docker.network.bridge.enable_icc") == "false"),
    ),
    Check(
        "2.3", "dockerd logs at another level than info", _host(lambda f: f.daemon.get("log-level", "info") == "info")
    ),
    Check("2.4", "Docker may not change iptables", _host(lambda f: f.daemon.get("iptables", True))),
    Check("2.5", "registries without TLS are used", lambda f: f.daemon.get("insecure-registries") or SOUND),
    Check("2.6", "the storage driver is aufs", _host(lambda f: f.info["Driver"] != "aufs")),
    Check("2.7", "Docker's API listens on TCP without client certificates", _host(_remote_api_is_guarded)),
    Check("2.9", "containers' users are not mapped to others", _host(lambda f: f.daemon.get("userns-remap"))),
    Check("2.10", "containers have another cgroup parent", _host(lambda f: not f.daemon.get("cgroup-parent"))),
    Check(
        "2.11",
        "the base device's size was changed",
        _host(lambda f: not any("dm.basesize" in option for option in f.daemon.get("storage-opts") or ())),
    ),
    Check("2.12", "no plug-in authorises Docker's commands", _host(lambda f: f.daemon.get("authorization-plugins"))),
    Check("2.13", "containers' logs stay on this machine", _host(lambda f: f.info["LoggingDriver"] != "json-file")),
    Check("2.14", "containers may acquire new privileges", _no_new_privileges),
    Check("2.15", "containers stop when dockerd does", _host(lambda f: f.info["LiveRestoreEnabled"])),
    Check("2.16", "the userland proxy is in use", _host(lambda f: f.daemon.get("userland-proxy") is False)),
    Check("2.18", "experimental features are on", _host(lambda f: not f.info["ExperimentalBuild"])),
    Check("3.1", "docker.service is not root's", _owned(f"{UNITS}/docker.service", "root:root")),
    Check("3.2", "docker.service is open to others", _at_most(f"{UNITS}/docker.service", 0o644)),
    Check("3.3", "docker.socket is not root's", _owned(f"{UNITS}/docker.socket", "root:root")),
    Check("3.4", "docker.socket is open to others", _at_most(f"{UNITS}/docker.socket", 0o644)),
    Check("3.5", "/etc/docker is not root's", _owned("/etc/docker", "root:root")),
    Check("3.6", "/etc/docker is open to others", _at_most("/etc/docker", 0o755)),
    Check("3.15", "Docker's socket is not of root:docker", _owned("/run/docker.sock", "root:docker")),
    Check("3.16", "Docker's socket is open to others", _at_most("/run/docker.sock", 0o660)),
    Check("3.17", "daemon.json is not root's", _owned("/etc/docker/daemon.json", "root:root")),
    Check("3.18", "daemon.json is open to others", _at_most("/etc/docker/daemon.json", 0o644)),
    Check("3.19", "/etc/default/docker is not root's", _owned("/etc/default/docker", "root:root")),
    Check("3.20", "/etc/default/docker is open to others", _at_most("/etc/default/docker", 0o644)),
    Check("3.23", "containerd's socket is not root's", _owned("/run/containerd/containerd.sock", "root:root")),
    Check("3.24", "containerd's socket is open to others", _at_most("/run/containerd/containerd.sock", 0o660)),
    Check("4.1", "runs as root", _each(lambda c: c["Config"].get("User") not in ("", None, "root", "0", "0:0"))),
    Check("4.5", "images need no signature", _host(lambda f: False)),
    Check("4.6", "has no health check", _no_health_check),
    Check("5.1", "swarm mode is on", _host(lambda f: f.info["Swarm"]["LocalNodeState"] == "inactive")),
    Check(
        "5.2", "no AppArmor profile confines it", _each(lambda c: c.get("AppArmorProfile") not in ("", "unconfined"))
    ),
    Check("5.3", "no security option is set", _each(_options)),
    Check("5.4", "has more capabilities than Docker's default", _each(lambda c: not _extra_capabilities(c))),
    Check("5.5", "is privileged", _each(lambda c: not c["HostConfig"]["Privileged"])),
    Check("5.6", "writes to a folder of the machine's system", _each(lambda c: not _mounts_host(c))),
    Check("5.7", "runs an SSH server", _runs_sshd),
    Check("5.8", "publishes a privileged port", _each(lambda c: all(int(p["HostPort"]) > 1024 for p in _ports(c)))),
    Check("5.9", "publishes a port: is it needed", _each(lambda c: not _ports(c))),
    Check("5.10", "shares the machine's network", _each(lambda c: c["HostConfig"]["NetworkMode"] != "host")),
    Check("5.11", "has no limit of memory", _each(lambda c: _limits(c).get("Memory"))),
    Check("5.12", "has no share of CPU", _each(lambda c: _limits(c).get("CpuShares") or _limits(c).get("NanoCpus"))),
    Check("5.13", "writes to its root file system", _each(lambda c: c["HostConfig"]["ReadonlyRootfs"])),
    Check("5.14", "listens on every address", _each(lambda c: all(p["HostIp"] != "0.0.0.0" for p in _ports(c)))),  # noqa: S104
    Check(
        "5.15",
        "may restart more than 5 times in a row",
        _each(lambda c: c["HostConfig"]["RestartPolicy"]["MaximumRetryCount"] <= 5),
    ),
    Check("5.16", "sees the machine's processes", _each(lambda c: c["HostConfig"]["PidMode"] != "host")),
    Check("5.17", "shares the machine's IPC", _each(lambda c: c["HostConfig"]["IpcMode"] != "host")),
    Check("5.18", "has a device of the machine", _each(lambda c: not c["HostConfig"].get("Devices"))),
    Check(
        "5.20",
        "propagates its mounts",
        _each(lambda c: all("shared" not in m.get("Propagation", "") for m in c.get("Mounts") or ())),
    ),
    Check("5.21", "shares the machine's name", _each(lambda c: c["HostConfig"].get("UTSMode") != "host")),
    Check(
        "5.22",
        "has no seccomp profile",
        _each(lambda c: not any("seccomp" in o and "unconfined" in o for o in _options(c))),
    ),
    Check("5.25", "has another cgroup parent", _each(lambda c: not c["HostConfig"].get("CgroupParent"))),
    Check("5.26", "has no health check at run time", _each(lambda c: c["State"].get("Health"))),
    Check("5.29", "has no limit of processes", _each(lambda c: (_limits(c).get("PidsLimit") or 0) > 0)),
    Check("5.30", "is on Docker's default bridge", _each(lambda c: "bridge" not in c["NetworkSettings"]["Networks"])),
    Check("5.31", "shares the machine's users", _each(lambda c: c["HostConfig"].get("UsernsMode") != "host")),
    Check(
        "5.32",
        "can talk to Docker",
        _each(lambda c: all("docker.sock" not in m.get("Source", "") for m in c.get("Mounts") or ())),
    ),
)
