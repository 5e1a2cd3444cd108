"""Schemathesis against one service: what its OpenAPI document allows, what it does not, and texts that attack."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

EXAMPLES = 15
SEED = 1

# Around what a column of a database can hold, and far beyond.
NUMBERS = (0, -1, 2**31, 2**63 - 1, 2**63, -(2**63) - 1, 10**40)

INJECTIONS = (
    "' OR '1'='1",
    "'; DROP TABLE tickets_ticket; --",
    "1) UNION SELECT version() --",
    "' || pg_sleep(5) --",
    "{{ 7*7 }}{% debug %}{{ settings.SECRET_KEY }}",
    "${7*7} #{7*7} <%= 7*7 %>",
    "%s %(x)s {0} {x.__class__} %n",
    "<script>alert(1)</script>",
    "a\r\nBcc: mallory@example.org\r\n\r\nb",
    "../../../etc/passwd",
    "$(id) `id` ; id |",
    "\u202eevil\u200b\u0007",
)


def fuzz(
    url: str, document: dict[str, Any], token: str, ids: Mapping[str, int], doomed: Mapping[str, int], folder: Path
) -> subprocess.CompletedProcess[str]:
    """`ids`: name in a path → an object that is there, so that more than 404 is seen; `doomed`: for DELETE."""
    folder.mkdir()
    (folder / "openapi.json").write_text(json.dumps(armed(document, ids, doomed)))
    # in the environment, not among the arguments
    (folder / "schemathesis.toml").write_text('headers = { Authorization = "Bearer ${FUZZ_TOKEN}" }\n')
    flags = ["--phases=examples,coverage,fuzzing", f"--max-examples={EXAMPLES}", f"--seed={SEED}"]
    flags += ["--checks=not_a_server_error", "--continue-on-failure", "--request-timeout=15", "--warnings=off"]
    flags += ["--generation-database=none", "--suppress-health-check=all", "--no-color"]
    return subprocess.run(
        [str(Path(sys.executable).with_name("schemathesis")), "run", "openapi.json", f"--url={url}", *flags],
        cwd=folder,
        env={**os.environ, "FUZZ_TOKEN": token},
        capture_output=True,
        text=True,
        timeout=120,
    )


def armed(document: dict[str, Any], ids: Mapping[str, int], doomed: Mapping[str, int]) -> dict[str, Any]:
    """The document with real objects in its paths, and with texts and numbers that attack wherever any may stand."""
    copy: dict[str, Any] = _attacked(document)
    for methods in copy["paths"].values():
        for method, operation in methods.items():
            known = doomed if method == "delete" else ids
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "path":
                    there = known[parameter["name"]]
                    parameter["schema"] = {"type": "integer", "enum": [there, *NUMBERS]}
    return copy


def _attacked(part: Any) -> Any:
    if isinstance(part, list):
        return [_attacked(one) for one in part]
    if not isinstance(part, dict):
        return part
    if part.get("type") == "string" and not {"enum", "format"} & part.keys():
        # first: what stands in a field while another is varied is then not the empty text, which is refused
        return {"anyOf": [{"type": "string", "enum": list(INJECTIONS)}, part]}
    if part.get("type") == "integer":
        return {"anyOf": [part, {"type": "integer", "enum": list(NUMBERS)}]}
    return {name: _attacked(one) for name, one in part.items()}
