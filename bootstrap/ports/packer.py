"""Packer, as a program on this computer. Implementation: `adapters/packer.py`.

- Secrets are environment variables of the process, never in argv; its output never shows them.
- `build` returns when Packer has, and raises CloudError, with the last error Packer printed, when it failed.
- A killed build leaves Packer's own droplet and key: whoever starts the next one looks for them first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol


class Packer(Protocol):
    def build(
        self,
        template: Path,
        *,
        variables: Mapping[str, object],
        secrets: Mapping[str, str],
        line: Callable[[str], None],
    ) -> None:
        """`template` is a folder of *.pkr.hcl; `variables` go into a file of mode 0600, `secrets` (by variable
        name) into the environment; each line that Packer prints goes to `line`, without colours."""
