"""This deployment."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from bootstrap.deployment import find, gate, machine, mailing, names, remote, steps
from bootstrap.deployment.environment import Environment
from bootstrap.errors import CertificateError, CloudError, ConflictError, HostError, NotFoundError, UnhealthyError
from bootstrap.operations.doctor.check import Absent, Check, Doubt
from bootstrap.operations.doctor.patient import Patient
from bootstrap.operations.redeploy.journal import Journal
from bootstrap.operations.redeploy.table import FINAL
from bootstrap.ports.cloud import FirewallRule
from bootstrap_agent.contract import answers, paths, units

# of the time between a certificate's renewal and its end: with less left, nobody renews it
LATE = 0.7
# what agents of earlier images do, who do not say
RENEWED_BEFORE = timedelta(days=30)
# one at 02:00 and one at 03:00, every day
BACKUP_HOURS = 26
FULL_WARNING, FULL = 80, 95


def deployed(patient: Patient) -> str:
    env = _env(patient)
    if not patient.deployment.exists:
        before = steps.interrupted(steps.path_of(env))
        stopped = f"; an earlier create stopped after: {before}" if before else ""
        raise Absent(f"{env.settings.domain} is not deployed: {_create(patient)}{stopped}")
    return f"https://{env.settings.domain}/"


def droplet(patient: Patient) -> str:
    env, live = _env(patient), patient.deployment.live
    if live is None:
        raise find.none_live(env.settings)
    if live.status != "active":
        raise CloudError(f"{live.name} is {live.status}", f"bootstrap create --domain {env.settings.domain}")
    return f"{live.name}, active, {live.public_ip}"


def volume(patient: Patient) -> str | Doubt:
    held = patient.deployment.volume
    if held is None:
        raise NotFoundError("the data volume is gone", f"{_create(patient)} --from-backup latest")
    if patient.live.id not in held.droplet_ids:
        where = f"droplet {held.droplet_ids[0]}" if held.droplet_ids else "nothing"
        raise ConflictError(f"{held.name} is attached to {where}, not to {patient.live.name}", _completed(patient))
    if copies := ", ".join(copy.name for copy in patient.deployment.copies):
        domain = _env(patient).settings.domain
        left = f"{held.name}, and {copies} of an interrupted redeploy"
        return Doubt(left, f"bootstrap redeploy {domain} completes it")
    return f"{held.name}, attached there"


def reserved_ip(patient: Patient) -> str:
    held = patient.deployment.reserved_ip
    if held is None:
        raise NotFoundError("there is no reserved IP", _create(patient))
    if held.droplet_id != patient.live.id:
        where = f"droplet {held.droplet_id}" if held.droplet_id else "nothing"
        raise ConflictError(f"{held.ip} leads to {where}, not to {patient.live.name}", _completed(patient))
    return f"{held.ip}, leads there"


def firewall(patient: Patient) -> str | Doubt:
    settings, found = _env(patient).settings, patient.deployment.firewall
    if found is None or find.tag(settings) not in found.tags:
        raise NotFoundError("no firewall guards the droplet", _create(patient))
    wanted, have = _by_port(machine.firewall_rules(settings)), _by_port(found.inbound)
    if wanted.keys() != have.keys():
        differ = ", ".join(sorted(" ".join(port) for port in wanted.keys() ^ have.keys()))
        raise ConflictError(f"{found.name} differs from what it should be: {differ}", _create(patient))
    for port in wanted:
        # without `ssh_from` in the settings, whoever was let in at the creation stays
        given = port != ("tcp", "22") or "ssh_from" in settings.model_fields_set
        if given and wanted[port] != have[port]:
            sources = ", ".join(sorted(have[port]))
            return Doubt(f"{found.name} lets {sources} in on {' '.join(port)}", _create(patient))
    return f"{found.name}: {', '.join(ports for _, ports in wanted if ports != 'all')} and icmp"


def records(patient: Patient) -> str:
    env, held = _env(patient), patient.deployment.reserved_ip
    assert held is not None
    for name in env.settings.names:
        found = names.addresses(env, name)
        if found != [held.ip]:
            raise HostError(f"{name} leads to {', '.join(found) or 'nothing'}, not to {held.ip}", _create(patient))
    return f"{' and '.join(env.settings.names)} lead to {held.ip}"


def host_key(patient: Patient) -> str:
    count = len(patient.host.host_keys())
    return f"pinned, and {count} offered key matches" if count == 1 else f"pinned, {count} offered keys match"


def ssh(patient: Patient) -> str:
    patient.host.run(["true"])
    return f"{paths.USER}@{patient.live.public_ip}"


def agent(patient: Patient) -> str:
    return f"answers; release {remote.agent(patient.host, answers.INFO).release.name}"


def services(patient: Patient) -> str:
    told = patient.told
    if not told.healthy:
        ill = ", ".join(str(service) for service in told.services if not service.well)
        why = ill or told.services_error or "not everything runs"
        raise UnhealthyError(f"the stack is not healthy: {why}", "bootstrap logs, then bootstrap redeploy")
    return f"{len(told.services)} services healthy"


def outside(patient: Patient) -> str:
    env, held = _env(patient), patient.deployment.reserved_ip
    assert held is not None
    for path in remote.health_paths(patient.host):
        url = f"https://{env.settings.domain}{path}"
        if wrong := gate.problem(env, url, held.ip):
            raise UnhealthyError(f"{url}: {wrong}", "bootstrap logs")
    return f"https://{env.settings.domain}/ answers"


def certificate(patient: Patient) -> str | Doubt:
    found, wrong = patient.told.certificate, patient.told.certificate_error
    if found is None:
        if wrong:
            raise CertificateError(wrong, _create(patient))
        raise Absent
    left = found.not_after - datetime.now(timezone.utc)
    if left < timedelta():
        raise CertificateError(f"the certificate ended {-left.days} days ago", _create(patient))
    text = f"{left.days} days left" if left >= timedelta(days=2) else f"{left // timedelta(hours=1)} hours left"
    if found.failing:
        return Doubt(f"{text}; {found.failing}", f"bootstrap logs --units, then {_create(patient)}")
    renew_at = found.renew_at or found.not_after - RENEWED_BEFORE
    late = left < (found.not_after - renew_at) * LATE
    return Doubt(text, "its renewal fails: bootstrap logs --units") if late else text


def timers(patient: Patient) -> str | Doubt:
    wanted = units.timers_of(patient.stack.bootstrap)
    if not wanted:
        raise Absent
    said = patient.host.run(["systemctl", "is-active", *wanted], check=False).stdout.split()
    off = [timer for timer, state in zip(wanted, said, strict=False) if state != "active"]
    if off or len(said) != len(wanted):
        return Doubt(f"not on: {', '.join(off or wanted)}", _create(patient))
    return f"{len(wanted)} on"


def backup(patient: Patient) -> str | Doubt:
    x = patient.stack.bootstrap
    if _env(patient).store is None or not (x.databases or x.dumps or x.media):
        raise Absent
    newest = patient.told.backup
    if wrong := patient.told.backup_error:
        return Doubt(wrong, "bootstrap backup list")
    if newest.last is None or newest.age_s is None:
        return Doubt("there is no backup yet", "bootstrap backup now")
    hours = newest.age_s // 3600
    text = f"{newest.last}, {hours} h ago"
    return Doubt(text, "bootstrap logs --units, then bootstrap backup now") if hours >= BACKUP_HOURS else text


def alarms(patient: Patient) -> str | Doubt:
    """What the droplet itself found; most of it other checks find too."""
    found = patient.told.alarms
    if not found:
        return "none"
    return Doubt("; ".join(alarm.message for alarm in found), "bootstrap alerts list says since when")


def mail(patient: Patient) -> str | Doubt:
    found = mailing.ask(patient.host)
    if found.problem and found.remedy and not found.server:
        return Doubt(found.problem, found.remedy)
    if not found.server:
        raise Absent
    if found.problem:
        raise HostError(found.problem, found.remedy)
    return f"{found.server} lets the droplet in"


def volume_space(patient: Patient) -> str | Doubt:
    usage = patient.told.volume
    if not usage.mounted or not usage.size_bytes or usage.used_bytes is None:
        raise HostError("the data volume is not mounted", _create(patient))
    held = patient.deployment.volume
    larger = max(held.size_gb + 1, held.size_gb * 3 // 2) if held else 0
    grow = f"bootstrap volume grow {larger} --domain {_env(patient).settings.domain}, while it serves"
    return _full(int(100 * usage.used_bytes / usage.size_bytes), grow)


def root_space(patient: Patient) -> str | Doubt:
    said = patient.host.run(["df", "--output=pcent", "/"], check=False).stdout.split()
    if not said or not said[-1].rstrip("%").isdigit():
        return Doubt("df gives no figure", "bootstrap ssh -- df -h /")
    return _full(int(said[-1].rstrip("%")), "bootstrap ssh -- docker system df, or redeploy")


def reboot(patient: Patient) -> str | Doubt:
    said = patient.host.run(["find", "/var/run/reboot-required", "-maxdepth", "0"], check=False).stdout
    if said.strip():
        return Doubt("an upgrade waits for a reboot", "bootstrap image build, then bootstrap redeploy")
    return "not needed"


def unfinished(patient: Patient) -> str | Doubt:
    env, deployment = _env(patient), patient.deployment
    left = []
    if deployment.candidate is not None and deployment.candidate != deployment.live:
        left.append((f"a replacement: candidate {deployment.candidate.name}", "bootstrap redeploy"))
    elif (last := Journal(env.folder / "replacement.jsonl").last()) is not None and last.state not in FINAL:
        left.append((f"a replacement that stopped at {last.state.value}", "bootstrap redeploy"))
    tags = deployment.live.tags if deployment.live else ()
    if find.tag(env.settings, find.FIRST_CONTACT) in tags:
        left.append(("the host key of user-data is not replaced", _create(patient)))
    if find.tag(env.settings, find.RESTORE_DUE) in tags:
        left.append(("the backup is not restored yet", f"{_create(patient)} --from-backup latest"))
    # on this computer: another one knows nothing of it
    if before := steps.interrupted(steps.path_of(env)):
        left.append((f"a create that stopped after: {before}", _create(patient)))
    if left:
        return Doubt("; ".join(text for text, _ in left), left[0][1])
    return "nothing"


def _env(patient: Patient) -> Environment:
    assert patient.env is not None, "the check `domain` goes first"
    return patient.env


def _create(patient: Patient) -> str:
    """It completes what is there."""
    return f"bootstrap create --domain {_env(patient).settings.domain}"


def _completed(patient: Patient) -> str:
    """In a replacement, address and volume come to the candidate before its role does."""
    domain = _env(patient).settings.domain
    return f"bootstrap redeploy {domain} completes it" if patient.deployment.candidate else _create(patient)


def _by_port(rules: tuple[FirewallRule, ...]) -> dict[tuple[str, str], frozenset[str]]:
    # DigitalOcean says "0" for the ports of a protocol that has none
    return {(r.protocol, "all" if r.protocol == "icmp" else r.ports): frozenset(r.sources) for r in rules}


def _full(percent: int, remedy: str) -> str | Doubt:
    if percent >= FULL:
        raise HostError(f"{percent} % full", remedy)
    return Doubt(f"{percent} % full", remedy) if percent >= FULL_WARNING else f"{percent} % full"


GROUP = "this deployment"
CHECKS = (
    Check(GROUP, "deployed", deployed, ("domain",)),
    Check(GROUP, "unfinished", unfinished, ("deployed",)),
    Check(GROUP, "droplet", droplet, ("deployed",)),
    Check(GROUP, "data volume", volume, ("droplet",)),
    Check(GROUP, "reserved ip", reserved_ip, ("droplet",)),
    Check(GROUP, "firewall", firewall, ("deployed",)),
    Check(GROUP, "records", records, ("reserved ip",)),
    Check(GROUP, "host key", host_key, ("droplet",)),
    Check(GROUP, "login", ssh, ("host key", "ssh key")),
    Check(GROUP, "agent", agent, ("login",)),
    Check(GROUP, "services", services, ("agent",)),
    Check(GROUP, "from outside", outside, ("agent", "reserved ip")),
    Check(GROUP, "certificate", certificate, ("agent",)),
    Check(GROUP, "timers", timers, ("agent", "stack")),
    Check(GROUP, "backup", backup, ("agent", "stack")),
    Check(GROUP, "mail", mail, ("agent",)),
    Check(GROUP, "alarms", alarms, ("agent",)),
    Check(GROUP, "volume space", volume_space, ("agent",)),
    Check(GROUP, "root space", root_space, ("login",)),
    Check(GROUP, "reboot", reboot, ("login",)),
)
