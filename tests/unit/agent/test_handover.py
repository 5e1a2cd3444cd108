"""The order of what must not be in another one: on a machine, all of it runs for real in the rehearsals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from bootstrap_agent import handover, preflight, standby, takeover
from bootstrap_agent.clock import Clock
from bootstrap_agent.compose import Container
from bootstrap_agent.contract import errors, form, paths
from bootstrap_agent.contract.answers import Preflight, TakenOver
from bootstrap_agent.contract.stack import parse
from bootstrap_agent.run import Result

PLAIN: dict[str, Any] = {"name": "x", "health": ["/"], "data_services": ["db"], "jobs": ["migrate"]}
X = parse(
    {
        **PLAIN,
        "databases": {"service": "db", "names": {"a": "a"}, "admin_user": "U"},
        "reconcile": [{"service": "db", "command": ["true"]}],
        "handover": {"warm": ["app"], "later": ["worker"], "serving": ["/up/"], "skip_unchanged_jobs": True},
    }
)


class Here:
    """Compose, with the containers that a pre-flight left."""

    def __init__(self) -> None:
        self.states = {"db": "exited", "web": "exited", "app": "running", "worker": "exited"}

    def containers(self) -> list[Container]:
        return [Container(name, name, state, "", 0) for name, state in self.states.items()]

    def execute(self, *_: Any, **__: Any) -> Result:
        return Result(0, "", "")


class Deployed:
    volume, domain = "data", "x.example"


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    done: list[str] = []

    def told(name: str) -> Any:
        return lambda *_, **__: done.append(name)

    for module, names in {
        handover: ("delayed.disarm", "timers.disable", "timers.enable", "boot.disable", "bound.arm", "hold.hold",
                   "stopping.end", "volume.unmount", "volume.mount", "stack.up"),
        takeover: ("volume.mount", "seal.open_again", "stack.bring_up", "stack.start", "stack.reconcile",
                   "stack.run_jobs", "pair.install", "boot.enable", "bound.disarm", "hold.release", "delayed.arm"),
        standby: ("hold.hold",),
    }.items():  # fmt: skip
        for name in names:
            owner, _, function = name.partition(".")
            monkeypatch.setattr(getattr(module, owner), function, told(name))
    monkeypatch.setattr(handover, "_ahead", told("ahead"))
    monkeypatch.setattr(takeover.gate, "wait", lambda domain, paths, patience_s: done.append(f"answers {paths}"))
    monkeypatch.setattr(takeover, "run", lambda argv, **_: done.append(" ".join(argv[:1] + argv[-1:])))
    for name in ("PREFLIGHT", "TAKEOVER"):
        monkeypatch.setattr(paths, name, tmp_path / name)
    return done


def take_over(x: Any = X) -> TakenOver:
    return takeover.take_over(None, Deployed, x, Here())  # type: ignore[arg-type]


def test_the_droplet_prepares_before_visitors_wait_and_lets_them_in_again_if_nobody_comes(done: list[str]) -> None:
    handover.hand_over(60, Deployed, X, Here(), {})  # type: ignore[arg-type]
    assert done == [
        "bound.arm",
        "delayed.disarm",
        "timers.disable",
        "ahead",
        "boot.disable",
        "bound.arm",
        "hold.hold",
        "stopping.end",
        "volume.unmount",
    ]


def test_workers_end_ahead_and_then_the_broker_that_feeds_them(monkeypatch: pytest.MonkeyPatch) -> None:
    x = parse({**PLAIN, "data_services": ["db", "broker"], "handover": {"later": ["broker", "worker"]}})
    stopped: list[list[str]] = []
    monkeypatch.setattr(handover.stopping, "stop", lambda some, *_: stopped.append([one.service for one in some]))
    here = Here()
    here.states = dict.fromkeys(("db", "broker", "worker", "app"), "running")
    handover._ahead(x, here, {})  # type: ignore[arg-type]
    assert stopped == [["worker"], ["broker"]]


def test_visitors_are_let_in_only_where_the_volume_is(
    done: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(handover, "device_of", lambda volume: tmp_path / volume)
    assert not handover.let_in(None, Deployed, X, Here()).released and done == []  # type: ignore[arg-type]
    (tmp_path / "data").touch()
    assert handover.let_in(None, Deployed, X, Here()).released  # type: ignore[arg-type]
    assert done == ["volume.mount", "stack.up", "timers.enable"]


def test_without_a_pre_flight_of_this_boot_or_a_word_of_the_stack_all_starts_with_care(done: list[str]) -> None:
    assert take_over().whole
    paths.PREFLIGHT.write_text(form.encode(Preflight({}, True, 1.0)))
    assert take_over(parse(PLAIN)).whole
    begun = ["volume.mount", "seal.open_again", "stack.bring_up"]
    assert done == 2 * [*begun, "hold.release", "bound.disarm", "boot.enable"]


@pytest.mark.parametrize("x", [X, parse(PLAIN)])
def test_whoever_waits_here_is_not_let_in_when_it_fails(
    done: list[str], monkeypatch: pytest.MonkeyPatch, x: Any
) -> None:
    """The old droplet may serve them yet."""

    def fails(*_: Any, **__: Any) -> None:
        raise errors.UnhealthyError("boom")

    paths.PREFLIGHT.write_text(form.encode(Preflight({}, True, 1.0)))
    monkeypatch.setattr(takeover.gate, "wait", fails)
    monkeypatch.setattr(takeover.stack, "bring_up", fails)
    with pytest.raises(errors.UnhealthyError, match="boom"):
        take_over(x)
    assert "hold.release" not in done


def test_whoever_comes_before_the_data_waits(done: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standby, "run", lambda argv, **_: done.append(argv[0]))
    assert standby.begin().holds
    assert done == ["systemctl", "hold.hold", "systemd-run"], "before anything may come by itself"
    standby.end()
    assert "hold.release" not in done, "the address may be here still"


def test_what_is_warm_runs_and_the_rest_but_what_comes_later_starts_at_once(done: list[str]) -> None:
    paths.PREFLIGHT.write_text(form.encode(Preflight({}, True, 1.0)))
    assert not take_over().whole
    assert done[:3] == ["volume.mount", "seal.open_again", "pair.install"]
    assert sorted(done[3:5]) == ["docker db", "docker web"]
    assert done[5:] == ["answers ('/up/',)", "hold.release", "boot.enable", "delayed.arm"]


def test_jobs_that_changed_something_are_done_before_new_code_serves(done: list[str]) -> None:
    paths.PREFLIGHT.write_text(form.encode(Preflight({}, False, 1.0)))
    take_over()
    assert done[3:7] == ["docker db", "stack.run_jobs", "docker web", "answers ('/up/',)"]


def test_a_database_that_the_stack_does_not_reconcile_is_looked_at_when_it_is_well(done: list[str]) -> None:
    takeover.serve(Deployed, msgspec.structs.replace(X, reconcile=()), Here(), Clock(), jobs=False)  # type: ignore[arg-type]
    # beside that, what needs no database begins, whenever it comes to that
    assert [each for each in done if each != "docker web"] == [
        "docker db",
        "stack.start",
        "stack.reconcile",
        "answers ('/up/',)",
    ]


@pytest.mark.parametrize(("written", "unchanged"), [(["1", "1"], True), (["1", "2"], False)])
def test_whether_jobs_changed_something_is_seen_by_the_rows_that_were_written(
    monkeypatch: pytest.MonkeyPatch, written: list[str], unchanged: bool
) -> None:
    monkeypatch.setattr(preflight.sql, "ask", lambda *_: written.pop(0))
    monkeypatch.setattr(preflight.stack, "run_jobs", lambda *_: None)
    trial = preflight.Trial({})
    trial.jobs(Here(), X)  # type: ignore[arg-type]
    assert trial.unchanged is unchanged
    trial = preflight.Trial({})
    trial.jobs(Here(), parse(PLAIN))  # type: ignore[arg-type]
    assert not trial.unchanged, "nobody knows"


def test_a_data_service_is_insisted_on_until_it_answers(done: list[str]) -> None:
    said = [Result(1, "", "starting up"), Result(0, "", "")]

    class Starting(Here):
        def execute(self, *_: Any, **__: Any) -> Result:
            done.append("reconcile")
            return said.pop(0)

    x = parse({**PLAIN, "reconcile": [{"service": "db", "command": ["true"]}]})
    takeover.serve(Deployed, x, Starting(), Clock(), jobs=False)  # type: ignore[arg-type]
    assert done.count("reconcile") == 2 and not said


def test_who_asks_later_is_told_how_the_takeover_went_once(done: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standby, "run", lambda *_, **__: Result(3, "", ""))
    monkeypatch.setattr(standby.takeover, "take_over", lambda *_: TakenOver({"by": 1}, (), whole=True))
    for told, kind in ((standby.TakeoverTold(None, "boom", 8), errors.UnhealthyError), (None, None)):
        if told:
            paths.TAKEOVER.write_text(form.encode(told))
            with pytest.raises(kind or Exception, match="boom"):
                standby.take_over(None, Deployed, X, Here())  # type: ignore[arg-type]
        monkeypatch.setattr(standby, "exclusive", lambda *_: __import__("contextlib").nullcontext())
        assert standby.take_over(None, Deployed, X, Here()).seconds == {"by": 1}  # type: ignore[arg-type]


def test_a_takeover_that_fails_is_told_and_tried_again(
    done: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """By systemd, which sees the unit fail: whoever waits there may have nobody else."""
    ran: list[list[str]] = []
    monkeypatch.setattr(standby, "run", lambda argv, **_: ran.append(list(argv)))
    standby.begin()
    assert {"--property=Restart=on-failure", "--property=RestartSec=10"} <= set(ran[-1])
    monkeypatch.setattr(standby, "exclusive", lambda *_: __import__("contextlib").nullcontext())
    monkeypatch.setattr(paths, "device_of", lambda _: tmp_path)

    def fails(*_: Any) -> None:
        raise errors.UnhealthyError("boom")

    monkeypatch.setattr(standby.takeover, "take_over", fails)
    with pytest.raises(errors.UnhealthyError):
        standby.wait(None, Deployed, X, Here())  # type: ignore[arg-type]
    assert form.decode(paths.TAKEOVER.read_text(), standby.TakeoverTold).problem == "boom"
    monkeypatch.setattr(standby.takeover, "take_over", lambda *_: TakenOver({"by": 1}, (), whole=True))
    assert not standby.wait(None, Deployed, X, Here()).waits  # type: ignore[arg-type]
    assert form.decode(paths.TAKEOVER.read_text(), standby.TakeoverTold).taken
