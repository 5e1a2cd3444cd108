"""How bootstrap becomes a wheel: flit's, and in it all that a checkout has beside the package.

`pipx install` of that wheel needs no checkout: Packer's folder, the template of user-data and the agent's own wheel,
which goes into images, lie in `bootstrap/resources`, and the agent's package beside bootstrap's, which imports its
contract.
An editable install is flit's, unchanged: there the checkout itself has all of it.
"""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flit_core import buildapi
from flit_core.buildapi import (  # noqa: F401
    build_editable,
    build_sdist,
    get_requires_for_build_editable,
    get_requires_for_build_sdist,
    get_requires_for_build_wheel,
    prepare_metadata_for_build_editable,
)

ROOT = Path(__file__).resolve().parents[1]
RESOURCES = "bootstrap/resources"
AGENT = "bootstrap-agent"
# of every file in the agent's wheel: the same source makes the same image. 1980, before which zip knows no time
EPOCH = "315619200"


def build_wheel(wheel_directory: str, config_settings: Any = None, metadata_directory: str | None = None) -> str:
    """PEP 517's. Metadata come from the wheel itself, so there is no hook that makes them apart."""
    with tempfile.TemporaryDirectory() as temporary:
        plain = Path(temporary) / str(buildapi.build_wheel(temporary, config_settings, metadata_directory))
        agent = _agent_wheel(Path(temporary) / "agent")
        _complete(plain, agent, Path(wheel_directory) / plain.name)
        return str(plain.name)


def _agent_wheel(into: Path) -> Path:
    into.mkdir()
    argv = [sys.executable, "-m", "flit_core.wheel", "--outdir", str(into), str(ROOT / "agent")]
    subprocess.run(argv, check=True, env={**os.environ, "SOURCE_DATE_EPOCH": EPOCH})
    (wheel,) = into.glob("*.whl")
    return wheel


def _complete(plain: Path, agent: Path, target: Path) -> None:
    """`plain` with the rest, its dependency on the agent replaced by what the agent depends on."""
    with zipfile.ZipFile(plain) as flits, zipfile.ZipFile(agent) as agents, zipfile.ZipFile(target, "w") as out:
        record = next(name for name in flits.namelist() if name.endswith(".dist-info/RECORD"))
        metadata = record.replace("RECORD", "METADATA")
        written: list[tuple[str, bytes]] = []

        def put(name: str, content: bytes, mode: int = 0o644) -> None:
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.external_attr = (0o100000 | mode) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            out.writestr(info, content)
            written.append((name, content))

        for name in flits.namelist():
            if name not in (record, metadata):
                put(name, flits.read(name))
        for name in agents.namelist():
            if name.startswith("bootstrap_agent/"):
                put(name, agents.read(name))
        for name, path in _resources():
            put(f"{RESOURCES}/{name}", path.read_bytes(), 0o755 if os.access(path, os.X_OK) else 0o644)
        put(f"{RESOURCES}/wheel/{agent.name}", agent.read_bytes())
        needs = next(name for name in agents.namelist() if name.endswith(".dist-info/METADATA"))
        put(metadata, _metadata(flits.read(metadata).decode(), agents.read(needs).decode()).encode())
        lines = [f"{name},sha256={_digest(content)},{len(content)}" for name, content in written]
        out.writestr(zipfile.ZipInfo(record, (1980, 1, 1, 0, 0, 0)), "\n".join([*lines, f"{record},,", ""]))


def _resources() -> Iterator[tuple[str, Path]]:
    """What git has of them, or would have; all where there is no git."""
    for folder in ("packer", "cloud-init"):
        listed = subprocess.run(
            ["git", "-C", str(ROOT / folder), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            capture_output=True,
            text=True,
            check=False,
        )
        names = [name for name in listed.stdout.split("\0") if name] if listed.returncode == 0 else []
        paths = [ROOT / folder / name for name in names] or sorted((ROOT / folder).rglob("*"))
        yield from ((path.relative_to(ROOT).as_posix(), path) for path in paths if path.is_file())


def _metadata(own: str, agent: str) -> str:
    head, blank, body = own.partition("\n\n")
    lines = [line for line in head.rstrip("\n").split("\n") if not line.startswith(f"Requires-Dist: {AGENT}")]
    there = set(lines)
    lines += [line for line in agent.split("\n") if line.startswith("Requires-Dist: ") and line not in there]
    return "\n".join(lines) + (blank + body if blank else "\n")


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
