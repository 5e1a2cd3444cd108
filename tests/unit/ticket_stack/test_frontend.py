"""What must hold of the front end before anybody builds it."""

from __future__ import annotations

import json
import re
from pathlib import Path

FRONTEND = Path(__file__).resolve().parents[3] / "stack" / "frontend"


def test_the_lock_file_pins_contents_and_names_no_registry() -> None:
    packages = json.loads((FRONTEND / "package-lock.json").read_text())["packages"]
    installed = {name: package for name, package in packages.items() if name}
    assert "node_modules/react" in installed
    assert [name for name, package in installed.items() if "integrity" not in package] == []
    assert [name for name, package in installed.items() if "resolved" in package] == []


def test_one_build_serves_any_domain() -> None:
    """Every address is a path of the site that served the page."""
    sources = [path for path in (FRONTEND / "src").rglob("*") if path.suffix in {".ts", ".tsx", ".css"}]
    assert len(sources) > 20
    assert [path.name for path in sources if re.search(r"https?://|import\.meta\.env", path.read_text())] == []


def test_nothing_inline_that_the_content_security_policy_would_block() -> None:
    page = (FRONTEND / "index.html").read_text()
    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=", page) == []
    sources = (FRONTEND / "src").rglob("*.tsx")
    assert [
        path.name for path in sources if re.search(r"\bstyle=|dangerouslySetInnerHTML|<style", path.read_text())
    ] == []
