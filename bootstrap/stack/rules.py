"""What `bootstrap stack check` looks for: a table of short rules. Each says where, what, and what to do instead."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from pathlib import PurePosixPath

from bootstrap.stack.burden import http_check_of_a_worker, slow_starts
from bootstrap.stack.compose_rules import (
    build_files,
    depends_on,
    environment_file_exists,
    external_networks,
    references,
    secret_sources,
)
from bootstrap.stack.compose_view import Mount, ServiceView, StackView, exists, inside_the_stack, mapping, sequence
from bootstrap.stack.data_rules import (
    broker_name,
    content_folder,
    data_binds,
    data_folder,
    warm_without_data,
    whole_data_volume,
)
from bootstrap.stack.findings import ERROR, WARNING, Finding, Findings
from bootstrap_agent.contract.paths import DATA, ENV_EXAMPLE, LETSENCRYPT, WEBROOT

_SECRET_NAME = re.compile(
    r"((?:^|_)PASS|PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|CREDENTIALS?|(API|SECRET|PRIVATE|SIGNING|ACCESS|ENCRYPTION|MASTER)_?KEY)$",
    re.IGNORECASE,
)
_IN_A_URL = re.compile(r"://[^/\s:@]*:[^/\s:@<]+@")
# ${NAME}, ${NAME:-default}, $NAME; $$ is a dollar
_VARIABLE = re.compile(r"(?<!\$)\$(?:\{(?P<name>[A-Za-z_]\w*)(?P<rest>[^}]*)\}|(?P<bare>[A-Za-z_]\w*))")
# what the machine itself has, to be read
HARMLESS = ("/etc/localtime", "/etc/timezone", "/etc/ssl/certs", "/usr/share/zoneinfo", "/dev/", "/proc", "/sys")
_BY_BOOTSTRAP = (WEBROOT.name, LETSENCRYPT.name)
# set by bootstrap beside .env.production
_GIVEN = {"RELEASE"}


def ports(stack: StackView, service: ServiceView) -> Findings:
    for port in service.ports:
        if not port.public:
            continue
        if service.kind:
            remedy = f'write "127.0.0.1:{port.published or port.target}:{port.target}", or no port at all'
            yield Finding(ERROR, f"{service.where}.ports", f"a {service.kind} is published on every address", remedy)
        elif set(port.numbers or [None]) - {80, 443}:
            what = (
                f"port {port.published or port.target} is published on every address; only 22, 80 and 443 get through"
            )
            yield Finding(
                WARNING, f"{service.where}.ports", what, "bind it to 127.0.0.1, or reach it through the web server"
            )


def health_check(stack: StackView, service: ServiceView) -> Findings:
    if not service.long_running:
        return
    check = service.body.get("healthcheck")
    if mapping(check).get("disable") or (
        not check and not re.search(r"^\s*HEALTHCHECK\s+(?!NONE)", service.dockerfile, re.MULTILINE)
    ):
        what = "has no health check, so it counts as ready as soon as it runs"
        yield Finding(WARNING, service.where, what, "add a `healthcheck` that asks what a visitor needs")


def restart_policy(stack: StackView, service: ServiceView) -> Findings:
    if service.long_running and service.body.get("restart", "no") in ("no", False):
        yield Finding(WARNING, service.where, "is not restarted when it exits", "add `restart: unless-stopped`")


def image_tag(stack: StackView, service: ServiceView) -> Findings:
    name, _, digest = service.image.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    if not service.built and not digest and tag in ("", "latest") and name:
        what = f"{name} has no fixed version: each bake takes the newest"
        yield Finding(WARNING, f"{service.where}.image", what, f"write a version: {name.removesuffix(':latest')}:1.2")


def secrets_in_the_file(stack: StackView, service: ServiceView) -> Findings:
    for where, name, value in service.variables():
        if is_secret(name, value):
            # the variable that has a default goes on without it
            variable = next((one["name"] for one in _VARIABLE.finditer(value) if one["name"] and one["rest"]), name)
            remedy = f"write ${{{variable}}}, with {variable}=<generated> in {ENV_EXAMPLE}"
            yield Finding(ERROR, f"{where}.{name}", "a secret is written in the file", remedy)


def environment_files(stack: StackView, service: ServiceView) -> Findings:
    for path, required in service.env_files:
        if required and PurePosixPath(path).name.startswith(".env") and stack.place(path) != ENV_EXAMPLE:
            what = f"{path} is not in the image while it is baked, and gives every secret to this service"
            yield Finding(
                ERROR, f"{service.where}.env_file", what, "name what it needs: `environment: {NAME: ${NAME}}`"
            )


def variables_known(stack: StackView, service: ServiceView) -> Findings:
    found = _VARIABLE.finditer(str(service.body))
    used = {one["bare"] or one["name"] for one in found if not re.match(r":?[-+]", one["rest"] or "")}
    # without a template there is one error already
    for name in sorted(used.difference(stack.template, _GIVEN) if stack.template else ()):
        yield Finding(ERROR, service.where, f"${{{name}}} is not in {ENV_EXAMPLE}", f"add a line {name}=… there")


def isolation(stack: StackView, service: ServiceView) -> Findings:
    body, where = service.body, service.where
    if body.get("privileged"):
        yield Finding(
            ERROR, where, "is privileged: whoever breaks into it controls the machine", "name what it needs: `cap_add`"
        )
    for mount in service.mounts:
        if mount.is_bind and mount.source.endswith("docker.sock"):
            what = "has Docker's socket: whoever breaks into it controls the machine"
            yield Finding(ERROR, f"{where}.volumes", what, "remove it, or put a read-only proxy in front of it")
    for entry in ("network_mode", "pid", "ipc"):
        if body.get(entry) == "host":
            what = f"shares the machine's {entry.removesuffix('_mode')}"
            yield Finding(WARNING, f"{where}.{entry}", what, "remove it: services reach each other by name")
    if powers := {"ALL", "SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE"} & {str(cap) for cap in sequence(body.get("cap_add"))}:
        yield Finding(WARNING, f"{where}.cap_add", f"gives {', '.join(sorted(powers))}", "name only what it needs")


def runs_as_root(stack: StackView, service: ServiceView) -> Findings:
    """Root without capabilities is an ordinary user that owns some files."""
    dropped = "ALL" in [str(cap).upper() for cap in sequence(service.body.get("cap_drop"))]
    users = re.findall(r"^\s*USER\s+(\S+)", service.dockerfile, re.MULTILINE | re.IGNORECASE)
    user = str(service.body.get("user") or (users[-1] if users else "root"))
    if not dropped and user.partition(":")[0] in ("root", "0"):
        remedy = 'add `user: "1000:1000"`, or `cap_drop: [ALL]` and what it needs as `cap_add`'
        if service.kind:
            # its entry point owns the folder to a user of its own, and becomes that user
            remedy = "add `cap_drop: [ALL]` and `cap_add: [CHOWN, DAC_OVERRIDE, FOWNER, SETGID, SETUID]`"
        yield Finding(WARNING, service.where, "seems to run as root", remedy)


def unbounded_logs(stack: StackView, service: ServiceView) -> Findings:
    """The droplet's Docker keeps three files of 10 MB of each container, unless the service says otherwise."""
    options = mapping(mapping(service.body.get("logging")).get("options"))
    if str(options.get("max-size", "")) in ("-1", "0"):
        yield Finding(WARNING, f"{service.where}.logging", "its log has no size limit", "remove max-size, or set 10m")


