"""What goes into an image: listed, hashed, and packed as the one archive that Packer uploads."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from bootstrap.errors import UsageError
from bootstrap.ports.checkout import Checkout
from bootstrap.stack.model import Stack
from bootstrap_agent.contract.paths import ENV_EXAMPLE


@dataclass(frozen=True)
class Inputs:
    """Files by their name in the image's history, and which of them Compose is given: the same names and contents make
    the same image."""

    files: Mapping[str, Path]
    compose_file: str

    @property
    def hash(self) -> str:
        digest = hashlib.sha256(f"{self.compose_file}\0".encode())
        for name, path in sorted(self.files.items()):
            digest.update(f"{name}\0{os.access(path, os.X_OK):d}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()[:16]

    @property
    def digests(self) -> dict[str, str]:
        """Of each file: contents and the executable bit."""
        return {
            name: f"{hashlib.sha256(path.read_bytes()).hexdigest()}{os.access(path, os.X_OK):d}"
            for name, path in self.files.items()
        }

    @property
    def leave_out(self) -> list[str]:
        """By what these say, BuildKit leaves files of the stack out of its builds: `.dockerignore` of a context, or
        `<Dockerfile>.dockerignore`."""
        return sorted(name.removeprefix("stack/") for name in self.under("stack") if name.endswith(".dockerignore"))

    def under(self, folder: str) -> dict[str, Path]:
        return {name: path for name, path in self.files.items() if name.startswith(f"{folder}/")}


def collect(checkout: Checkout, stack: Stack, wheel: Path) -> Inputs:
    """Packer's folder, the agent's wheel as it was built, and the stack without what is private."""
    files = {f"packer/{name}": path for name, path in _below(checkout.root / "packer", checkout).items()}
    files[f"wheel/{wheel.name}"] = wheel
    certificate = stack.bootstrap.certificate
    installed = PurePosixPath(certificate.install) if certificate else None
    for name, path in _below(stack.folder, checkout).items():
        if not _private(PurePosixPath(name), installed):
            files[f"stack/{name}"] = path
    packed = {name.removeprefix("stack/") for name in files if name.startswith("stack/")}
    around = {str(parent) for name in packed for parent in PurePosixPath(name).parents}
    for name in (*stack.compose_files, *stack.also_read):
        if name not in packed:
            remedy = "let git have it, or name the others: compose_files in bootstrap.yaml"
            raise UsageError(f"{stack.folder / name}: git ignores it, so it would not be in the image", remedy)
    for where, name in stack.needed:
        own = PurePosixPath(name)
        if name not in packed | around and own != installed and not _private(own, installed):
            what = f"{where}: git ignores {name}, so it would not be in the image"
            remedy = f"let git have it: git add --force {name}; or make it in the Dockerfile"
            raise UsageError(what, remedy)
    return Inputs(files, stack.compose_file)


def pack(inputs: Inputs, archive: Path) -> None:
    """files/, stack/ and wheel/: nothing of this computer but names, contents and the executable bit."""
    members = {name.removeprefix("packer/"): path for name, path in inputs.under("packer/files").items()}
    members |= inputs.under("stack") | inputs.under("wheel")
    archive.touch(mode=0o600)
    with tarfile.open(archive, "w") as tar:
        for name, path in sorted(members.items()):
            content = path.read_bytes()
            member = tarfile.TarInfo(name)
            member.size = len(content)
            member.mode = 0o755 if os.access(path, os.X_OK) else 0o644
            tar.addfile(member, io.BytesIO(content))


def _below(folder: Path, checkout: Checkout) -> dict[str, Path]:
    root = folder.resolve()
    return {path.relative_to(root).as_posix(): path for path in _outside_caches(checkout.files(root))}


def _outside_caches(paths: Iterable[Path]) -> list[Path]:
    return [path for path in paths if not {"__pycache__", "node_modules", ".git"} & set(path.parts)]


def _private(name: PurePosixPath, certificates: PurePosixPath | None) -> bool:
    """Never baked, whatever git ignores: environment files and certificates that somebody left in the stack."""
    if name.name.startswith(".env"):
        return name != PurePosixPath(ENV_EXAMPLE)
    return name.parent == certificates and name.suffix == ".pem"
