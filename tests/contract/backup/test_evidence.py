"""What the manifest says of media is what a restore finds on its disk, whatever lies there; and not when one byte of
one file is another."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from msgspec import UNSET

from bootstrap_agent.backup import evidence, media
from bootstrap_agent.contract import form
from bootstrap_agent.contract.errors import BackupError
from bootstrap_agent.contract.manifest import MEDIA as KIND
from bootstrap_agent.contract.manifest import Held, MediaPart, StoredPart
from tests.contract.backup.conftest import MEDIA, Deployed


def filled(folder: Path) -> Path:
    """With what tar has kinds for."""
    (folder / "b").mkdir(parents=True)
    (folder / "empty").mkdir()
    for name, size in (("a", 0), ("b/large", 3 << 20), ("b/x", 511), ("c" * 200, 512), ("umläut ☃", 513)):
        (folder / name).write_bytes(os.urandom(size))
    Path(os.fsdecode(bytes(folder) + b"/no\xfftext")).write_bytes(b"x")
    (folder / "link").symlink_to("b/x")
    os.link(folder / "b" / "x", folder / "twice")
    os.mkfifo(folder / "pipe")
    return folder


def held(data: Path, *folders: str) -> dict[str, Held]:
    with media.archive(folders, data) as archive:
        return evidence.of(archive)


def test_a_copy_is_the_same_and_any_change_is_seen(tmp_path: Path) -> None:
    folder = filled(tmp_path / "one" / "pictures")
    (tmp_path / "one" / "other").mkdir()
    told = held(folder.parent, "pictures", "other")
    assert (told["pictures"].files, told["pictures"].size) == (6, (3 << 20) + 511 + 512 + 513 + 1)
    assert told["other"].files == 0
    copy = tmp_path / "two" / "pictures"
    copy.parent.mkdir()
    subprocess.run(["cp", "--archive", str(folder), str(copy)], check=True)
    (copy.parent / "other").mkdir()
    assert held(copy.parent, "pictures", "other") == told
    changes = {
        "a bit": lambda: (copy / "b" / "large").write_bytes(b"\x01" + (copy / "b" / "large").read_bytes()[1:]),
        "a name": lambda: (copy / "a").rename(copy / "z"),
        "a link": lambda: ((copy / "link").unlink(), (copy / "link").symlink_to("a")),
        "one less": lambda: (copy / "b" / "x").unlink(),
    }
    for what, change in changes.items():
        shutil.rmtree(copy)
        subprocess.run(["cp", "--archive", str(folder), str(copy)], check=True)
        change()
        (wrong,) = evidence.differences(told, held(copy.parent, "pictures", "other"))
        assert wrong.startswith("pictures holds "), what


@pytest.mark.root
def test_the_manifest_says_what_was_streamed(deployed: Deployed) -> None:
    filled(deployed.data / MEDIA / "more")
    made = deployed.back_up(KIND)
    assert made.media and made.media.holds == held(deployed.data, MEDIA)
    assert deployed.store.manifest(made.id) == made


@pytest.mark.root
def test_a_tar_that_dies_is_told_by_its_own_words(deployed: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    (deployed.data / MEDIA).rename(deployed.data / "elsewhere")
    with pytest.raises(BackupError, match=f"tar failed: tar: {MEDIA}: Cannot stat"):
        deployed.back_up(KIND)
    assert deployed.store.manifest_ids() == [] and deployed.store.abort_unfinished() == 0


def test_a_part_of_before_there_was_evidence_is_written_as_it_was() -> None:
    old = MediaPart("k", 1, "0", ("pictures",))
    assert old.holds is UNSET and "holds" not in form.encode(old)
    assert form.decode(form.encode(old), MediaPart) == old
    with_it = MediaPart("k", 1, "0", ("pictures",), {"pictures": Held(1, 2, "3")})
    assert form.decode(form.encode(with_it), MediaPart) == with_it and isinstance(with_it, StoredPart)