def bind_mounts(stack: StackView, service: ServiceView) -> Findings:
    for mount in service.mounts:
        if mount.is_bind and not mount.source.endswith("docker.sock") and not _spoken_of(stack, service, mount):
            yield from (
                Finding(WARNING, f"{service.where}.volumes", f"{mount.source} {what}", remedy)
                for what, remedy in _bind_problems(stack, mount)
            )


def never_started(stack: StackView, service: ServiceView) -> Findings:
    if stack.field and not service.long_running and service.name not in stack.field.job_names:
        yield Finding(
            WARNING, service.where, "has a profile, so nothing starts it", "name it in x-bootstrap.jobs, or remove it"
        )


def named_volumes(stack: StackView) -> Findings:
    for name, body in stack.volumes.items():
        where = f"volumes.{name}"
        device = str(mapping(body.get("driver_opts")).get("device", ""))
        if body.get("external"):
            yield Finding(ERROR, where, "is external: a new droplet has no such volume", f"put it on {DATA}")
        elif device.startswith(f"{DATA}/"):
            if stack.field and name not in stack.field.volumes:
                remedy = f"add it: x-bootstrap.volumes: {{{name}: the uid that writes there}}"
                yield Finding(ERROR, where, f"nothing makes the folder {device}", remedy)
        elif writers := [service for service, mount in stack.users_of(name) if _keeps_data(service, mount)]:
            severity = ERROR if any(service.kind or _is_data(service, name) for service in writers) else WARNING
            remedy = f"add driver_opts: {{type: none, o: bind, device: {DATA}/{name}}} and x-bootstrap.volumes"
            yield Finding(severity, where, "is not on the data volume: lost at the next redeploy", remedy)
    for service, mount in stack.users_of(""):
        if mount.kind == "volume":
            what = f"{mount.target} has a volume without a name: lost at the next redeploy"
            yield Finding(WARNING, f"{service.where}.volumes", what, "name it, or use tmpfs")


