"""What Compose refuses, or what would fail in the bake or at the start: said before anything is baked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from bootstrap.stack.compose_view import ServiceView, StackView, exists, is_file, is_folder, mapping, sequence
from bootstrap.stack.findings import ERROR, Finding, Findings
from bootstrap_agent.contract.paths import ENV_EXAMPLE

_ELSEWHERE = ("http://", "https://", "git://", "ssh://", "git@", "github.com/", "oci-layout://", "service:", "target:")


def depends_on(stack: StackView, service: ServiceView) -> Findings:
    where = f"{service.where}.depends_on"
    others = {other.name: other for other in stack.services}
    for name, options in _named(service.body.get("depends_on")):
        other = others.get(name)
        if other is None:
            yield Finding(ERROR, where, f"there is no service {name}", f"one of: {', '.join(others)}")
        elif other.profiles and not set(other.profiles) & set(service.profiles) and _required(options):
            what = f"{name} has a profile, so Compose refuses to start {service.name}"
            yield Finding(ERROR, where, what, f"remove {name} there: jobs have ended before others start")


def references(stack: StackView, service: ServiceView) -> Findings:
    """Networks, volumes, secrets and configurations that no file declares."""
    used = [("networks", name) for name, _ in _named(service.body.get("networks"))]
    used += [("volumes", mount.source) for mount in service.mounts if mount.kind == "volume" and mount.source]
    for kind in ("secrets", "configs"):
        used += [(kind, _source(entry)) for entry in sequence(service.body.get(kind))]
    for kind, name in dict.fromkeys(used):
        if name not in mapping(stack.document.get(kind)) and (kind, name) != ("networks", "default"):
            remedy = f"add it: {kind}: {{{name}: …}}, or correct the name"
            yield Finding(ERROR, f"{service.where}.{kind}", f"{name} is not among the file's {kind}", remedy)


def build_files(stack: StackView, service: ServiceView) -> Findings:
    if not service.built:
        return
    where, build = f"{service.where}.build", service.build
    context = service.filled(str(build.get("context") or "."))
    if context.startswith(_ELSEWHERE):
        return
    if not stack.inside(context):
        yield Finding(ERROR, where, f"{context} is outside of the stack, so it is not baked", "move it into the stack")
    elif not is_folder(service.folder / context):
        yield Finding(ERROR, where, f"there is no folder {context}", "correct `context`")
    elif not build.get("dockerfile_inline"):
        name = service.filled(str(build.get("dockerfile") or "Dockerfile"))
        if not is_file(service.folder / context / name):
            remedy = "correct `dockerfile`, which is a path in `context`"
            yield Finding(ERROR, where, f"there is no {PurePosixPath(context, name)}", remedy)


def environment_file_exists(stack: StackView, service: ServiceView) -> Findings:
    for path, required in service.env_files:
        # of .env and the like another rule speaks
        if required and not PurePosixPath(path).name.startswith(".env") and not is_file(stack.file(path)):
            remedy = "add it, or correct the name, or `{path: …, required: false}`"
            yield Finding(ERROR, f"{service.where}.env_file", f"there is no {path}", remedy)


def secret_sources(stack: StackView) -> Findings:
    for kind in ("secrets", "configs"):
        for name, entry in mapping(stack.document.get(kind)).items():
            yield from _source_of(stack, f"{kind}.{name}", mapping(entry))


def _source_of(stack: StackView, where: str, entry: Any) -> Findings:
    if entry.get("external"):
        yield Finding(ERROR, where, "is external: a new droplet has no such thing", "give its `file` or `environment`")
    elif variable := entry.get("environment"):
        if stack.template and str(variable) not in stack.template:
            yield Finding(ERROR, where, f"{variable} is not in {ENV_EXAMPLE}", f"add a line {variable}=… there")
    elif file := entry.get("file"):
        path = stack.fill(str(file))
        if not stack.inside(path):
            yield Finding(ERROR, where, f"{path} is outside of the stack", "move it there, or use `environment: NAME`")
        elif not exists(stack.file(path)):
            remedy = "what is secret is better in `environment: NAME`, with NAME=<generated> in the example"
            yield Finding(ERROR, where, f"there is no {path}", remedy)
    elif "content" not in entry:
        yield Finding(ERROR, where, "has neither `file` nor `environment`", "give it one")


def external_networks(stack: StackView) -> Findings:
    for name, entry in mapping(stack.document.get("networks")).items():
        if mapping(entry).get("external"):
            what = "is external: a new droplet has no such network, so nothing starts"
            yield Finding(ERROR, f"networks.{name}", what, "remove `external`: services of one stack share it")


def _named(value: Any) -> Iterator[tuple[str, Any]]:
    """A list of names, or a mapping from them."""
    if isinstance(value, list):
        yield from ((str(name), None) for name in value)
    else:
        yield from mapping(value).items()


def _required(options: Any) -> bool:
    return mapping(options).get("required") is not False


def _source(entry: Any) -> str:
    return str(entry.get("source", "")) if isinstance(entry, dict) else str(entry)
