"""Each check, the mails that wait, and the ping."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from bootstrap_agent.alerts import backups, machine, memory, run, services, tell
from bootstrap_agent.alerts.decide import Letter, Looked
from bootstrap_agent.alerts.memory import Cpu, Restarts, Samples, State
from bootstrap_agent.certificate.x509 import Certificate
from bootstrap_agent.contract import form
from bootstrap_agent.contract.answers import Alarm, Archive, BackupAge, Credentials, Failing
from bootstrap_agent.contract.errors import HostError

NOW = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)


def messages(looked: Looked) -> list[str]:
    return [finding.message for finding in looked.findings]


# --- the machine


class Stats:
    def __init__(self, used: int, inodes: int) -> None:
        self.f_blocks, self.f_bfree, self.f_bavail = 1000, 1000 - used, 1000 - used
        self.f_files, self.f_ffree = 100, 100 - inodes


def test_a_disk_at_85_percent(monkeypatch: pytest.MonkeyPatch) -> None:
    def at(used: int, *was: str, inodes: int = 0) -> list[str]:
        monkeypatch.setattr("os.statvfs", lambda _: Stats(used, inodes))
        return messages(machine.disks(was, {"data": Path("/srv/data")}))

    assert at(849) == []
    assert at(850) == ["the disk of /srv/data is 85 % full"]
    assert at(810, "disk:data") and not at(810) and not at(799, "disk:data"), "it is over when it is better"
    assert at(0, inodes=90) == ["the disk of /srv/data is 90 % full of its inodes"]


def test_a_real_disk_is_read(tmp_path: Path) -> None:
    machine.disks((), {"here": tmp_path})


def test_memory_below_10_percent_for_longer_than_a_moment() -> None:
    meminfo = "MemTotal:  1000 kB\nMemFree:  10 kB\nMemAvailable:  {} kB\n"
    assert messages(machine.memory((), meminfo.format(100))) == []
    (found,) = machine.memory((), meminfo.format(99)).findings
    assert found.message == "9 % of the memory is available" and found.after == timedelta(minutes=10)
    assert machine.memory(("memory",), meminfo.format(149)).findings
    assert not machine.memory(("memory",), meminfo.format(150)).findings
    assert machine.memory((), Path("/proc/meminfo").read_text()) is not None


def test_processors_over_15_minutes() -> None:
    def after(*busy_of_each_5_minutes: int) -> Looked:
        """In percent, on a machine of 100 ticks a second."""
        samples: tuple[Cpu, ...] = (Cpu(0, 0, 0),)
        looked = Looked()
        for place, busy in enumerate(busy_of_each_5_minutes, start=1):
            last = samples[-1]
            now = Cpu(place * 300.0, last.busy + busy * 300, last.total + 30000)
            looked, samples = machine.cpu((), (*samples, now))
            assert len(samples) <= 5
        return looked

    assert after(100, 100).unknown == ("cpu",), "nobody knows yet"
    assert messages(after(100, 100, 100)) == ["the processors are 100 % busy over 15 minutes"]
    assert messages(after(100, 100, 70)) == ["the processors are 90 % busy over 15 minutes"]
    assert not after(100, 100, 69).findings
    assert not after(*[100] * 9, 10, 10, 10).findings
    stat = "cpu  10 1 5 100 20 1 2 3 0 0\ncpu0 10 1 5 100 20 1 2 3 0 0\n"
    assert machine.cpu_now(stat, 7) == Cpu(7, 22, 142)
    assert machine.cpu_now(Path("/proc/stat").read_text(), 1).total > 0


def test_a_reboot_that_the_night_did_not_bring(tmp_path: Path) -> None:
    assert machine.reboot(tmp_path / "none") == Looked()
    (tmp_path / "due").touch()
    (found,) = machine.reboot(tmp_path / "due").findings
    assert found.after > DAY


# --- containers


def container(restarts: int, age: timedelta = DAY, id: str = "1") -> services.Counted:
    return services.Counted(id, "web-1", restarts, age, exit_code=3)


def test_a_container_that_starts_again_and_again() -> None:
    looked, kept = services.restarts([container(7)], {}, 0)
    assert not looked.findings, "whenever those were"
    looked, kept = services.restarts([container(11)], kept, 300)
    assert not looked.findings
    looked, kept = services.restarts([container(12)], kept, 600)
    assert messages(looked) == ["container web-1 started again 5 times within 15 minutes, exit code 3"]
    looked, kept = services.restarts([container(12)], kept, 899)
    assert looked.findings
    looked, kept = services.restarts([container(12)], kept, 1501)
    assert not looked.findings, "it is calm"
    assert services.restarts([], kept, 1600) == (Looked(), {})
    assert services.restarts([container(5, MINUTE)], {}, 0)[0].findings, "a new one begins with none"
    _, young = services.restarts([container(2, MINUTE)], {}, 0)
    assert services.restarts([container(5, 2 * MINUTE)], young, 60)[0].findings, "also when it was counted meanwhile"


def test_what_docker_says_of_a_container() -> None:
    inspected = {
        "Id": "abc",
        "Name": "/web-1",
        "RestartCount": 4,
        "Created": "2026-11-24T11:59:00.123456789Z",
        "State": {"ExitCode": 1},
    }
    assert services._counted(inspected, NOW) == services.Counted("abc", "web-1", 4, MINUTE, 1)


# --- backups, archive, certificate

UNIT, TIMER = "bootstrap-backup-database.service", "bootstrap-backup-database.timer"


def systemd(
    monkeypatch: pytest.MonkeyPatch, timer: str, state: str, result: str, status: int, journal: str = ""
) -> None:
    class Said:
        code = 0

        def __init__(self, out: str) -> None:
            self.out = out

    def run(argv: list[str], **_: object) -> Said:
        if argv[0] == "journalctl":
            return Said(journal)
        if argv[2] == TIMER:
            return Said(f"ActiveState={timer}\nResult=success\n")
        return Said(f"ActiveState={state}\nResult={result}\nExecMainStatus={status}\n")

    monkeypatch.setattr(backups, "run", run)


@pytest.mark.parametrize(
    ("timer", "state", "result", "status", "told"),
    [
        ("active", "inactive", "success", 0, []),
        ("inactive", "inactive", "success", 0, [f"{TIMER} is not on: no backup is made by itself"]),
        ("active", "failed", "exit-code", 3, [f"{UNIT} failed: Spaces refuses the key"]),
        ("active", "activating", "exit-code", 10, [f"{UNIT} failed: Spaces refuses the key"]),
        ("active", "activating", "exit-code", 5, []),
        ("active", "failed", "exit-code", 5, [f"{UNIT} failed: Spaces refuses the key"]),
    ],
)
def test_a_backup_that_failed(
    monkeypatch: pytest.MonkeyPatch, timer: str, state: str, result: str, status: int, told: list[str]
) -> None:
    systemd(monkeypatch, timer, state, result, status, "error: earlier\nerror: Spaces refuses the key\nhint: x\n")
    assert messages(backups.made_by_themselves((TIMER,))) == told


def test_one_under_way_is_no_success_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    systemd(monkeypatch, "active", "activating", "success", 0)
    assert backups.made_by_themselves((TIMER,)) == Looked(unknown=("backup:bootstrap-backup-database",))
    systemd(monkeypatch, "active", "failed", "timeout", 0)
    assert messages(backups.made_by_themselves((TIMER,))) == [f"{UNIT} failed: timeout"]


def test_a_late_and_a_missing_backup() -> None:
    def told(found: BackupAge, began: datetime = NOW - 30 * DAY) -> list[str]:
        return messages(backups.newest(found, began, NOW))

    assert told(BackupAge("20261123_100000", 26 * 3600)) == []
    assert told(BackupAge("20261123_095900", 26 * 3600 + 60)) == ["the newest backup, 20261123_095900, is 26 hours old"]
    assert told(BackupAge(None, None)) == ["there is no backup"]
    assert told(BackupAge(None, None), began=NOW - DAY) == [], "it is still to come"


def test_an_archive_that_falls_behind(tmp_path: Path) -> None:
    file = tmp_path / "archive.json"
    assert backups.archive(NOW, file) == Looked()

    def told(state: Archive, age: timedelta = MINUTE) -> list[str]:
        """As the archiver writes it."""
        file.write_text(form.encode(state))
        os.utime(file, ((NOW - age).timestamp(),) * 2)
        return messages(backups.archive(NOW, file))

    assert told(Archive(None)) == told(Archive(NOW)) == told(Archive(NOW, NOW - MINUTE, "no route")) == []
    (late,) = told(Archive(None, NOW - 3 * MINUTE, "no route"))
    assert late == "the databases' log is not archived since 2026-11-24 11:57 UTC: no route"
    assert told(Archive(NOW, baseless_since=NOW - 59 * MINUTE)) == [], "a large one takes a while"
    (baseless,) = told(Archive(NOW, baseless_since=NOW - HOUR))
    assert baseless.startswith("the databases' log has no base backup since 2026-11-24 11:00 UTC")
    (silent,) = told(Archive(NOW - HOUR), age=HOUR)
    assert silent == "the archiver of the databases' log is silent since 11:00 UTC"


@pytest.mark.parametrize(
    ("state", "well"), [("active", True), ("activating", True), ("failed", False), ("inactive", False)]
)
def test_an_archiver_that_is_off(monkeypatch: pytest.MonkeyPatch, state: str, well: bool) -> None:
    systemd(monkeypatch, "active", state, "success", 0)
    assert bool(messages(backups.archiving())) is not well


def test_a_check_that_breaks_hides_no_other_and_ends_nothing() -> None:
    def broken() -> Looked:
        raise KeyError("ActiveState")

    looked = run._asked("timers", broken)
    (found,) = looked.findings
    assert found.after == run.UNCHECKED and looked.unknown == ("backup",)


@pytest.mark.parametrize(("days", "quiet_left"), [(90, 27.0), (45, 13.5), (6, 1.8)])
def test_a_certificate_that_ends(days: int, quiet_left: float) -> None:
    def told(left: float, renew_at: timedelta = DAY * days * 2 / 3, failing: Failing | None = None) -> list[str]:
        end = NOW + DAY * left
        made = end - DAY * days
        return messages(backups.ends(Certificate("i", made, end, frozenset(), None), made + renew_at, failing, NOW))

    assert told(quiet_left) == []
    assert told(quiet_left - 0.01)
    assert told(quiet_left - 0.01, DAY * days * 0.9) == [], "its authority lets it be renewed later"
    assert told(-1, failing=Failing(NOW, "no DNS", NOW))[0].endswith("since 2026-11-24T12:00:00Z: no DNS")


# --- what is remembered and told


def test_what_is_remembered_comes_back_and_rubbish_is_begun_anew(tmp_path: Path) -> None:
    state = State(NOW, NOW, (Alarm("k", "m", NOW),), (Letter("s", "t"),), "p")
    aside = tmp_path / "aside"
    memory.remember(state, tmp_path / "state", aside)
    assert memory.recall(tmp_path / "state", aside) == state and not aside.exists()
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o600
    samples = Samples((Cpu(1.0, 2, 3),), {"id": (Restarts(1.0, 2),)})
    memory.keep(samples, tmp_path / "run" / "samples")
    assert memory.samples(tmp_path / "run" / "samples") == samples
    (tmp_path / "state").write_text("[")
    assert memory.recall(tmp_path / "state", aside) == memory.recall(tmp_path / "none", aside) == State()


def test_a_volume_that_takes_nothing_keeps_nobody_from_telling_and_tells_once(tmp_path: Path) -> None:
    path, aside = tmp_path / "volume" / "state", tmp_path / "run" / "aside"
    early, late = State(NOW, NOW), State(NOW, NOW + MINUTE, (Alarm("disk:data", "full", NOW, NOW),))
    path.parent.mkdir()
    memory.remember(early, path, aside)
    # root writes wherever there is a folder
    shutil.move(path.parent, tmp_path / "away")
    memory.remember(late, path, aside)
    shutil.move(tmp_path / "away", path.parent)
    assert memory.recall(path, aside) == late
    again = State(NOW, NOW + 2 * MINUTE)
    memory.remember(again, path, aside)
    assert memory.recall(path, aside) == again and not aside.exists()


def test_what_the_server_does_not_take_waits_and_comes_in_its_order() -> None:
    kept: list[State] = []
    arrived: list[str] = []
    works = False

    def post(letter: Letter) -> None:
        if not works:
            raise HostError("no mail to x: greylisted")
        arrived.append(letter.subject)

    state = tell.sent(State(), Letter("1", ""), post, kept.append)
    state = tell.sent(state, Letter("2", ""), post, kept.append)
    assert [letter.subject for letter in state.outbox] == ["1", "2"] and state.problem == "no mail to x: greylisted"
    assert kept[-1] == state
    works = True
    state = tell.sent(state, None, post, kept.append)
    assert arrived == ["1", "2"] and state == State() == kept[-1]
    for number in range(2 * tell.WAITING):
        works = False
        state = tell.sent(state, Letter(str(number), ""), post, kept.append)
    assert len(state.outbox) == tell.WAITING and state.outbox[-1].subject == str(2 * tell.WAITING - 1)
    assert tell.sent(state, Letter("x", ""), None, kept.append).outbox == (), "there is nobody to tell"


class Heard(http.server.BaseHTTPRequestHandler):
    paths: list[str]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.paths.append(f"{self.headers['Content-Type']} {body}")
        self.send_response(404 if "unknown" in self.path else 200)
        self.end_headers()

    def do_GET(self) -> None:
        self.paths.append(self.path)
        self.send_response(404 if "unknown" in self.path else 200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def service() -> Iterator[tuple[str, list[str]]]:
    paths: list[str] = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Heard,), {"paths": paths}))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", paths
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_ping_url_hears_whether_all_is_well(service: tuple[str, list[str]]) -> None:
    url, paths = service
    assert tell.ping(f"{url}/secret") is None
    assert tell.ping(f"{url}/secret", well=False) is None
    assert paths == ["/secret", "/secret/fail"]
    assert tell.ping(f"{url}/unknown-secret") == "status 404"
    for wrong in ("http://127.0.0.1:1/secret", "http://name.invalid/secret", "http://[secret"):
        said = tell.ping(wrong)
        assert said and "secret" not in said, "whoever knows it may say that all is well"


def test_the_ping_url_is_in_no_text() -> None:
    assert "secret" not in repr(Credentials(ping_url="https://hc.example/secret"))
    assert "secret" not in repr(Credentials(webhook_url="https://chat.example/secret"))


def test_the_chat_gets_what_the_mail_says(service: tuple[str, list[str]]) -> None:
    url, heard = service
    letter = Letter("[example.com] 1 alarm", "the backup fails: größer")
    assert tell.chat(f"{url}/secret", "example.com", letter) is None
    kind, _, body = heard[0].partition(" ")
    text = "[example.com] 1 alarm\nthe backup fails: größer"
    assert kind == "application/json"
    assert json.loads(body) == {"text": text, "content": text, "event": "alarm", "domain": "example.com"}
    assert tell.chat(f"{url}/unknown-secret", "example.com", letter) == "status 404"
    for wrong in ("http://127.0.0.1:1/secret", "http://name.invalid/secret", "http://[secret"):
        said = tell.chat(wrong, "example.com", letter)
        assert said and "secret" not in said, "whoever knows it may write there"
