"""What goes wrong under a driver becomes one MachineError that says where; a reference becomes a file's name only when
it is fit for one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from localcloud.host.command import CommandError
from localcloud.machines.driver import MachineError

REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,100}")


def numbers(folder: Path) -> Iterator[int]:
    return (int(entry.name) for entry in folder.iterdir() if entry.name.isdigit())


def attempt(what: str, delete: Callable[[], None]) -> str:
    """One that cannot be deleted must not keep the cloud from starting."""
    try:
        delete()
    except (CommandError, MachineError, OSError) as failed:
        return f"{what} stays: {failed}"
    return f"{what} deleted"


def checked(reference: str) -> str:
    """References become file names."""
    if not REFERENCE.fullmatch(reference):
        raise MachineError(f"{reference!r}: a name has letters, digits, '.', '_' and '-' only")
    return reference


@contextmanager
def errors(machine: int | None = None) -> Iterator[None]:
    try:
        yield
    except (CommandError, MachineError, OSError) as failed:
        raise MachineError(f"machine {machine}: {failed}" if machine is not None else str(failed)) from failed
