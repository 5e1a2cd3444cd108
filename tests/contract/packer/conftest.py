"""Packer as it is installed, with a template that bakes nothing: a script looks at how it was called."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

# 1.7 and later read current/ as well, 1.6.6 would not understand it
TEMPLATE = """
variable "token" {
  type      = string
  sensitive = true
}
variable "inputs" { type = string }
variable "region" { type = string }
variable "snapshot_name" { type = string }
variable "tags" { type = list(string) }

source "null" "offline" { communicator = "none" }

build {
  sources = ["source.null.offline"]
  provisioner "shell-local" {
    environment_vars = ["GIVEN=${jsonencode({
      inputs = var.inputs, region = var.region, snapshot_name = var.snapshot_name, tags = var.tags, token = var.token
    })}"]
    inline = ["python3 ${path.root}/look.py"]
  }
}
"""
LOOK = r"""
import json, os, pathlib, stat, sys
here, given = pathlib.Path(__file__).parent, json.loads(os.environ["GIVEN"])
argvs, pid = [], os.getppid()
while pid:
    process = pathlib.Path("/proc", str(pid))
    # the shell between them has GIVEN on its command line: that is this template's own doing
    if (process / "comm").read_text() == "packer\n":
        argvs.append((process / "cmdline").read_text().split("\0"))
    pid = int((process / "stat").read_text().rpartition(")")[2].split()[1])
(values,) = {word.split("=", 1)[1] for argv in argvs for word in argv if word.startswith("-var-file=")}
seen = {"given": given, "argvs": argvs, "values": values, "text": pathlib.Path(values).read_text(),
        "mode": stat.S_IMODE(os.stat(values).st_mode)}
(here / "seen.json").write_text(json.dumps(seen))
print("\x1b[1;32mbaking\x1b[0m with", given["token"], flush=True)
if (here / "reason").exists():
    # on stdout as well: Packer reads the two side by side, and would tell them in any order
    print((here / "reason").read_text())
    sys.exit(1)
"""


@dataclass
class Kitchen:
    """`seen` is what the script saw of the last build."""

    template: Path

    @property
    def seen(self) -> Any:
        return json.loads((self.template / "seen.json").read_text())

    def fail(self, reason: str) -> None:
        (self.template / "reason").write_text(reason)


@pytest.fixture
def kitchen(tmp_path: Path) -> Kitchen:
    if shutil.which("packer") is None:
        pytest.skip("needs packer")
    template = tmp_path / "template"
    (template / "current").mkdir(parents=True)
    (template / "current" / "plugins.pkr.hcl").write_text("packer {\n  required_plugins {}\n}\n")
    (template / "null.pkr.hcl").write_text(TEMPLATE)
    (template / "look.py").write_text(LOOK)
    return Kitchen(template)