def backups(stack: StackView) -> Findings:
    if stack.field is None:
        return
    dumped = {dump.service for dump in stack.field.dumps.values()}
    dumped |= {stack.field.databases.service} if stack.field.databases else set()
    for service in stack.services:
        if service.kind == "database" and service.long_running and service.name not in dumped:
            postgres = "postg" in service.image
            remedy = "add x-bootstrap.databases" if postgres else "add x-bootstrap.dumps: how it is dumped and restored"
            yield Finding(WARNING, service.where, "its databases are in no backup", remedy)
    for name in stack.field.volumes:
        users = stack.users_of(name)
        if name not in stack.field.media and any(_wants_backup(service, mount, dumped) for service, mount in users):
            yield Finding(WARNING, f"volumes.{name}", "is in no backup", f"add it: x-bootstrap.media: [{name}]")


def doors(stack: StackView) -> Findings:
    if stack.field is None:
        return
    public = [port for service in stack.services for port in service.ports if port.public]
    published = {number for port in public for number in port.numbers}
    on_host = any(service.body.get("network_mode") == "host" for service in stack.services)
    binds = {stack.place(m.source) for service in stack.services for m in service.mounts if m.is_bind}
    if 443 not in published and not on_host:
        yield Finding(
            ERROR,
            "services",
            "no service publishes port 443, so the site cannot be reached",
            'add ports: ["80:80", "443:443"]',
        )
    certificate = stack.field.certificate
    if certificate is None:
        return
    if 80 not in published and not on_host:
        yield Finding(
            ERROR,
            "services",
            "no service publishes port 80, where the certificate authority checks the domain",
            'add "80:80"',
        )
    if str(WEBROOT) not in binds:
        what = "no service answers the certificate authority's challenge"
        yield Finding(ERROR, "services", what, f"mount {WEBROOT} where /.well-known/acme-challenge/ is")
    if str(PurePosixPath(certificate.install)) not in binds:
        what = f"no service mounts ./{certificate.install}, where the certificate is put"
        yield Finding(
            WARNING, "x-bootstrap.certificate.install", what, "mount the folder, not its files: they are replaced"
        )


