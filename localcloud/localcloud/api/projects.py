"""Projects, and what is in them. What was put nowhere is in the default project."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

from localcloud.api import balancer_view, views
from localcloud.api.call import GONE, Answer, Call, Route
from localcloud.state import lookup
from localcloud.state.database import Transaction
from localcloud.state.model import Assignment, Domain, Project, ReservedIP, Volume
from localcloud.wire import ApiError, Body, Json, conflict, not_found, now, unprocessable

PURPOSES = (
    "Just trying out DigitalOcean",
    "Class project / Educational purposes",
    "Website or blog",
    "Web Application",
    "Service or API",
    "Mobile Application",
    "Machine learning / AI / Data processing",
    "IoT",
    "Operational / Developer tooling",
)
ENVIRONMENTS = ("Development", "Staging", "Production")
NAME_LIMIT = 175
TEXT_LIMIT = 255
URN_KINDS = ("dbaas", "domain", "droplet", "floatingip", "loadbalancer", "space", "volume", "kubernetes", "vpc")

Find = Callable[[Call], Project]


def create(call: Call) -> Answer:
    fields = _fields(call.tx, call.body, None)
    row = Project(id=str(uuid4()), created_at=now(), updated_at=now(), **fields)
    return call.one("project", call.tx.put(row), views.project, 201)


def _fields(tx: Transaction, body: Body, own: Project | None) -> Json:
    name = body.short_text("name", NAME_LIMIT)
    if any(project.name == name and project != own for project in tx.all(Project)):
        raise conflict("name is already in use")
    return {
        "name": name,
        "description": body.free_text("description", TEXT_LIMIT, ""),
        "purpose": _purpose(body),
        "environment": _environment(body),
    }


def _purpose(body: Body) -> str:
    """What DigitalOcean does not list becomes "Other: …"."""
    purpose = body.short_text("purpose", TEXT_LIMIT)
    return purpose if purpose in PURPOSES or purpose.startswith("Other: ") else f"Other: {purpose}"


def _environment(body: Body) -> str:
    """Empty where none was given, although the document knows three only."""
    return body.choice("environment", ENVIRONMENTS) if body.optional_text("environment") else ""


def _default(call: Call) -> Project:
    return lookup.default_project(call.tx)


def _given(call: Call) -> Project:
    return call.row(Project, "project_id")


def replace(call: Call, row: Project) -> Answer:
    for name in ("name", "description", "purpose", "environment", "is_default"):
        if call.body.values.get(name) is None:
            raise unprocessable(f"{name} can't be blank")
    return update(call, row)


def update(call: Call, row: Project) -> Answer:
    given = {name: value for name, value in call.body.values.items() if value is not None}
    body = Body({**row.model_dump(), **given})
    fields = _fields(call.tx, body, row)
    becomes_default = body.flag("is_default")
    if row.is_default and not becomes_default:
        raise unprocessable("there must be a default project: make another one the default")
    if becomes_default and not row.is_default:
        _hand_over(call.tx, lookup.default_project(call.tx))
    row = call.tx.update(row, **fields, is_default=becomes_default, updated_at=now())
    return call.one("project", row, views.project)


def _hand_over(tx: Transaction, old: Project) -> None:
    """What was in the default project by default stays in it when another one becomes the default."""
    for urn in _resources(tx, old):
        tx.put(tx.get(Assignment, urn) or Assignment(urn=urn, project_id=old.id, assigned_at=now()))
    tx.update(old, is_default=False)


def delete(call: Call) -> Answer:
    row = _given(call)
    if row.is_default:
        raise ApiError(412, "precondition_failed", "the default project cannot be deleted")
    if _resources(call.tx, row):
        raise ApiError(412, "precondition_failed", "cannot delete a project with resources")
    for stale in call.tx.all(Assignment):
        if stale.project_id == row.id:
            call.tx.delete(stale)
    call.tx.delete(row)
    return GONE


# --- resources


def _existing(tx: Transaction) -> dict[str, tuple[str, str]]:
    """By URN: since when it is there, and its path."""
    born = lookup.default_project(tx).created_at
    return {
        **{f"do:droplet:{d.id}": (d.created_at, f"/v2/droplets/{d.id}") for d in lookup.droplets(tx)},
        **{f"do:volume:{v.id}": (v.created_at, f"/v2/volumes/{v.id}") for v in tx.all(Volume)},
        **{f"do:floatingip:{i.ip}": (born, f"/v2/floating_ips/{i.ip}") for i in tx.all(ReservedIP)},
        **{balancer_view.urn(b): (b.created_at, f"/v2/load_balancers/{b.id}") for b in lookup.load_balancers(tx)},
        **{f"do:domain:{d.name}": (born, f"/v2/domains/{d.name}") for d in tx.all(Domain)},
    }


def _resources(tx: Transaction, project: Project) -> list[str]:
    return [urn for urn in _existing(tx) if lookup.project_id(tx, urn) == project.id]


def _entry(call: Call, urn: str, status: str) -> Json:
    since, path = _existing(call.tx)[urn]
    assigned = call.tx.get(Assignment, urn)
    at = assigned.assigned_at if assigned else since
    return {"urn": urn, "assigned_at": at, "links": {"self": call.base + path}, "status": status}


def resources(call: Call, row: Project) -> Answer:
    return call.paged("resources", [_entry(call, urn, "ok") for urn in _resources(call.tx, row)])


def assign(call: Call, row: Project) -> Answer:
    entries: list[Json] = []
    for urn in call.body.texts("resources"):
        words = urn.split(":", 2)
        if len(words) != 3 or words[0] != "do" or words[1] not in URN_KINDS:
            raise unprocessable(f"{urn} is not a valid URN")
        if urn not in _existing(call.tx):
            raise not_found()
        known = lookup.project_id(call.tx, urn) == row.id
        put(call.tx, urn, row.id)
        entries.append(_entry(call, urn, "already_assigned" if known else "assigned"))
    return Answer(200, lambda _: {"resources": entries})


def put(tx: Transaction, urn: str, project_id: str) -> None:
    if tx.get(Project, project_id) is None:
        raise unprocessable("project_id is not a project of this account")
    if lookup.project_id(tx, urn) != project_id:
        tx.put(Assignment(urn=urn, project_id=project_id, assigned_at=now()))


def forget(tx: Transaction, urn: str) -> None:
    """For what may come back under the same name: an address, a domain."""
    if assigned := tx.get(Assignment, urn):
        tx.delete(assigned)


def _routes(root: str, find: Find) -> list[Route]:
    return [
        ("GET", root, lambda call: call.one("project", find(call), views.project)),
        ("PUT", root, lambda call: replace(call, find(call))),
        ("PATCH", root, lambda call: update(call, find(call))),
        ("GET", root + "/resources", lambda call: resources(call, find(call))),
        ("POST", root + "/resources", lambda call: assign(call, find(call))),
    ]


ROOT = "/v2/projects"
ROUTES: list[Route] = [
    ("GET", ROOT, lambda call: call.listing("projects", call.tx.all(Project), views.project)),
    ("POST", ROOT, create),
    *_routes(ROOT + "/default", _default),
    *_routes(ROOT + "/{project_id}", _given),
    ("DELETE", ROOT + "/{project_id}", delete),
]
