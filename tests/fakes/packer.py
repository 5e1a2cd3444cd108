"""A Packer whose snapshot is in the cloud in memory at once. It passes the suite of the port."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bootstrap.errors import CloudError
from tests.fakes.cloud import FakeCloud, ago


@dataclass
class MemoryPacker:
    cloud: FakeCloud
    variables: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    archive: dict[str, int] = field(default_factory=dict)
    error: str | None = None

    def build(
        self, template: Path, *, variables: Mapping[str, Any], secrets: Mapping[str, str], line: Callable[[str], None]
    ) -> None:
        self.variables, self.secrets = variables, secrets
        if not list(template.glob("*.pkr.hcl")):
            raise CloudError(f"packer build failed: {template} holds no template")
        with tarfile.open(variables["inputs"]) as tar:
            self.archive = {member.name: member.mode for member in tar.getmembers()}
        line("==> digitalocean.droplet: Creating droplet...")
        if self.error:
            raise CloudError(f"packer build failed: {self.error}")
        # each is newer than the one before, however fast they follow
        later = ago(-len(self.cloud.images()))
        self.cloud.add_image(variables["snapshot_name"], created_at=later, region=variables["region"])
