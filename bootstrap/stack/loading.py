"""Reading a stack's folder: a stack that loads can be baked and started, as its `x-bootstrap`, its Compose file and its
`.env.production.example` agree. Nothing here starts anything.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from bootstrap.errors import UsageError
from bootstrap.stack import env_template, files
from bootstrap.stack.compose_view import StackView, filled
from bootstrap.stack.env_template import GENERATED, EnvTemplate
from bootstrap.stack.errors import StackError
from bootstrap.stack.inheriting import Reader
from bootstrap.stack.model import Service, Stack
from bootstrap.stack.needed import needed
from bootstrap_agent.contract import dotenv
from bootstrap_agent.contract import stack as form
from bootstrap_agent.contract.composefile import Model
from bootstrap_agent.contract.dotenv import Reference
from bootstrap_agent.contract.form import FormError
from bootstrap_agent.contract.paths import DATA, ENV_EXAMPLE
from bootstrap_agent.contract.stack import Handover, XBootstrap

HELP = "see docs/your-own-stack.md"

T = TypeVar("T")


@dataclass(frozen=True)
class Examined:
    """As much of a stack's folder as could be read; `stack` is there when nothing is `wrong`."""

    files: files.Found
    model: Model
    field: XBootstrap | None
    template: EnvTemplate
    stack: Stack | None
    wrong: tuple[StackError, ...]

    @property
    def document(self) -> dict[str, Any]:
        return self.model.document

    def at(self, where: str) -> str:
        """The file and line of a place such as `services.app.ports`, or of the nearest one around it."""
        lines = {".".join(place): line for place, line in self.model.lines.items()}
        while where and where not in lines:
            where = where.rpartition(".")[0]
        return lines.get(where, "")


def load(folder: Path, compose_files: Sequence[str] = ()) -> Stack:
    """UsageError with the first thing that is wrong. `compose_files` are bootstrap.yaml's; without, they are found."""
    found = examine(folder, compose_files)
    if found.stack is None:
        first = found.wrong[0]
        at = found.at(first.where)
        raise UsageError(f"{folder}: {first.message}{at and f' ({at})'}", first.remedy)
    return found.stack


def examine(folder: Path, compose_files: Sequence[str] = ()) -> Examined:
    """All that is wrong, as far as one mistake does not hide another."""
    wrong: list[StackError] = []

    def read(make: Callable[..., T], *arguments: Any) -> T | None:
        try:
            return make(*arguments)
        except StackError as error:
            wrong.append(error)
            return None

    # what stands first in a list of errors is what a person mends first
    template = read(_template, folder / ENV_EXAMPLE) or EnvTemplate()
    missing, wrong = wrong, []
    found = read(files.find, folder, compose_files, template.values.get(files.VARIABLE)) or files.Found(())
    also: list[str] = []
    model = (read(_model, folder, found.files, template.values, also) if found.files else None) or Model()
    document = model.document
    wrong += missing
    field = read(_field, document, found.files[0], wrong) if document else None
    bodies = (read(_mapping, document.get("services"), "services") or {}) if document else {}
    services = tuple(
        service for name, body in bodies.items() if (service := read(_service, name, body, template.values))
    )
    volumes = read(_mapping, document.get("volumes") or {}, "volumes") or {}
    wrong += template.wrong_references()
    stack = None
    if field is not None and not wrong:
        wrong += [*_services(field, services), *_volumes(field, volumes), *_environment(field, template)]
        if not wrong:
            view = StackView(folder, document, field, template.values, Path(found.files[0]).parent)
            read_too = tuple(dict.fromkeys(also))
            stack = Stack(folder, found.files, field, services, template, read_too, needed(view))
    return Examined(found, model, field, template, stack, tuple(wrong))


def _read(path: Path, name: str = "") -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        remedy = f"a stack has one; {HELP}" if path.parent.is_dir() else "name a stack's folder with --stack"
        raise StackError(name or path.name, f"cannot be read: {reason}", remedy) from None


