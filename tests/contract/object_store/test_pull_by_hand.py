"""A folder that was pulled is what docs/recovery-by-hand.md works with: its own commands, as they stand."""

from __future__ import annotations

import re
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from bootstrap.adapters.copy_folder import CopyFolder
from bootstrap.deployment import recovery
from bootstrap.operations.pull.run import pull
from bootstrap.settings import Settings
from bootstrap_agent.backup import pipeline
from bootstrap_agent.backup.stream import source_of
from bootstrap_agent.contract import manifest, wal
from bootstrap_agent.contract.manifest import ClusterPart, DatabasePart, Manifest, MediaPart, StoredPart
from tests.contract.object_store.server import Server
from tests.fakes.world import ROOT, Quiet

PAGE = (ROOT / "docs" / "recovery-by-hand.md").read_text()
PREFIX, SYSTEM = "example_com/", "7713473091693441041"
SEGMENT = wal.name(1, 2, 16 << 20)


def block(holds: str, kind: str = "sh") -> str:
    """The page's block of that kind with these words in it."""
    (found,) = [text for text in re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL) if holds in text]
    return str(found)


@pytest.fixture
def backed_up(server: Server, tmp_path: Path) -> tuple[Settings, str, str]:
    """With a backup as the agent makes it, of little; its bucket and its id."""
    settings = Settings.model_validate({"domain": "example.com", "recovery_key": tmp_path / "recovery.key"})
    own, bucket, at = recovery.ensure(settings.recovery_file), server.new_bucket(), datetime.now(timezone.utc)
    store, made = server.agent(bucket), manifest.new_id(at - timedelta(minutes=1))
    content = tmp_path / "content"
    for name in ("media_files/picture", "PG_VERSION", "env/.env.production"):
        (content / name).parent.mkdir(parents=True, exist_ok=True)
        (content / name).write_text(f"{name}\n")

    def sent(key: str, *argv: str) -> StoredPart:
        with source_of(argv) as source:
            return pipeline.send(store, key, source, own)

    def tar(key: str, name: str) -> StoredPart:
        return sent(key, "tar", "--create", f"--directory={content}", name)

    dump = sent(manifest.database_key(PREFIX, made, "ticket_db"), "echo", "SELECT 1;")
    base, media = (
        tar(manifest.cluster_key(PREFIX, made), "PG_VERSION"),
        tar(manifest.media_key(PREFIX, made), "media_files"),
    )
    sent(manifest.wal_key(PREFIX, SYSTEM, SEGMENT), "echo", "the log")
    found = Manifest(
        id=made,
        kind="full",
        created_at=manifest.time_of(made),
        databases={"ticket_db": DatabasePart(dump.key, dump.size, dump.sha256, {})},
        cluster=ClusterPart(
            key=base.key,
            size=base.size,
            sha256=base.sha256,
            system=SYSTEM,
            timeline=1,
            segment_size=16 << 20,
            postgres="17.6",
            restore_point="p",
            wal_from=SEGMENT,
            wal_until=SEGMENT,
            rows={},
        ),
        media=MediaPart(media.key, media.size, media.sha256, ("media_files",)),
        settings=tar(manifest.settings_key(PREFIX, made), "env"),
        recipient=own,
    )
    store.put(manifest.manifest_key(PREFIX, made), manifest.render(found))
    return settings, bucket, made


def test_the_page_opens_what_was_pulled(server: Server, backed_up: tuple[Settings, str, str], tmp_path: Path) -> None:
    settings, bucket, made = backed_up
    assert pull(settings, server.store(bucket), CopyFolder(tmp_path / "copy"), Quiet()).problems == ()
    linked = re.sub(r"^\$ ", "", block("ln -s DIR", "console"), flags=re.MULTILINE).replace(
        "DIR", str(tmp_path / "copy")
    )
    script = "\n".join(["set -eu", linked, block("opened() {"), block("recovery.signal")])
    environment = {"ID": made, "DATABASE": "ticket_db", "PATH": "/usr/local/bin:/usr/bin:/bin"}
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "ticket_db.sql").read_text() == "SELECT 1;\n"
    assert (tmp_path / "media/media_files/picture").read_text() == "media_files/picture\n"
    assert (tmp_path / "settings/env/.env.production").read_text() == "env/.env.production\n"
    assert (tmp_path / "cluster/PG_VERSION").read_text() == "PG_VERSION\n"
    assert (tmp_path / "log" / SEGMENT).read_text() == "the log\n"