def secrets_in_the_template(stack: StackView) -> Findings:
    for name, value in stack.template.items():
        if "<" not in value and is_secret(name, value):
            remedy = f"write {name}=<generated>, and its length in x-bootstrap.secrets"
            yield Finding(ERROR, f"{ENV_EXAMPLE}: {name}", "the same secret in every deployment", remedy)


SERVICE_RULES: tuple[Callable[[StackView, ServiceView], Findings], ...] = (
    ports,
    health_check,
    restart_policy,
    image_tag,
    secrets_in_the_file,
    environment_files,
    variables_known,
    isolation,
    runs_as_root,
    unbounded_logs,
    bind_mounts,
    never_started,
    depends_on,
    references,
    build_files,
    environment_file_exists,
    data_folder,
    content_folder,
    data_binds,
    whole_data_volume,
    warm_without_data,
    broker_name,
    http_check_of_a_worker,
)
STACK_RULES: tuple[Callable[[StackView], Findings], ...] = (
    named_volumes,
    backups,
    doors,
    secrets_in_the_template,
    secret_sources,
    external_networks,
    slow_starts,
)


def is_secret(name: str, value: str) -> bool:
    """A literal under a secret's name or within a URL, also as a variable's default; a path or a yes is none."""
    filled = _VARIABLE.sub(_default_of, value)
    if _IN_A_URL.search(filled):
        return True
    literal = "".join(map(_default_of, _VARIABLE.finditer(value))) if _VARIABLE.search(value) else value
    harmless = literal.lower() in ("", "true", "false", "yes", "no") or literal.startswith("/")
    return bool(_SECRET_NAME.search(name)) and not harmless


def _default_of(variable: re.Match[str]) -> str:
    found = re.fullmatch(r":?-(.*)", variable["rest"] or "")
    return found[1] if found else ""


def _spoken_of(stack: StackView, service: ServiceView, mount: Mount) -> bool:
    """By the rules of what loses data."""
    place = stack.place(mount.source)
    return place == str(DATA) or (mount in service.data_mounts and not place.startswith(f"{DATA}/"))


def _bind_problems(stack: StackView, mount: Mount) -> Iterator[tuple[str, str]]:
    source, relative = mount.source, stack.place(mount.source)
    if relative.startswith(f"{DATA}/"):
        folder = PurePosixPath(relative).relative_to(DATA).parts[0]
        if stack.field and folder not in (*stack.field.volumes, *_BY_BOOTSTRAP):
            yield (
                "is a folder that nothing makes",
                f"add it: x-bootstrap.volumes: {{{folder}: the uid that writes there}}",
            )
        return
    if not inside_the_stack(relative):
        if not (mount.read_only and source.startswith(HARMLESS)):
            yield "is outside of the stack: a new droplet does not have it", f"put it into the stack, or on {DATA}"
        return
    made = (stack.field.certificate.install if stack.field and stack.field.certificate else "", "logs")
    if not mount.read_only and PurePosixPath(relative).parts[:1] != ("logs",):
        yield "is writable, but what is written there is lost at the next redeploy", "add :ro, or use a named volume"
    if relative not in made and not exists(stack.folder / relative):
        yield "is not in the stack: Docker would make an empty folder of it", "add it, or correct the path"


def _is_data(service: ServiceView, volume: str) -> bool:
    return any(mount.source == volume for mount in service.data_mounts)


def _keeps_data(service: ServiceView, mount: Mount) -> bool:
    """What only jobs write is made anew on every droplet, as they run before traffic."""
    return service.long_running and not mount.read_only


def _wants_backup(service: ServiceView, mount: Mount, dumped: Collection[str]) -> bool:
    """Databases are dumped, what a broker holds is on its way, logs are logs."""
    if service.kind or service.name in dumped or mount.target.startswith("/var/log"):
        return False
    return _keeps_data(service, mount)