def document(folder: Path, names: tuple[str, ...], values: Mapping[str, str]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Of Compose files that nobody adapted, and the names of those that they include or extend. StackError."""
    also: list[str] = []
    return _model(folder, names, values, also).document, tuple(dict.fromkeys(also))


def _model(folder: Path, names: tuple[str, ...], values: Mapping[str, str], also: list[str]) -> Model:
    """With what `include` and `extends` bring; `also` gets the names of those files."""
    base = str(PurePosixPath(names[0]).parent)
    reader = Reader(lambda name: _read(folder / name, name), lambda text: filled(text, values), base, also)
    model = reader.model(names)
    if not model.document:
        raise StackError(names[0], "is empty", HELP)
    return model


def _template(path: Path) -> EnvTemplate:
    return env_template.parse(_read(path))


def _mapping(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise StackError(where, "is not a mapping", "see the Compose specification")
    return value


def _field(document: Mapping[str, Any], file: str, wrong: list[StackError]) -> XBootstrap | None:
    if form.FIELD not in document:
        raise StackError(file, f"has no {form.FIELD} field", f"{HELP}: bootstrap stack adopt writes it")
    try:
        return form.parse(document[form.FIELD], closed=True)
    except FormError as error:
        wrong += [StackError(problem.where, problem.what, HELP) for problem in error.problems]
        return None


def _service(name: str, value: Any, values: Mapping[str, str]) -> Service:
    body = _mapping(value, f"services.{name}")
    image, built = body.get("image"), "build" in body
    if image is None and not built:
        raise StackError(f"services.{name}", "has no image and no build", "name one of them")
    if image is not None and not isinstance(image, str):
        raise StackError(f"services.{name}.image", "is no text", "put it into quotes")
    try:
        baked = dotenv.expand(tuple(dotenv.parts(image or "")), values.get)
    except dotenv.UnsetError as error:
        what = f"holds a variable that has no value when the image is baked: {error.text}"
        raise StackError(f"services.{name}.image", what, f"add a line to {ENV_EXAMPLE}, or a default") from None
    profiles = body.get("profiles") or []
    if not isinstance(profiles, list):
        raise StackError(f"services.{name}.profiles", "is not a list", "see the Compose specification")
    return Service(name, baked, built, tuple(map(str, profiles)), _variables(image or ""))


def _variables(text: str) -> tuple[str, ...]:
    found = (one for part in dotenv.parts(text) if isinstance(part, Reference) for one in part.all)
    return tuple(dict.fromkeys(one.name for one in found if one.name))


def _unknown(what: str, name: str, among: Collection[str], kind: str) -> Iterator[StackError]:
    if name not in among:
        yield StackError(f"x-bootstrap.{what}", f"{name!r} is no {kind}", f"one of: {', '.join(among) or 'none'}")


def _services(field: XBootstrap, services: Sequence[Service]) -> Iterator[StackError]:
    among = {service.name: service for service in services}
    named = [("data_services", name) for name in field.data_services]
    named += [("drain", name) for name in field.drain]
    named += [("reconcile", step.service) for step in field.reconcile]
    named += [("sanitise", step.service) for step in field.sanitise]
    named += [("alerts", watch.service) for watch in field.alerts]
    named += [("jobs", name) for name in field.job_names]
    named += [("certificate.reload", field.certificate.reload[0])] if field.certificate else []
    named += [("databases.service", field.databases.service)] if field.databases else []
    named += [(f"dumps.{name}.service", dump.service) for name, dump in field.dumps.items()]
    named += [(f"handover.{entry}", name) for entry, name in _handed_over(field)]
    for what, name in named:
        yield from _unknown(what, name, among, "service")
    yield from _contradictions(field)
    for name in field.job_names:
        if name in among and "jobs" not in among[name].profiles:
            yield StackError(f"services.{name}", "is a job without profile", "add `profiles: [jobs]`")


def _handed_over(field: XBootstrap) -> list[tuple[str, str]]:
    given = field.handover or Handover()
    named = [("warm", name) for name in given.warm] + [("later", name) for name in given.later]
    return named + ([("quiet", given.quiet.service)] if given.quiet else [])


def _contradictions(field: XBootstrap) -> Iterator[StackError]:
    for name in field.databases.names if field.databases else ():
        if name in field.dumps:
            yield StackError(f"x-bootstrap.dumps.{name}", "is in databases too", "call one of them otherwise")
    where = "x-bootstrap.handover"
    for entry, name in _handed_over(field):
        if name in field.job_names:
            yield StackError(f"{where}.{entry}", f"{name!r} is a job", "a job runs to its end: take it out")
    given = field.handover or Handover()
    for name in given.warm:
        if name in given.later:
            yield StackError(where, f"{name!r} is both warm and later", "what is there already does not come later")
        if name in field.data_services:
            yield StackError(f"{where}.warm", f"{name!r} is a data service", "its data come later: take it out")
    if given.skip_unchanged_jobs and field.databases is None:
        remedy = "name x-bootstrap.databases, or take it out"
        yield StackError(f"{where}.skip_unchanged_jobs", "what jobs change is seen in databases only", remedy)


def _volumes(field: XBootstrap, volumes: Mapping[str, Any]) -> Iterator[StackError]:
    for name in field.media:
        yield from _unknown("media", name, field.volumes, "entry of x-bootstrap.volumes")
    for name in field.volumes:
        yield from _unknown("volumes", name, volumes, "named volume")
        if name in volumes and _device(volumes[name]) != f"{DATA}/{name}":
            yield StackError(
                f"volumes.{name}",
                "does not lie on the data volume",
                f"add driver_opts: {{type: none, o: bind, device: {DATA}/{name}}}",
            )


def _device(volume: Any) -> Any:
    options = volume.get("driver_opts") if isinstance(volume, dict) else None
    return options.get("device") if isinstance(options, dict) else None


def _environment(field: XBootstrap, template: EnvTemplate) -> Iterator[StackError]:
    for name in sorted(template.generated.difference(field.secrets)):
        yield StackError(ENV_EXAMPLE, f"{name} is not in x-bootstrap.secrets", "add it there, with its length")
    for name in sorted(set(field.secrets).difference(template.generated)):
        yield StackError(f"x-bootstrap.secrets.{name}", f"is not in {ENV_EXAMPLE}", f"add a line {name}={GENERATED}")
    variables = [("databases.admin_user", field.databases.admin_user)] if field.databases else []
    variables += [(f"mail.{entry}", name) for entry, name in field.mail.named.items()] if field.mail else []
    for what, name in variables:
        yield from _unknown(what, name, template.values, f"variable of {ENV_EXAMPLE}")
