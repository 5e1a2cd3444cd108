"""Files into a folder beside the one in use, which they may replace in an instant."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from bootstrap_agent.backup.stream import child
from bootstrap_agent.contract.errors import BackupError
from bootstrap_agent.contract.paths import DATA
from bootstrap_agent.files import exchange
from bootstrap_agent.intake.through import fed, unpacked


def staged(folder: str, data: Path = DATA) -> Path:
    return data / f".{folder}.import"


def load(folder: str, pieces: Iterable[bytes], owner: int, data: Path = DATA) -> int:
    """How many files came. They are the volume's owner's, whatever number that user had elsewhere."""
    place = staged(folder, data)
    discard(folder, data)
    place.mkdir(mode=0o700)
    argv = ["tar", "--extract", "--no-same-owner", "--delay-directory-restore", f"--directory={place}"]

    def start(errors: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors)

    try:
        with child(start, "tar") as (process, finish):
            with fed(process, unpacked(pieces)) as feeding:
                feeding()
            finish()
        count = _own(place, owner)
        if not count:
            raise BackupError(f"there is no file in what came for {folder}", "is it a tar file?")
        return count
    except BaseException:
        discard(folder, data)
        raise


def _own(place: Path, owner: int) -> int:
    count = 0
    for parent, _, files in os.walk(place):
        os.chown(parent, owner, owner)
        for name in files:
            os.chown(Path(parent) / name, owner, owner, follow_symlinks=False)
        count += len(files)
    return count


def count(folder: str, data: Path = DATA) -> int:
    return sum(len(files) for _, _, files in os.walk(data / folder))


def swap(folder: str, data: Path = DATA) -> None:
    """What was there lies where this came, until `discard`. A container that has it mounted is made anew."""
    place, current = staged(folder, data), data / folder
    shutil.copystat(current, place)
    kept = current.stat()
    os.chown(place, kept.st_uid, kept.st_gid)
    exchange(place, current)


def discard(folder: str, data: Path = DATA) -> None:
    if (place := staged(folder, data)).exists():
        shutil.rmtree(place)
