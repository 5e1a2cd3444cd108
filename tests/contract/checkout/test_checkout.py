"""What `ports/checkout.py` promises: git and flit, which need no network."""

from __future__ import annotations

import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from bootstrap.adapters.checkout import GitCheckout
from bootstrap.errors import BootstrapError, RequirementError
from bootstrap.ports.checkout import Checkout, Commit

PROJECT = Path(__file__).resolve().parents[3]


@pytest.fixture
def checkout_of() -> Callable[[Path], Checkout]:
    return GitCheckout


def write(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"{name}\n")


def commit(root: Path, *names: str) -> str:
    git = ["git", "-C", str(root), "-c", "user.name=t", "-c", "user.email=t@example.com"]
    for argv in (["init", "-q"], ["add", *names], ["commit", "-qm", "."]):
        subprocess.run([*git, *argv], check=True)
    return subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    write(root, "packer/b", "packer/a", "stack/c", "stack/sub/d")
    return root


def test_it_is_dirty_as_to_the_paths_asked_for_only(checkout_of: Callable[[Path], Checkout], root: Path) -> None:
    (root / ".gitignore").write_text("*.pyc\n")
    head = commit(root, ".")
    checkout = checkout_of(root)
    packer, stack = root / "packer", root / "stack"
    assert len(head) == 40 and checkout.commit([packer, stack]) == Commit(head, dirty=False)
    write(root, "stack/new", "packer/cache.pyc")
    assert checkout.commit([packer]) == Commit(head, dirty=False)
    assert checkout.commit([packer, stack]) == Commit(head, dirty=True)


def test_what_lies_in_another_repository_is_of_no_commit_of_ours(
    checkout_of: Callable[[Path], Checkout], root: Path, tmp_path: Path
) -> None:
    head = commit(root, ".")
    write(tmp_path, "elsewhere/e")
    commit(tmp_path / "elsewhere", ".")
    checkout = checkout_of(root)
    assert checkout.commit([root / "packer", tmp_path / "elsewhere"]) == Commit(head, dirty=True)
    assert checkout.files(tmp_path / "elsewhere") == [tmp_path / "elsewhere" / "e"]


def test_outside_of_git_the_commit_is_unknown_and_every_file_is_listed(
    checkout_of: Callable[[Path], Checkout], root: Path
) -> None:
    checkout = checkout_of(root)
    assert checkout.commit([root]) == Commit("unknown", dirty=False)
    assert checkout.files(root) == [root / name for name in ("packer/a", "packer/b", "stack/c", "stack/sub/d")]


def test_files_are_those_that_git_tracks_or_would_in_order(checkout_of: Callable[[Path], Checkout], root: Path) -> None:
    (root / ".gitignore").write_text("*.pyc\n")
    commit(root, ".gitignore", "stack/c", "stack/sub/d")
    write(root, "stack/ü new", "stack/cache.pyc")
    (root / "stack/c").unlink()
    checkout = checkout_of(root)
    assert checkout.files(root / "stack") == [root / "stack/sub/d", root / "stack/ü new"]
    assert checkout.files(root / "stack/sub/d") == [root / "stack/sub/d"]


def test_the_wheel_is_the_agents_alone_and_leaves_the_project_as_it_was(
    checkout_of: Callable[[Path], Checkout], tmp_path: Path
) -> None:
    checkout, before = checkout_of(PROJECT), set(PROJECT.iterdir())
    wheel = checkout.wheel(tmp_path)
    assert checkout.root == PROJECT and set(PROJECT.iterdir()) == before
    assert list(tmp_path.glob("*.whl")) == [wheel] and wheel.name.startswith("bootstrap_agent-")
    with zipfile.ZipFile(wheel) as packed:
        names = packed.namelist()
    assert {"bootstrap_agent/main.py", "bootstrap_agent/contract/errors.py"} <= set(names)
    assert all(name.startswith(("bootstrap_agent/", "bootstrap_agent-")) for name in names)
    assert wheel.stat().st_size < 200_000


def test_the_same_source_makes_the_same_wheel(checkout_of: Callable[[Path], Checkout], tmp_path: Path) -> None:
    """An image's hash covers it, so a second build must not look like a change."""
    checkout, made = checkout_of(PROJECT), []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        made.append(checkout.wheel(tmp_path / name).read_bytes())
    assert made[0] == made[1]


def test_a_folder_that_is_no_checkout_is_told_at_once(checkout_of: Callable[[Path], Checkout], tmp_path: Path) -> None:
    with pytest.raises(RequirementError, match="packer is missing") as failure:
        checkout_of(tmp_path)
    assert failure.value.remedy


def test_a_wheel_that_cannot_be_built_says_why(
    checkout_of: Callable[[Path], Checkout], root: Path, tmp_path: Path
) -> None:
    write(root, "agent/bootstrap_agent/__init__.py")
    (root / "agent/pyproject.toml").write_text("not TOML\n")
    with pytest.raises(BootstrapError, match=r"wheel could not be built: .*Expected '='") as failure:
        checkout_of(root).wheel(tmp_path)
    assert failure.value.remedy


def test_it_names_what_differs_from_a_commit(
    checkout_of: Callable[[Path], Checkout], root: Path, tmp_path: Path
) -> None:
    (root / ".gitignore").write_text("*.pyc\n")
    head = commit(root, ".")
    checkout, packer, stack = checkout_of(root), root / "packer", root / "stack"
    assert checkout.changed(head, [packer, stack]) == []
    (stack / "sub/d").write_text("other\n")
    (packer / "a").unlink()
    write(root, "stack/ö new", "stack/x.pyc", "elsewhere")
    assert checkout.changed(head, [packer, stack]) == ["packer/a", "stack/sub/d", "stack/ö new"]
    commit(root, ".")
    assert checkout.changed(head, [packer]) == ["packer/a"], "also when it is committed by now"
    assert checkout.changed("unknown", [packer]) is None
    assert checkout.changed("0" * 40, [packer]) is None
    write(tmp_path, "alone/f")
    assert checkout.changed(head, [tmp_path / "alone"]) is None
