"""`include` and `extends` as Compose resolves them, file by file: what other files add, with their paths as seen from
the folder of the first Compose file. Held against Compose itself by tests/contract/compose/test_inheriting.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from posixpath import normpath
from typing import Any

from bootstrap.stack.errors import StackError
from bootstrap_agent.contract import composefile, merging
from bootstrap_agent.contract.composefile import ComposeFileError, Model
from bootstrap_agent.contract.merging import Override

# what an included file brings along; nothing else of it counts
_RESOURCES = ("services", "networks", "volumes", "secrets", "configs")
_LOCAL_BUILD = ("http://", "https://", "git://", "ssh://", "git@", "github.com/", "oci-layout://", "docker-image://")
_REMOTE = (*_LOCAL_BUILD, "oci://")
Place = Callable[[str], str]


@dataclass
class Reader:
    """`text_of` reads a file by its name below the stack's folder, or raises StackError; `base` is the folder of the
    first Compose file, likewise; `also` collects the names of files beside those that are named to Compose."""

    text_of: Callable[[str], str]
    fill: Callable[[str], str]
    base: str = ""
    also: list[str] = field(default_factory=list)

    def model(self, names: tuple[str, ...]) -> Model:
        model = Model()
        for name in names:
            self._add(model, name, ())
        return model

    def _add(self, model: Model, name: str, path: tuple[str, ...]) -> None:
        if name in path:
            raise StackError(path[0], f"{' → '.join((*path, name))} include each other", "remove one of them")

        def resolved(document: dict[str, Any]) -> dict[str, Any]:
            return self._extended(self._included(document, model, (*path, name)), name, model.document)

        try:
            composefile.add(model, self.text_of(name), name, resolved)
        except ComposeFileError as error:
            raise StackError(error.where, error.what, error.remedy) from None

    def _included(self, document: dict[str, Any], model: Model, path: tuple[str, ...]) -> dict[str, Any]:
        if "include" not in document:
            return document
        document = dict(document)
        for entry in _listed(document.pop("include")):
            body = self._included_model(entry, model, path)
            for kind in _RESOURCES:
                own, brought = _mapping(document.get(kind)), _mapping(body.get(kind))
                for name in set(own) & set(brought):
                    if own[name] != brought[name]:
                        what = f"{kind}.{name} is in {path[-1]} too, which Compose refuses"
                        raise StackError("include", what, "change it in a file of its own: compose_files")
                if brought:
                    document[kind] = {**brought, **own}
        return document

    def _included_model(self, entry: Any, model: Model, path: tuple[str, ...]) -> dict[str, Any]:
        options = entry if isinstance(entry, Mapping) else {"path": entry}
        names = [self._file(one, path[-1], "include") for one in _listed(options.get("path"))]
        if not names:
            raise StackError("include", "names no path", "see the Compose specification")
        folder = str(PurePosixPath(names[0]).parent)
        if directory := options.get("project_directory"):
            folder = self._file(directory, path[-1], "include")
        inner = Reader(self.text_of, self.fill, folder, self.also)
        read = Model()
        for name in names:
            self.also.append(name)
            inner._add(read, name, path)
        for place, line in read.lines.items():
            model.lines.setdefault(place, line)
        return _moved_document(read.document, self._mover(folder))

    def _extended(self, document: dict[str, Any], name: str, below: Mapping[str, Any]) -> dict[str, Any]:
        services = _mapping(document.get("services"))
        if not any("extends" in _mapping(body) for body in services.values()):
            return document
        done = {one: self._service(one, services, name, below, ()) for one in services}
        return {**document, "services": done}

    def _service(
        self, name: str, services: Mapping[str, Any], file: str, below: Mapping[str, Any], path: tuple[str, ...]
    ) -> Any:
        """`below` is what earlier files say of services that this one lacks."""
        body = services.get(name, _mapping(below.get("services")).get(name))
        if not isinstance(body, Mapping) or "extends" not in body:
            return body
        where = f"services.{name}.extends"
        if f"{file}#{name}" in path:
            raise StackError(where, "services extend each other", "remove one of them")
        path = (*path, f"{file}#{name}")
        options = body["extends"] if isinstance(body["extends"], Mapping) else {"service": body["extends"]}
        wanted = str(options.get("service", ""))
        if options.get("file"):
            base = self._of_another(self._file(options["file"], file, where), wanted, path)
        else:
            base = self._service(wanted, services, file, below, path)
        if not isinstance(base, Mapping):
            raise StackError(where, f"there is no service {wanted or '?'}", "correct the name")
        own = {key: value for key, value in body.items() if key != "extends"}
        place = {"services": {name: dict(_plain(base))}}
        try:
            return merging.merge(place, {"services": {name: own}})["services"][name]
        except merging.MergeError as error:
            what = f"{'.'.join(error.place)} cannot be merged: {error}"
            raise StackError(where, what, "give it the form that the other service has") from None

    def _of_another(self, file: str, wanted: str, path: tuple[str, ...]) -> Any:
        self.also.append(file)
        read = Model()
        try:
            composefile.add(read, self.text_of(file), file)
        except ComposeFileError as error:
            raise StackError(error.where, error.what, error.remedy) from None
        body = self._service(wanted, _mapping(read.document.get("services")), file, {}, path)
        folder = str(PurePosixPath(file).parent)
        return moved(body, self._mover(folder)) if isinstance(body, Mapping) and folder != self.base else body

    def _file(self, name: Any, beside: str, where: str) -> str:
        """From the stack's folder on. Compose takes it from the folder of the file that names it."""
        text = self.fill(str(name))
        if text.startswith(_REMOTE):
            raise StackError(where, f"{text} is elsewhere", "copy it into the stack: nothing is fetched on a droplet")
        found = normpath(str(PurePosixPath(beside).parent / text))
        if found.startswith(("/", "..")):
            raise StackError(where, f"{text} is outside of the stack", "make their common folder the stack")
        return found

    def _mover(self, folder: str) -> Place:
        from posixpath import relpath

        prefix = relpath(folder or ".", self.base or ".")

        def place(path: str) -> str:
            if path.startswith(("/", "~", "$")) or path.startswith(_LOCAL_BUILD):
                return path
            return "./" + normpath(f"{prefix}/{path}") if prefix != "." else path

        return place


