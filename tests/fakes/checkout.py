"""A checkout whose wheel takes no package index. It passes the suite of the port."""

from __future__ import annotations

import zipfile
from pathlib import Path

from bootstrap.adapters.checkout import GitCheckout


class OfflineCheckout(GitCheckout):
    def wheel(self, into: Path) -> Path:
        path = into / "bootstrap-0-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as wheel:
            for file in self.files(self.root / "bootstrap"):
                wheel.write(file, file.relative_to(self.root))
        return path
