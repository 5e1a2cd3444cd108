"""What else makes a deployment: its values, its certificates with the authority's account, its release and
configuration. Without them a restored database knows nobody's password."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bootstrap_agent.backup import pipeline
from bootstrap_agent.backup.pipeline import Identity
from bootstrap_agent.backup.store import BackupStore
from bootstrap_agent.backup.stream import source_of
from bootstrap_agent.contract import dotenv, paths
from bootstrap_agent.contract.errors import BackupError
from bootstrap_agent.contract.manifest import StoredPart
from bootstrap_agent.contract.release import Release
from bootstrap_agent.run import run

_MEMORY = Path("/run")


def archive(release: Release) -> Any:
    """A tar on stdout, of absolute paths without their slash."""
    wanted = (release.folder / paths.ENV_FILE, paths.RELEASE, paths.DEPLOYMENT, paths.LETSENCRYPT)
    names = [str(path.relative_to("/")) for path in wanted if path.exists()]
    return source_of(["tar", "--create", "--numeric-owner", "--directory=/", "--", *names])


def restore(store: BackupStore, part: StoredPart, identity: Identity) -> dict[str, str]:
    """Certificates are put where there are none; the values of .env.production are returned. What is unpacked lies in
    memory only."""
    with TemporaryDirectory(dir=_MEMORY) as folder:
        unpack = ["tar", "--extract", "--numeric-owner", "--preserve-permissions", f"--directory={folder}"]
        pipeline.receive(store, part, identity, pipeline.into(unpack), "tar")
        found = sorted(Path(folder).rglob(paths.ENV_FILE))
        if not found:
            raise BackupError(f"object {part.key} holds no {paths.ENV_FILE}", "choose another backup")
        values = dotenv.final(found[0].read_text(), paths.ENV_FILE)
        certificates = Path(folder) / paths.LETSENCRYPT.relative_to("/")
        if (certificates / "live").exists() and not (paths.LETSENCRYPT / "live").exists():
            run(["cp", "--archive", f"{certificates}/.", str(paths.LETSENCRYPT)])
    return values