def moved(body: Mapping[str, Any], place: Place) -> dict[str, Any]:
    """A service whose relative paths are from another folder on."""
    result = dict(body)
    if (build := body.get("build")) is not None:
        full = {"context": build} if isinstance(build, str) else dict(_mapping(build))
        result["build"] = {**full, "context": place(str(full.get("context") or "."))}
    if "env_file" in body:
        result["env_file"] = [_at(entry, "path", place) for entry in _listed(body["env_file"])]
    if isinstance(body.get("volumes"), list):
        result["volumes"] = [_mount(entry, place) for entry in body["volumes"]]
    return result


def _moved_document(document: Mapping[str, Any], place: Place) -> dict[str, Any]:
    result = {kind: dict(_mapping(document.get(kind))) for kind in _RESOURCES if document.get(kind)}
    for name, body in result.get("services", {}).items():
        result["services"][name] = moved(_mapping(body), place)
    for kind in ("secrets", "configs"):
        for name, body in result.get(kind, {}).items():
            result[kind][name] = _at(dict(_mapping(body)), "file", place)
    return result


def _at(entry: Any, key: str, place: Place) -> Any:
    if isinstance(entry, Mapping):
        return {**entry, key: place(str(entry[key]))} if entry.get(key) else entry
    return place(str(entry))


def _mount(entry: Any, place: Place) -> Any:
    if isinstance(entry, Mapping):
        return _at(entry, "source", place) if entry.get("type") == "bind" else entry
    source, colon, rest = str(entry).partition(":")
    return place(source) + colon + rest if colon and source.startswith(".") else entry


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Override) else value


def _mapping(value: Any) -> Mapping[str, Any]:
    value = _plain(value)
    return value if isinstance(value, Mapping) else {}


def _listed(value: Any) -> list[Any]:
    return list(_items(value))


def _items(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        yield from value
    elif value is not None:
        yield value
