"""What must outlast a droplet goes onto the data volume; what is only the repository's stays a part of the stack."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from posixpath import normpath
from typing import Any

from bootstrap.stack import products
from bootstrap.stack.adopt import dumps
from bootstrap.stack.adopt.book import RESET, Book, Override
from bootstrap.stack.adopt.environment import pairs
from bootstrap.stack.adopt.source import Source
from bootstrap.stack.compose_view import Mount, ServiceView, inside_the_stack, is_file, is_folder, mapping, sequence
from bootstrap.stack.data_rules import covering
from bootstrap.stack.rules import HARMLESS
from bootstrap_agent.contract.paths import DATA, WEBROOT

# made anew at every start, by whoever fills them
_MADE = re.compile(r"static|assets|node_modules|cache|tmp|temp|venv|dist|build|socket|bundle|gems", re.IGNORECASE)
_LOGS = re.compile(r"logs?$", re.IGNORECASE)
# whom a Dockerfile makes first, unless it is a system account
_FIRST = 1000
# whom Debian or the official image made
_ACCOUNTS = {"root": 0, "www-data": 33, "nginx": 101, "nobody": 65534}
_CERTIFICATES = re.compile(r"letsencrypt|certs?|certbot|acme|caddy|traefik|ssl", re.IGNORECASE)


def adopt(source: Source, book: Book) -> None:
    for service in source.view.services:
        _mounts(source, book, service)
        if service.product == "rabbitmq" and not service.body.get("hostname"):
            book.decide(("services", service.name, "hostname"), service.name, "messages are kept under this name")
    _named_volumes(source, book)
    for name, body in mapping(source.view.document.get("networks")).items():
        if mapping(body).get("external"):
            why = "a new droplet has no network that others made"
            book.decide(("networks", name), Override({key: one for key, one in body.items() if key == "driver"}), why)
    _databases(source, book)
    data = [one.name for one in source.view.services if one.kind and one.long_running]
    if data:
        book.decide(("x-bootstrap", "data_services"), data, "these first; the others when they are healthy")


def keep(source: Source, book: Book, name: str, service: ServiceView, *, backup: bool = True) -> None:
    """A folder of the data volume, owned by the user who writes there."""
    uid = user_of(service)
    why = f"{service.name} writes there" + ("" if uid is not None else ", as root as far as anybody can see")
    book.decide(("x-bootstrap", "volumes", name), uid or 0, why)
    if (account := _system_account(service)) and (uid or 0) == _FIRST:
        what = f"{service.name} writes as {account}, whose number only its image knows; {_FIRST} is a guess: ask it for"
        book.leave(f"x-bootstrap.volumes.{name}", f"{what} `id -u {account}`")
    if backup and not service.kind and not _LOGS.search(name) and not _CERTIFICATES.search(name):
        media = book.decisions.get(("x-bootstrap", "media"))
        names = [*(media.value if media else []), name]
        book.decisions.pop(("x-bootstrap", "media"), None)
        book.decide(("x-bootstrap", "media"), list(dict.fromkeys(names)), "backed up as files")
    if service.product == "rabbitmq":
        book.decide(("x-bootstrap", "queues"), [name], "a restore empties it: messages of a past that is no more")


def user_of(service: ServiceView) -> int | None:
    told = str(service.body.get("user") or "").partition(":")[0]
    if told.isdigit():
        return int(told)
    if (known := products.user_of(service.filled(service.image))) is not None and not service.built:
        return known
    written = re.findall(r"^\s*USER\s+([^\s:]+)", service.dockerfile, re.MULTILINE | re.IGNORECASE)
    if written and written[-1].isdigit():
        return int(written[-1])
    if written:
        numbers = re.findall(r"(?:-u|--uid|-uid)[ =](\d+)", service.dockerfile)
        return int(numbers[-1]) if numbers else _ACCOUNTS.get(written[-1], _FIRST)
    return None


def _system_account(service: ServiceView) -> str | None:
    """The user of its Dockerfile, where that is one of those whose numbers are given from elsewhere than the first."""
    written = re.findall(r"^\s*USER\s+([^\s:]+)", service.dockerfile, re.MULTILINE | re.IGNORECASE)
    made = re.findall(r"\b(?:adduser|useradd)\s+([^\n&;|]+)", service.dockerfile)
    system = any(re.search(r"--system|(?:^|\s)-[a-zA-Z]*[rS]", options) for options in made)
    return written[-1] if written and system else None


def _on_volume(name: str) -> dict[str, Any]:
    return {"type": "none", "o": "bind", "device": f"{DATA}/{name}"}


def _new_volume(source: Source, book: Book, service: ServiceView, target: str) -> str:
    parts = [re.sub(r"\W+", "_", part).strip("_") for part in target.strip("/").split("/")]
    stems = ["data"] if service.kind else ["_".join(parts[-count:]) for count in range(1, len(parts) + 1)]
    taken = {*source.view.volumes, *(place[1] for place in book.decisions if place[0] == "volumes")}
    names = [re.sub(r"\W+", "_", f"{service.name}_{stem}".lower()) for stem in stems]
    name = next((one for one in names if one not in taken), f"{names[-1]}_{len(taken)}")
    book.decide(("volumes", name, "driver_opts"), _on_volume(name), "on the data volume")
    keep(source, book, name, service)
    return name


def _mounts(source: Source, book: Book, service: ServiceView) -> None:
    """A mount's target is its place: one of the override takes the place of the same one. What has to go, or to come
    under another target, takes the whole list anew."""
    added: list[str] = []
    dropped: list[Mount] = []
    why: list[str] = []
    for entry, reason in book.mounts.get(service.name, []):
        added.append(entry)
        why.append(reason)
    claimed = {entry.split(":")[1] for entry in added}
    for mount in service.mounts:
        if mount.is_bind and normpath(mount.target) not in claimed and not _at_home(source, mount):
            _bind(source, book, service, mount, added, dropped, why)
    home, folder = service.image_volume, service.data_folder
    if home and folder and service.long_running:
        around = covering(service.mounts, folder)
        if (
            around is not None
            and len(around.target.rstrip("/")) < len(home)
            and around.kind == "volume"
            and around.source
        ):
            dropped.append(around)
            added.append(f"{around.source}:{home}")
            why.append(f"{around.source} where this image keeps its data")
        elif around is None or around.kind == "tmpfs" or (around.kind == "volume" and not around.source):
            dropped += [around] if around else []
            added.append(f"{_new_volume(source, book, service, home)}:{home}")
            why.append("its data outlast the container")
    content = None if service.built else products.content_of(service.filled(service.image))
    if content and service.long_running and not any(one.target.startswith(content) for one in service.mounts):
        added.append(f"{_new_volume(source, book, service, content)}:{content}")
        why.append(f"{content}: on the data volume, as people keep files there")
    place = ("services", service.name, "volumes")
    if dropped:
        entries = zip(sequence(service.body.get("volumes")), service.mounts, strict=True)
        targets = {one.rpartition(":")[2] if one.count(":") == 1 else one.split(":")[1] for one in added}
        kept = [entry for entry, mount in entries if mount not in dropped and mount.target not in targets]
        book.decide(place, Override([*kept, *added]) if kept or added else RESET, _because(why))
    elif added:
        book.decide(place, added, _because(why))


def _because(why: list[str]) -> str:
    """Sources of the same fate in one sentence."""
    grouped: dict[str, list[str]] = {}
    for one in why:
        what, _, fate = one.partition(": ")
        grouped.setdefault(fate, []).append(what)
    return "; ".join(", ".join(whats) + (f": {fate}" if fate else "") for fate, whats in grouped.items())


def _at_home(source: Source, mount: Mount) -> bool:
    place = source.view.place(mount.source)
    ours = place.startswith(f"{DATA}/") or place == str(WEBROOT)
    return ours or (mount.read_only and (mount.source.startswith(HARMLESS) or inside_the_stack(place)))


def _bind(
    source: Source,
    book: Book,
    service: ServiceView,
    mount: Mount,
    added: list[str],
    dropped: list[Mount],
    why: list[str],
) -> None:
    place, path = source.view.place(mount.source), source.view.file(mount.source)
    where = f"services.{service.name}.volumes"
    if mount.source.endswith("docker.sock"):
        book.leave(where, f"{mount.source}: whoever breaks into {service.name} controls the droplet; remove it")
    elif mount in service.data_mounts or (service.image_volume and mount.target.startswith(service.image_volume)):
        added.append(f"{_new_volume(source, book, service, mount.target)}:{mount.target}")
        why.append(f"{mount.source}: on the data volume, as it is this computer's")
    elif mount.source.startswith(HARMLESS):
        added.append(f"{mount.source}:{mount.target}:ro")
        why.append(f"{mount.source}: read only")
    elif not inside_the_stack(place):
        if mount.read_only:
            book.leave(where, f"{mount.source} is outside of the repository: copy it in, or remove the mount")
            return
        added.append(f"{_new_volume(source, book, service, mount.target)}:{mount.target}")
        why.append(f"{mount.source}: on the data volume, as it is on no droplet")
    elif _is_source(source, service, place):
        dropped.append(mount)
        why.append(f"{mount.source}: not mounted, as the image has the code")
        # they only keep parts of the image from being covered
        dropped += [one for one in service.mounts if one.kind == "volume" and not one.source]
    elif is_file(path) or _holds_files(path):
        added.append(f"{mount.source}:{mount.target}:ro")
        why.append(f"{mount.source}: read only, as it is the repository's")
    else:
        added.append(f"{_new_volume(source, book, service, mount.target)}:{mount.target}")
        why.append(f"{mount.source}: on the data volume, as it is written to")


def _is_source(source: Source, service: ServiceView, place: str) -> bool:
    """Code that the Dockerfile copies as well, mounted for somebody who works on it."""
    if not service.built or not re.search(r"^\s*(?:COPY|ADD)\s", service.dockerfile, re.MULTILINE | re.IGNORECASE):
        return False
    context = source.view.place(service.filled(str(service.build.get("context") or ".")))
    around, within = f"{place}/".replace("./", "", 1), f"{context}/".replace("./", "", 1)
    code = is_folder(source.folder / place) and _holds_files(source.folder / place)
    return code and (within.startswith(around) or around.startswith(within))


def _holds_files(path: Path) -> bool:
    return is_folder(path) and any(not one.name.startswith(".git") for one in path.iterdir())


def _named_volumes(source: Source, book: Book) -> None:
    for name, body in source.view.volumes.items():
        device = str(mapping(body.get("driver_opts")).get("device", ""))
        writers = [s for s, mount in source.view.users_of(name) if not mount.read_only and s.long_running]
        jobs_only = not writers
        if device.startswith(f"{DATA}/"):
            if writers:
                keep(source, book, name, writers[0])
            continue
        if body.get("external"):
            why = "on the data volume: a new droplet has no volume that others made"
            book.decide(("volumes", name), Override({"driver_opts": _on_volume(name)}), why)
        elif jobs_only or (
            all(_MADE.search(f"{name} {m.target}") for _, m in source.view.users_of(name))
            and not any(one.kind for one in writers)
        ):
            continue
        else:
            book.decide(("volumes", name, "driver_opts"), _on_volume(name), "on the data volume")
        writer = next((one for one in writers if one.kind), writers[0] if writers else None)
        if writer is not None:
            keep(source, book, name, writer)


def _databases(source: Source, book: Book) -> None:
    found = [one for one in source.view.services if one.product in products.POSTGRES and one.long_running]
    for other in found[1:]:
        book.leave(f"services.{other.name}", f"is in no backup: of several PostgreSQL servers, {found[0].name} is")
    names = _of_postgres(source, book, found[0]) if found else {}
    for other in source.view.services:
        if other.kind == "database" and other.product not in products.POSTGRES and other.long_running:
            dumps.adopt(book, other, _given(source, other), names)


def _given(source: Source, db: ServiceView) -> dict[str, str | None]:
    return {**source.env_files.get(db.name, {}), **pairs(db.body.get("environment"))}


def _of_postgres(source: Source, book: Book, db: ServiceView) -> dict[str, str]:
    """Database → role."""
    given = _given(source, db)
    values = {**source.values, **{name: one.value for name, one in book.variables.items() if "<" not in one.value}}
    user, variable = _value(db, given.get("POSTGRES_USER"), "POSTGRES_USER", values, "postgres")
    name, _ = _value(db, given.get("POSTGRES_DB"), "POSTGRES_DB", values, user)
    if variable is None:
        variable = "POSTGRES_USER"
        book.decide(("services", db.name, "environment", variable), f"${{{variable}}}", "whom backups log in as")
    book.variable(variable, user)
    databases = {name: user, **_created(source, db, user)}
    wanted = {"service": db.name, "names": databases, "admin_user": variable}
    book.decide(("x-bootstrap", "databases"), wanted, "database → the role that owns it; backed up every night")
    return databases


def _value(
    db: ServiceView, raw: str | None, name: str, values: Mapping[str, str], otherwise: str
) -> tuple[str, str | None]:
    """What it is, and the variable that says so, where there is one."""
    if not raw:
        return values.get(name) or otherwise, None
    bare = re.fullmatch(r"\$\{?(\w+)(?::?[-?]([^}]*))?\}?", raw)
    if bare is None:
        return raw, None
    return values.get(bare[1]) or bare[2] or otherwise, bare[1]


def _created(source: Source, db: ServiceView, user: str) -> dict[str, str]:
    """Databases that scripts of docker-entrypoint-initdb.d make."""
    found: dict[str, str] = {}
    for mount in db.mounts:
        if not mount.is_bind or "/docker-entrypoint-initdb.d" not in mount.target:
            continue
        path = source.view.file(mount.source)
        scripts = sorted(path.iterdir()) if is_folder(path) else [path] if is_file(path) else []
        for script in scripts:
            text = script.read_text(errors="replace") if is_file(script) else ""
            pattern = r"CREATE\s+DATABASE\s+\"?([A-Za-z_]\w*)\"?(?:\s+(?:WITH\s+)?OWNER\s*=?\s*\"?([A-Za-z_]\w*))?"
            for one in re.finditer(pattern, text, re.IGNORECASE):
                found[one[1]] = one[2] or user
    return found
