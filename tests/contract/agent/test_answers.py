"""The agent's answers as the contract has them: of the fake host that the unit tests ask. The real agent is held
against the same list in tests/rehearsal/test_agent_answers.py."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from bootstrap.deployment import hostkeys, remote
from bootstrap.errors import HostError, UnhealthyError
from bootstrap.operations.create import run as create
from bootstrap.ports.host import Host, HostAddress, HostResult
from bootstrap_agent import main
from bootstrap_agent.contract import answers, form, paths
from bootstrap_agent.contract.answers import COMMANDS, Command
from tests.fakes.world import FakeHost, World

UNITS = Path(__file__).resolve().parents[3] / "packer" / "files" / "systemd"


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    create.create(world.env())
    return world


@pytest.fixture
def host(world: World) -> FakeHost:
    ((ip, machine),) = world.machines.items()
    return FakeHost(world, HostAddress(ip, paths.USER, (hostkeys.pin(machine.offered).removeprefix(hostkeys.PIN),)))


@pytest.mark.parametrize("name", COMMANDS)
def test_the_fake_answers_every_command_in_its_form(world: World, host: FakeHost, name: str) -> None:
    command = COMMANDS[name]
    sent = form.encode(answers.Secrets({"A": "b"}, answers.Credentials())) if name == "secrets put" else None
    if name in ("volume unmount", "preflight"):
        world.live().up = False
    if name == "preflight":
        world.live().mounted = False
    argument = ["20261124_020000"] if command.argument else []
    told = host.run([*remote.AGENT, *command.words, *argument], stdin=sent)
    assert list(form.problems(json.loads(told.stdout), command.form, closed=True)) == []


def test_a_command_that_the_agent_does_not_have_has_no_fake_answer(host: FakeHost) -> None:
    with pytest.raises(AssertionError, match="no command stack sideways"):
        host.run([*remote.AGENT, "stack", "sideways"])


@pytest.mark.parametrize("name", COMMANDS)
def test_the_agents_parser_knows_every_command(name: str) -> None:
    argument = ["latest"] if COMMANDS[name].argument else []
    options = main.parser().parse_args([*COMMANDS[name].words, *argument])
    assert " ".join(filter(None, (options.command, options.action))) == name


def test_the_agents_parser_knows_no_other_command() -> None:
    assert {run.__name__ for run, _ in main.RUNS} == {command.words[0] for command in COMMANDS.values()}
    with pytest.raises(SystemExit):
        main.parser().parse_args(["stack", "sideways"])


@pytest.mark.parametrize("name", COMMANDS)
def test_the_agents_parser_takes_an_argument_where_there_is_one_and_nowhere_else(name: str) -> None:
    command = COMMANDS[name]
    with pytest.raises(SystemExit):
        main.parser().parse_args([*command.words, *([] if command.argument else ["latest"])])


@pytest.mark.parametrize("unit", sorted(UNITS.glob("*.service")), ids=lambda path: path.name)
def test_what_a_unit_runs_is_a_command(unit: Path) -> None:
    starts = [line.partition("=")[2] for line in unit.read_text().splitlines() if line.startswith("ExecStart")]
    commands = [shlex.split(start) for start in starts]
    assert commands
    for program, *words in commands:
        assert program == str(paths.AGENT) and " ".join(words) in COMMANDS


class Saying:
    """A host whose agent says this."""

    def __init__(self, stdout: str) -> None:
        self._stdout = stdout

    def run(self, *_: Any, **__: Any) -> HostResult:
        return HostResult(0, self._stdout, "")


def ask(command: Command[Any], told: object) -> Any:
    host: Any = Saying(told if isinstance(told, str) else json.dumps(told))
    return remote.agent(host, command)


STATUS = {
    "healthy": True,
    "services": [{"name": "web", "state": "running", "health": ""}],
    "certificate": {"issuer": "x", "not_after": "2027-01-01T00:00:00Z"},
    "backup": {"last": None, "age_s": None},
    "volume": {"mounted": True, "used_bytes": 1, "size_bytes": 2},
}


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("Segmentation fault", "is not JSON"),
        ([], "Expected `object`"),
        ({**STATUS, "healthy": "yes"}, "healthy: Expected `bool`"),
        ({**STATUS, "volume": {"mounted": True, "used_bytes": 1}}, "volume.size_bytes: Field required"),
        ({**STATUS, "services": [{"name": "web", "state": 1, "health": ""}]}, "services.0.state: Expected `str`"),
        ({**STATUS, "certificate": {"issuer": "x", "not_after": "soon"}}, "certificate.not_after: Invalid"),
    ],
)
def test_an_answer_of_another_form_is_one_line_and_what_to_do(told: object, said: str) -> None:
    with pytest.raises(HostError, match="agent status: ") as caught:
        ask(answers.STATUS, told)
    assert said in caught.value.message and "\n" not in caught.value.message
    assert "bootstrap image build" in (caught.value.remedy or "")


def test_a_newer_agent_may_say_more_and_an_older_one_less() -> None:
    told = ask(answers.STATUS, {**STATUS, "mood": "good"})
    assert told.healthy and told.services_error is None and told.services[0].well
    release = {"version": 1, "name": "r", "stack_dir": "/s", "compose_file": "c", "images": {}}
    assert ask(answers.INFO, {"release": release, "deployment": None, "cloud_init": "done"}).health == ("/",)


def test_a_failure_keeps_its_class_its_message_and_its_hint(world: World, host: Host) -> None:
    world.live().healthy = False
    with pytest.raises(UnhealthyError, match=r"^agent stack up: auth-service is not healthy: boom$") as caught:
        remote.agent(host, answers.STACK_UP)
    assert caught.value.remedy == "bootstrap logs auth-service"
