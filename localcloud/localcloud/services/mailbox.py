"""Mails as files: one `.eml` each, with a first line of our own that holds the envelope. Newest first, everywhere."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from localcloud.host.files import write_atomically

KEPT = 1000
LONGEST_TEXT = 100_000
_ENVELOPE = b"X-Envelope: "


@dataclass(frozen=True)
class Mail:
    """`recipients` are those of the envelope: who really gets it, blind copies too."""

    id: str
    at: str
    sender: str
    recipients: tuple[str, ...]
    subject: str
    message_id: str
    text: str

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "at": self.at,
            "from": self.sender,
            "to": list(self.recipients),
            "subject": self.subject,
            "message_id": self.message_id,
            "text": self.text,
        }


class Mailbox:
    """One process writes, any may read: a file is there whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._last = 0

    def add(self, sender: str, recipients: list[str], content: bytes) -> str:
        """On disk when it returns; its id. Only the newest KEPT stay."""
        known = self._paths()
        # ids grow, also when the clock is set back
        self._last = max(self._last + 1, time.time_ns(), int(known[0].stem) + 1 if known else 0)
        envelope = {"at": _now(), "from": sender, "to": recipients}
        path = self._folder / f"{self._last}.eml"
        write_atomically(path, _ENVELOPE + json.dumps(envelope).encode() + b"\r\n" + content)
        for old in known[KEPT - 1 :]:
            old.unlink(missing_ok=True)
        return path.stem

    def mails(self, to: str | None = None, limit: int = KEPT) -> Iterator[Mail]:
        for path in self._paths():
            if limit <= 0:
                return
            mail = _read(path, to)
            if mail is not None:
                limit -= 1
                yield mail

    def mail(self, identifier: str) -> Mail | None:
        path = self._path(identifier)
        return _read(path) if path else None

    def source(self, identifier: str) -> bytes | None:
        """As it came, without our first line."""
        path = self._path(identifier)
        raw = _bytes(path) if path else None
        return raw.partition(b"\r\n")[2] if raw is not None else None

    def clear(self) -> None:
        for path in self._paths():
            path.unlink(missing_ok=True)

    def _path(self, identifier: str) -> Path | None:
        # an id comes from a visitor: it must not lead out of the folder
        return self._folder / f"{identifier}.eml" if re.fullmatch("[0-9]{1,20}", identifier) else None

    def _paths(self) -> list[Path]:
        # not glob(): that takes a folder which may not be read for an empty one
        try:
            found = [path for path in self._folder.iterdir() if path.suffix == ".eml"]
        except FileNotFoundError:
            return []
        return sorted(found, key=lambda path: int(path.stem), reverse=True)


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None  # deleted since it was listed


def _read(path: Path, to: str | None = None) -> Mail | None:
    """None when it is gone, or not `to` that address."""
    try:
        with path.open("rb") as stream:
            envelope = json.loads(stream.readline().removeprefix(_ENVELOPE))
            if to is not None and to.lower() not in (address.lower() for address in envelope["to"]):
                return None
            content = stream.read()
    except FileNotFoundError:
        return None
    subject, sender, message_id, text = _content(content)
    return Mail(
        id=path.stem,
        at=envelope["at"],
        sender=sender or envelope["from"],
        recipients=tuple(envelope["to"]),
        subject=subject,
        message_id=message_id,
        text=text[:LONGEST_TEXT],
    )


def _content(raw: bytes) -> tuple[str, str, str, str]:
    """Subject, From, Message-ID and text."""
    try:
        message = BytesParser(EmailMessage, policy=policy.default).parsebytes(raw)
        subject, sender, message_id = (str(message[name] or "") for name in ("Subject", "From", "Message-ID"))
        return subject, sender, message_id, _text(message)
    except Exception:
        # The parser has been seen to raise nearly anything on what no one should send; such a mail still is to be seen.
        return "(this mail does not parse)", "", "", raw.decode(errors="replace")


def _text(message: EmailMessage) -> str:
    part = message.get_body(("plain", "html"))
    if part is None:
        return ""
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    try:
        text = payload.decode(part.get_content_charset("utf-8"), errors="replace")
    except LookupError:  # no such charset
        text = payload.decode(errors="replace")
    text = text.replace("\r\n", "\n")
    return _Plain.of(text) if part.get_content_type() == "text/html" else text


class _Plain(HTMLParser):
    """The words and links of an HTML mail."""

    BREAKS = frozenset(("p", "br", "div", "tr", "li", "h1", "h2", "h3", "table"))
    SILENT = frozenset(("style", "script", "title"))

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[str] = []
        self._silent = 0

    @classmethod
    def of(cls, html: str) -> str:
        parser = cls()
        parser.feed(html)
        parser.close()
        lines = (" ".join(line.split()) for line in "".join(parser._pieces).splitlines())
        return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self.BREAKS:
            self._pieces.append("\n")
        elif tag == "a" and (link := dict(attrs).get("href")):
            self._pieces.append(f" {link} ")
        self._silent += tag in self.SILENT

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in self.SILENT and self._silent > 0

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self._pieces.append(re.sub(r"\s+", " ", data))
