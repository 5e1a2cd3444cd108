"""One JSON object a line, with the id of the request that caused it: on stderr, and in a file if there is a place."""

from __future__ import annotations

import fcntl
import json
import logging
import os
from contextvars import ContextVar
from datetime import datetime, timezone
from logging.handlers import WatchedFileHandler
from pathlib import Path
from typing import Any

from common import env

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)


class JsonFormatter(logging.Formatter):
    """`extra={"data": {...}}` adds fields of one's own."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self.service = service

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "service": self.service,
            "logger": record.name,
            "request_id": request_id.get(),
            "message": record.getMessage(),
            **getattr(record, "data", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


class SharedFile(WatchedFileHandler):
    """A file that several processes write: whoever finds it full makes room, the others notice that it is another."""

    def __init__(self, filename: str, at_most_bytes: int, kept: int) -> None:
        super().__init__(filename, encoding="utf-8", delay=True)
        self._path, self._at_most_bytes, self._kept = Path(filename), at_most_bytes, kept

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._make_room()
        except OSError:
            self.handleError(record)
        super().emit(record)

    def _is_full(self) -> bool:
        try:
            return self._path.stat().st_size >= self._at_most_bytes
        except FileNotFoundError:
            return False

    def _make_room(self) -> None:
        if not self._is_full():
            return
        with self._path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not self._is_full():
                return  # another process was quicker
            names = [self._path, *(Path(f"{self._path}.{number}") for number in range(1, self._kept + 1))]
            for older, newer in zip(reversed(names[1:]), reversed(names[:-1]), strict=True):
                if newer.exists():
                    newer.replace(older)


def _file_handler() -> dict[str, Any]:
    """Of LOG_FILE, if it can be written: a job has no such place, and without it there is Docker's log."""
    path = env.optional("LOG_FILE")
    if not path or not os.access(Path(path).parent, os.W_OK):
        return {}
    size = {"at_most_bytes": 5 * 1024 * 1024, "kept": 2}
    return {"file": {"()": "common.logs.SharedFile", "filename": path, "formatter": "json", **size}}


def configuration(service: str) -> dict[str, Any]:
    """For Django's LOGGING and for gunicorn's logconfig_dict."""
    quiet = {"level": "ERROR"}  # every request is logged once, by the middleware
    handlers = {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}, **_file_handler()}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": "common.logs.JsonFormatter", "service": service}},
        "handlers": handlers,
        "root": {"handlers": list(handlers), "level": "INFO"},
        "loggers": {
            "django": {"handlers": [], "propagate": True},
            "django.request": quiet,
            "django.security.DisallowedHost": {"level": "CRITICAL"},
            "gunicorn.error": {"handlers": [], "propagate": True, "level": "INFO"},
            "gunicorn.access": {"handlers": [], "propagate": False, "level": "CRITICAL"},
        },
    }
