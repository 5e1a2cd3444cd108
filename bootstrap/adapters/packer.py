"""Packer, run as a process: 1.6.6 as Debian and Ubuntu package it, or a current one with its plugin."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from bootstrap.adapters import process
from bootstrap.errors import CloudError, RequirementError
from bootstrap.scratch import Scratch

# what Packer is given to delete its droplet and key after an interrupt
CLEAN_UP_S = 300
# the first version that reads required_plugins
PLUGINS_SINCE = (1, 7)
_SCRIPT = re.compile(r"Provisioning with shell script: (.*)")
# as Docker Hub says it, and what BuildKit makes of an answer without words
_LIMITED = re.compile(r"toomanyrequests|/v2/\S+: 429 Too Many Requests")
_REMEDY = "its output above says where; the next build deletes what this one left"
_LIMITED_REMEDY = (
    "Docker Hub counts pulls without a login by address, and the droplet's may be used up by others: log in with "
    "`registry: {user: NAME}` in bootstrap.yaml and REGISTRY_PASSWORD, or build again in some hours"
)
_SCRIPT_FAILED = "Provisioning step had errors"
# those of the programs that scripts run: Packer adds none, and passes these on
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_PREFIX = re.compile(r"^[ =>-]*(digitalocean\.droplet:\s*)?")
_ERROR = re.compile(r"Build '[^']*' errored[^:]*: (.*)|Error: (.*)")


class PackerProcess:
    """Implements `ports.packer.Packer`."""

    def __init__(self, program: str = "packer") -> None:
        self._program = program

    def build(
        self,
        template: Path,
        *,
        variables: Mapping[str, object],
        secrets: Mapping[str, str],
        line: Callable[[str], None],
    ) -> None:
        version = self._version()
        with Scratch("packer") as temporary:
            work = Path(temporary)
            values = work / "values.pkrvars.json"
            values.touch(mode=0o600)
            values.write_text(json.dumps(variables))
            environment = {
                **os.environ,
                **{_variable(name): value for name, value in secrets.items()},
                "CHECKPOINT_DISABLE": "1",
                "PACKER_CACHE_DIR": str(work / "cache"),
                "PACKER_NO_COLOR": "1",
            }
            folder = template
            if version >= PLUGINS_SINCE:
                folder = _with_plugins(template, work / "template")
                init = ["init", str(folder)]
                self._run(init, environment, line, shown=self._line(["init", str(template / "current")]))
            else:
                environment |= _own_key(work / "key")
            build = ["build", "-color=false"]
            # what a person can run again: the file's folder and the template's copy are gone by then
            given = [word for name, value in variables.items() for word in ("-var", f"{name}={_text(value)}")]
            shown = self._line([*build, *given, str(template)], secrets)
            self._run([*build, f"-var-file={values}", str(folder)], environment, line, shown=shown)

    def _line(self, argv: Sequence[str], secrets: Iterable[str] = ()) -> str:
        return process.line([self._program, *argv], map(_variable, secrets))

    def _version(self) -> tuple[int, ...]:
        if shutil.which(self._program) is None:
            raise RequirementError(
                "packer is not installed", "apt install packer, or https://developer.hashicorp.com/packer/install"
            )
        answer = process.run([self._program, "version"]).stdout
        found = re.search(r"v(\d+)\.(\d+)\.(\d+)", answer)
        if found is None:
            raise RequirementError(
                f"{self._program} does not print its version: {answer.strip()[:100]!r}", f"{self._program} version"
            )
        return tuple(int(part) for part in found.groups())

    def _run(self, argv: list[str], environment: Mapping[str, str], line: Callable[[str], None], *, shown: str) -> None:
        reason = last = script = ""
        limited = False
        with _process([self._program, *argv], environment) as child:
            assert child.stdout is not None
            for text in child.stdout:
                if not (text := _COLOUR.sub("", text).rstrip()):
                    continue
                line(text)
                limited = limited or _LIMITED.search(text) is not None
                if found := _SCRIPT.search(text):
                    script = f"{Path(found[1]).name}: "
                elif _SCRIPT_FAILED in text:
                    # the script's own last words say more than its exit code
                    reason = last
                elif found := _ERROR.search(text):
                    reason = reason or found[1] or found[2]
                last = _PREFIX.sub("", text) or last
        if child.returncode != 0:
            error = CloudError(
                f"packer {argv[0]} failed: {script}{reason or last}",
                _LIMITED_REMEDY if limited else _REMEDY,
            )
            raise process.blamed(error, shown)


def _variable(name: str) -> str:
    """The environment variable that Packer reads it from."""
    return f"PKR_VAR_{name}"


def _text(value: object) -> str:
    """As Packer reads it after `-var`: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def _with_plugins(template: Path, folder: Path) -> Path:
    """The template beside the files that only a current Packer reads."""
    folder.mkdir()
    for path in (*template.iterdir(), *(template / "current").iterdir()):
        (folder / path.name).symlink_to(path.resolve())
    return folder


def _own_key(path: Path) -> dict[str, str]:
    """For a builder whose own key is always RSA, and whose SSH library may sign with SHA-1 only (Ubuntu 22.04's does,
    Debian 12's does not): OpenSSH 8.8 and later refuse that. It takes a second key, tries it first, and has the
    droplet told of it by user-data. In the environment, as a template that does not ask for it need not know it."""
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "packer", "-f", str(path)]
    try:
        done = process.run(argv)
    except FileNotFoundError:
        raise RequirementError("the OpenSSH client is missing", "apt install openssh-client") from None
    if done.code != 0:
        error = RequirementError(
            f"ssh-keygen: {process.last_line(done.stderr)}", "is there room in the temporary folder?"
        )
        raise process.blamed(error, process.line(argv))
    public = path.with_name(path.name + ".pub").read_text().strip()
    return {"PKR_VAR_ssh_private_key_file": str(path), "PKR_VAR_ssh_public_key": public}


@contextmanager
def _process(argv: list[str], environment: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A session of its own: Ctrl-C reaches Packer once, from here, as a second one would make it leave its droplet."""
    child = subprocess.Popen(
        argv,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        yield child
        child.wait()
    except BaseException:
        child.send_signal(signal.SIGINT)
        try:
            # read on: a full pipe would keep it from finishing
            child.communicate(timeout=CLEAN_UP_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        raise
