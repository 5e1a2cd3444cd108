"""What the tools say is read as they mean it, and nothing is excused that nobody excused."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bootstrap.errors import HostError, UsageError
from bootstrap.operations.audit import docker, lynis, reasons, ssh, tls
from bootstrap.operations.audit.inspection import Inspection, Mode
from bootstrap.operations.audit.reasons import Reason
from bootstrap.operations.audit.report import Finding, ToolResult
from tools import audit_page as page

ROOT = Path(__file__).resolve().parents[3]
SECURITY, RULES = ROOT / "docs" / "security.md", ROOT / "packer" / "files" / "audit.rules"
SERVICE = {
    "Id": "1",
    "Name": "/stack-app-1",
    "AppArmorProfile": "docker-default",
    "Config": {
        "User": "1000",
        "Labels": {"com.docker.compose.service": "app"},
        "Healthcheck": {"Test": ["CMD", "true"]},
    },
    "State": {"Health": {"Status": "healthy"}},
    "HostConfig": {
        "CapAdd": None,
        "SecurityOpt": ["no-new-privileges:true"],
        "Privileged": False,
        "NetworkMode": "stack_app",
        "Memory": 1,
        "CpuShares": 1,
        "ReadonlyRootfs": True,
        "RestartPolicy": {"MaximumRetryCount": 0},
        "PidMode": "",
        "IpcMode": "private",
        "PidsLimit": 100,
    },
    "NetworkSettings": {"Ports": {"8000/tcp": None}, "Networks": {"stack_app": {}}},
    "Mounts": [{"Source": "/srv/data/media", "RW": True, "Propagation": "rprivate"}],
}
SOUND = Inspection(
    info={
        "Driver": "overlay2",
        "LoggingDriver": "journald",
        "LiveRestoreEnabled": True,
        "ExperimentalBuild": False,
        "Swarm": {"LocalNodeState": "inactive"},
    },
    daemon={
        "no-new-privileges": True,
        "userland-proxy": False,
        "userns-remap": "default",
        "authorization-plugins": ["x"],
    },
    bridge={"Options": {"com.docker.network.bridge.enable_icc": "false"}},
    containers=[SERVICE],
    images=[],
    files={"/run/docker.sock": Mode("root:docker", 0o660)},
    members=("deploy",),
    own_partition=True,
)


def keys(inspection: Inspection) -> list[str]:
    return [finding.key for finding in docker.audit(inspection).findings]


def test_docker_finds_nothing_where_all_is_sound_but_signatures() -> None:
    assert keys(SOUND) == ["4.5"]


@pytest.mark.parametrize(
    ("path", "value", "key"),
    [
        (("HostConfig", "Privileged"), True, "5.5 app"),
        (("HostConfig", "CapAdd"), ["CAP_SYS_ADMIN"], "5.4 app"),
        (("HostConfig", "NetworkMode"), "host", "5.10 app"),
        (("HostConfig", "PidsLimit"), None, "5.29 app"),
        (("HostConfig", "SecurityOpt"), ["seccomp=unconfined"], "5.22 app"),
        (("Config", "User"), "", "4.1 app"),
        (("AppArmorProfile",), "unconfined", "5.2 app"),
        (("Mounts",), [{"Source": "/etc", "RW": True}], "5.6 app"),
        (("Mounts",), [{"Source": "/run/docker.sock", "RW": False}], "5.32 app"),
        (("Config", "Healthcheck"), None, "4.6 app"),
    ],
)
def test_docker_finds_a_container_that_may_too_much(path: tuple[str, ...], value: Any, key: str) -> None:
    loose: dict[str, Any] = copy.deepcopy(SERVICE)
    place = loose
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    assert key in keys(replace(SOUND, containers=[SERVICE, loose]))


@pytest.mark.parametrize(
    ("loosen", "key"),
    [
        (lambda f: replace(f, files={"/run/docker.sock": Mode("root:docker", 0o666)}), "3.16"),
        (lambda f: replace(f, files={**f.files, "/etc/docker/daemon.json": Mode("deploy:deploy", 0o644)}), "3.17"),
        (lambda f: replace(f, files={**f.files, "/usr/bin/runc": Mode("root:root", 0o755)}), "1.1.18"),
        (lambda f: replace(f, members=("deploy", "guest")), "1.1.2 guest"),
        (lambda f: replace(f, daemon={**f.daemon, "hosts": ["tcp://0.0.0.0:2375"]}), "2.7"),
        (lambda f: replace(f, daemon={**f.daemon, "insecure-registries": ["r:5000"]}), "2.5 r:5000"),
    ],
)
def test_docker_finds_a_machine_that_is_open(loosen: Callable[[Inspection], Inspection], key: str) -> None:
    assert key in keys(loosen(SOUND))


def test_auditd_watches_what_docker_is_made_of() -> None:
    """What Ubuntu's packages have of it; a comment of audit.rules is no rule."""
    made_of = {
        *(f"/lib/systemd/system/docker.{kind}" for kind in ("service", "socket")),
        *("/etc/docker", "/etc/docker/daemon.json", "/etc/default/docker"),
        *("/usr/bin/dockerd", "/usr/bin/containerd", "/usr/bin/containerd-shim-runc-v2", "/usr/bin/runc"),
    }
    files = {path: Mode("root:root", 0o644) for path in made_of}
    rules = [line for line in RULES.read_text().splitlines() if line.startswith("-")]

    def unwatched(watched: str) -> set[str]:
        return {key for key in keys(replace(SOUND, files=files, watched=watched)) if key.startswith("1.1.")}

    assert len(unwatched("")) == len(made_of)
    assert unwatched("\n".join(rules)) == set()


