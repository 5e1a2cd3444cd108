"""The project's checkout, by git and flit."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from bootstrap import shipped
from bootstrap.adapters import process
from bootstrap.errors import BootstrapError, RequirementError
from bootstrap.ports.checkout import Checkout, Commit

# of every file in a wheel: the same source makes the same wheel, byte for byte. 1980, before which zip knows no time
_EPOCH = "315619200"


def checkout() -> Checkout:
    """Of this very program: the one that it runs from, or what was installed with it."""
    return Installed(shipped.root()) if shipped.is_installed() else GitCheckout(shipped.root())


class GitCheckout:
    """Implements `ports.checkout.Checkout`."""

    def __init__(self, root: Path) -> None:
        if not (root / "packer").is_dir():
            raise RequirementError(f"{root / 'packer'} is missing", "run bootstrap from a checkout of the project")
        self.root = root

    def commit(self, paths: Sequence[Path]) -> Commit:
        head = _git(self.root, "rev-parse", "HEAD")
        if head is None:
            return Commit("unknown", dirty=False)
        changed = _git(self.root, "status", "--porcelain", "--", *(str(path) for path in paths))
        # a stack that lies outside of this repository has a history of its own
        return Commit(head.strip(), dirty=changed is None or bool(changed))

    def changed(self, commit: str, paths: Sequence[Path]) -> list[str] | None:
        return _changed(commit, paths)

    def files(self, path: Path) -> list[Path]:
        return _files(path)

    def wheel(self, into: Path) -> Path:
        # from a copy: what git ignores stays out
        source, agent = into / "agent", self.root / "agent"
        for file in self.files(agent):
            target = source / file.relative_to(agent)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
        build = [sys.executable, "-m", "flit_core.wheel"]
        done = process.run([*build, "--outdir", str(into), str(source)], env={"SOURCE_DATE_EPOCH": _EPOCH})
        if done.code != 0:
            reason = process.last_line(done.stderr) or "flit said nothing"
            # the copy is gone when a person reads this
            by_hand = process.line([*build, str(agent)])
            raise process.blamed(BootstrapError(f"the agent's wheel could not be built: {reason}", by_hand), by_hand)
        (wheel,) = into.glob("*.whl")
        return wheel


class Installed:
    """Implements `ports.checkout.Checkout` for a package without a checkout of ours: what it ships is as it was built,
    and a commit is the stack's own."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def commit(self, paths: Sequence[Path]) -> Commit:
        own = [path.resolve() for path in paths if self.root not in path.resolve().parents]
        head = _git(own[0], "rev-parse", "HEAD") if own else None
        if head is None:
            return Commit("unknown", dirty=False)
        changed = _git(own[0], "status", "--porcelain", "--", *(str(path) for path in own))
        return Commit(head.strip(), dirty=changed is None or bool(changed))

    def changed(self, commit: str, paths: Sequence[Path]) -> list[str] | None:
        return _changed(commit, [path for path in paths if self.root not in path.resolve().parents])

    def files(self, path: Path) -> list[Path]:
        # it may lie in a folder that a repository around it ignores
        inside = path == self.root or self.root in path.resolve().parents
        return sorted(one for one in path.rglob("*") if one.is_file()) if inside else _files(path)

    def wheel(self, into: Path) -> Path:
        (shipped,) = (self.root / "wheel").glob("*.whl")
        return Path(shutil.copyfile(shipped, into / shipped.name))


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    listed = _git(path, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    found = path.rglob("*") if listed is None else (path / name for name in listed.split("\0") if name)
    # git still lists a file that was deleted and not yet committed
    return sorted({file for file in found if file.is_file()})


def _changed(commit: str, paths: Sequence[Path]) -> list[str] | None:
    found: dict[str, None] = {}
    known = False
    for path in (path for path in paths if path.is_dir()):
        differs = _git(path, "diff", "--name-only", "-z", "--relative", f"{commit}^{{commit}}", "--", ".")
        if differs is None:
            # a stack may have a repository of its own
            continue
        known = True
        fresh = _git(path, "ls-files", "-z", "--others", "--exclude-standard") or ""
        found |= {f"{path.name}/{name}": None for name in f"{differs}\0{fresh}".split("\0") if name}
    return sorted(found) if known else None


def _git(folder: Path, *argv: str) -> str | None:
    """None when there is no git, or `folder` is in no repository."""
    if shutil.which("git") is None:
        return None
    # names of files among it, whatever their encoding
    done = process.run(["git", "-C", str(folder), *argv], errors="surrogateescape")
    return done.stdout if done.code == 0 else None
