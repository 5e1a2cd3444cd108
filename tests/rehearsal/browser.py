"""A real Chromium that trusts the local authority; names and certificates are really checked."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, ViewportSize

PHONE: ViewportSize = {"width": 360, "height": 740}
DESKTOP: ViewportSize = {"width": 1100, "height": 800}


def why_not() -> str | None:
    """Debian packages Chromium; Ubuntu 22.04 has a snap, which needs snapd and reads no other HOME."""
    if executable() is None:
        return "no Chromium: as root on Debian `make setup` installs it, Ubuntu 22.04 has it as a snap only"
    return None if shutil.which("certutil") else "no certutil: the package libnss3-tools is missing"


def executable() -> str | None:
    found = shutil.which("chromium")
    return None if found is None or "/snap/" in str(Path(found).resolve()) else found


@contextmanager
def chromium(playwright: Playwright, home: Path, domain: str, address: str, roots: Path | None) -> Iterator[Browser]:
    """`home` is a HOME of its own: Chromium on Linux trusts what the NSS database there does, beside its own list."""
    _trust(home, roots)
    browser = playwright.chromium.launch(
        executable_path=executable(),
        args=[f"--host-resolver-rules=MAP {domain} {address}", "--no-proxy-server"],
        chromium_sandbox=False,  # it does not start as root
        env={"HOME": str(home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
    )
    try:
        yield browser
    finally:
        browser.close()


def _trust(home: Path, roots: Path | None) -> None:
    store = home / ".pki" / "nssdb"
    store.mkdir(parents=True)
    database = f"sql:{store}"
    _certutil("-N", "-d", database, "--empty-password")
    found = re.findall(r"-----BEGIN CERT.*?END CERTIFICATE-----\n", roots.read_text(), re.S) if roots else []
    for number, certificate in enumerate(found):
        _certutil("-A", "-d", database, "-n", f"local authority {number}", "-t", "C,,", stdin=certificate)


def _certutil(*arguments: str, stdin: str = "") -> None:
    subprocess.run(["certutil", *arguments], input=stdin, check=True, capture_output=True, text=True, timeout=30)


class Complaints:
    """What pages say on their console: a blocked script or style, an uncaught error."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def listen(self, page: Page) -> None:
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.found.append(str(error)))

    def _said(self, message: ConsoleMessage) -> None:
        # An answer such as 401 is written there as well, and is no complaint.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.found.append(message.text)


def overflows(page: Page) -> int:
    """By how many pixels a page is wider than its window."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))
