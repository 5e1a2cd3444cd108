"""A log that several processes write and that stays small."""

from __future__ import annotations

import json
import multiprocessing
import os
import tempfile
from logging import makeLogRecord
from pathlib import Path
from unittest import TestCase, mock

from common import logs

LINES, PROCESSES = 400, 4


def write(path: str, writer: int) -> None:
    handler = logs.SharedFile(path, at_most_bytes=20_000, kept=20)
    handler.setFormatter(logs.JsonFormatter("test"))
    for number in range(LINES):
        handler.emit(makeLogRecord({"msg": f"{writer}/{number}", "levelname": "INFO"}))


class SharedFile(TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.path = self.folder / "service.log"

    def test_many_processes_lose_no_line_and_none_is_cut(self) -> None:
        started = multiprocessing.get_context("fork")
        writers = [started.Process(target=write, args=(str(self.path), number)) for number in range(PROCESSES)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join(60)
        files = list(self.folder.glob("service.log*"))
        said = [json.loads(line)["message"] for file in files for line in file.read_text().splitlines()]
        self.assertEqual((len(said), len(set(said))), (LINES * PROCESSES,) * 2)
        self.assertGreater(len(files), 5)
        self.assertLess(max(file.stat().st_size for file in files), 25_000)

    def test_old_ones_go(self) -> None:
        handler = logs.SharedFile(str(self.path), at_most_bytes=100, kept=2)
        for number in range(50):
            handler.emit(makeLogRecord({"msg": f"{number} {'x' * 60}"}))
        kept = {file.name for file in self.folder.iterdir()} - {"service.lock"}
        self.assertEqual(kept, {"service.log", "service.log.1", "service.log.2"})

    def test_it_is_written_where_there_is_a_place_and_docker_has_it_anyway(self) -> None:
        for place, handlers in ((self.folder, ["stderr", "file"]), (self.folder / "none", ["stderr"])):
            with mock.patch.dict(os.environ, {"LOG_FILE": f"{place}/service.log"}):
                self.assertEqual(logs.configuration("test")["root"]["handlers"], handlers)