def test_lynis_settings_are_told_one_by_one() -> None:
    part = lynis.read(
        "hardening_index=79\n"
        "suggestion[]=ACCT-9622|Enable process accounting|-|-|\n"
        "suggestion[]=KRNL-6000|One or more sysctl values differ||Change sysctl value|\n"
        "details[]=KRNL-6000|sysctl|desc:x;field:kernel.sysrq;prefval:0;value:1;|\n"
        "warning[]=NETW-2705|Couldn't find 2 responsive nameservers|-|-|\n"
    )
    assert (part.figure, part.reached) == ("index 79", False)
    assert [finding.key for finding in part.findings] == ["ACCT-9622", "NETW-2705", "KRNL-6000 kernel.sysrq"]


def test_lynis_must_have_come_to_its_end() -> None:
    with pytest.raises(HostError, match="hardening index"):
        lynis.read("report_version_major=1\n")


def test_a_grade_below_the_goal_is_missed() -> None:
    told = [
        {"id": "TLS1", "severity": "LOW", "finding": "offered"},
        {"id": "HSTS", "severity": "OK", "finding": "730 days"},
        {"id": "final_score", "severity": "INFO", "finding": "90"},
        {"id": "overall_grade", "severity": "LOW", "finding": "B"},
    ]
    part = tls.read(told)
    assert (part.figure, part.reached, [one.key for one in part.findings]) == ("grade B, score 90", False, ["TLS1"])


def test_no_reason_excuses_a_failure() -> None:
    part = ssh.read({"mac": [{"algorithm": "hmac-sha1", "notes": {"fail": ["broken"], "warn": ["old"]}}]})
    everything = [Reason("ssh-audit", "*", "why not", rehearsal_only=False)]
    report = reasons.explain("example.com", False, [part], everything)
    assert [one.key for one in report.unexplained] == ["mac-fail hmac-sha1"]
    assert [one.finding.key for one in report.explained] == ["mac-warn hmac-sha1"]
    assert report.problem and "1 failure" in report.problem


def test_a_reason_holds_for_its_subject_and_its_place_only() -> None:
    part = ToolResult(
        "docker", "", "", True, [Finding("docker", "5.4", "nginx", ""), Finding("docker", "5.29", "app", "")]
    )
    table = [
        Reason("docker", "5.4 db", "another one's", rehearsal_only=False),
        Reason("docker", "5.29 *", "no cgroups", rehearsal_only=True),
        Reason("lynis", "X-1", "not asked today", rehearsal_only=False),
    ]
    on_a_droplet, in_rehearsal = (reasons.explain("example.com", where, [part], table) for where in (False, True))
    assert [one.key for one in on_a_droplet.unexplained] == ["5.4 nginx", "5.29 app"]
    assert [one.key for one in in_rehearsal.unexplained] == ["5.4 nginx"]
    assert in_rehearsal.unused == on_a_droplet.unused == ["docker 5.4 db"]


def test_the_page_says_what_the_audit_goes_by() -> None:
    assert SECURITY.read_text() == page.renewed(SECURITY.read_text()), "make docs"


def test_reasons_of_ones_own_stack_come_first_and_are_those_that_are_told_when_unused(tmp_path: Path) -> None:
    own = tmp_path / "audit-reasons.yaml"
    own.write_text("docker:\n  5.12 shop: it unpacks there\n  9.9 shop: gone\nrehearsal:\n  lynis: {X-1: only here}\n")
    found = [Finding("docker", "5.12", "shop", "root is writable"), Finding("docker", "5.12", "other", "writable")]
    parts = [ToolResult("docker", "1", "0", True, found), ToolResult("lynis", "90", "80", True)]
    report = reasons.explain("shop.example", False, parts, reasons.load(own))
    assert [(one.finding.subject, one.reason) for one in report.explained][:1] == [("shop", "it unpacks there")]
    assert report.unused == ["docker 9.9 shop"], "none of the rehearsal's on a droplet, and none of ours"
    assert len(reasons.load(own)) == len(reasons.load()) + 3


def test_a_check_is_called_as_it_is_written(tmp_path: Path) -> None:
    own = tmp_path / "audit-reasons.yaml"
    own.write_text("docker: {3.20: its file is ours, 1e3: x, 2026-11-30: x, on: x}\nrehearsal: {docker: {5.10: x}}\n")
    assert [one.pattern for one in reasons.load(own) if one.own] == ["5.10", "3.20", "1e3", "2026-11-30", "on"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("docker: {5.12: null}", "docker 5.12 has no reason"),
        (None, "audit_reasons: .*No such file"),
        ("- a list", "does not say"),
        ("docker: [5.12]", "does not say"),
        ("doker: {5.12 shop: x}", "doker is none of lynis, ssh-audit, testssl.sh, docker"),
        ("docker: {5.12 shop: }", "docker 5.12 shop has no reason"),
        ("docker: {", "does not say"),
    ],
)
def test_a_file_of_ones_own_that_is_none_is_refused_before_anything_is_asked(
    tmp_path: Path, text: str | None, said: str
) -> None:
    own = tmp_path / "audit-reasons.yaml"
    if text is not None:
        own.write_text(text)
    with pytest.raises(UsageError, match=said):
        reasons.load(own)
