"""The droplet's own Docker Compose as the judge of what arrives: any names and values, many in one call."""

from __future__ import annotations

import json
import shlex
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bootstrap.deployment import secrets
from bootstrap.errors import UsageError
from bootstrap_agent.contract import dotenv
from tests.contract.compose.test_dotenv import NAMES, STACK, plain
from tests.rehearsal.conftest import Bootstrap
from tests.unit.agent.test_dotenv import ANY, TRICKY

FILES, VALUES = 40, 150
# reads [text of .env.production, names] of each, prints what Compose makes of ${NAME}; the agent's own command line
PROGRAM = """
import json, os, subprocess, sys, tempfile
argv = ["docker", "compose", "--file=compose.json", "--env-file=.env.production", "config", "--format=json"]
environment = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "RELEASE": "r"}
told = []
for text, names in json.load(sys.stdin):
    with tempfile.TemporaryDirectory(dir="/var/tmp") as place:
        values = {f"V{at}": "${%s}" % name for at, name in enumerate(names)}
        with open(place + "/compose.json", "w") as file:
            json.dump({"services": {"a": {"image": "x", "environment": values}}}, file)
        with open(place + "/.env.production", "wb") as file:
            file.write(text.encode())
        done = subprocess.run(argv, cwd=place, env=environment, capture_output=True, check=True)
        found = json.loads(done.stdout)["services"]["a"]["environment"]
        told.append([found[f"V{at}"] for at in range(len(names))])
print(json.dumps(told))
"""


def written() -> list[Mapping[str, str]]:
    """What the operator's file becomes for the droplet; always the same, and what is refused is none of it."""
    found: list[Mapping[str, str]] = []

    @settings(
        max_examples=5 * FILES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(st.dictionaries(NAMES, st.one_of(ANY, TRICKY), max_size=20))
    def collect(values: dict[str, str]) -> None:
        with tempfile.TemporaryDirectory() as place:
            own = Path(place) / "own.env"
            own.write_bytes(dotenv.render(values).encode())
            try:
                made = secrets.compose(STACK, "example.com", given=secrets.read_env_file(own), existing={})
            except UsageError:
                return
            assert made == {name: value.replace("<domain>", "example.com") for name, value in values.items()}
            found.append(made)

    collect()
    # the largest say most
    return sorted(found, key=len)[-FILES:]


def judged(bootstrap: Bootstrap, domain: str, files: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    asked = json.dumps([(dotenv.render(values), list(values)) for values in files])
    command = f"python3 -c {shlex.quote(PROGRAM)}"
    told = bootstrap("ssh", domain, "--", command, stdin=asked, unlogged=True).json()
    return [dict(zip(values, map(plain, found), strict=True)) for values, found in zip(files, told, strict=True)]
