"""docs/settings.md, from the models of bootstrap.settings: `make docs`. A test keeps it in step."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from bootstrap.cli.create import create
from bootstrap.settings import Settings

PAGE = Path(__file__).resolve().parents[1] / "docs" / "settings.md"
_HEAD = """\
# Settings

Made from the models in `bootstrap/settings/` by `make docs`. Settings stand in `bootstrap.yaml` in the current
folder, or in the file that `--config` names. A flag wins over the file, the file over the default. In the file,
`stack`, `ssh_key`, `env_file`, `preview.env_file` and `acme.roots_file` are relative to its folder. An unknown name is
an error (exit code 2), before anything is created. Only `domain` must be given. With `-e staging`, what
`bootstrap.staging.yaml` says wins; `names`, `mail`, `env_file` and `env_from` count from that file alone. A command
that is given its domain reads it too. For a domain that no file names, `names`, `env_file` and `env_from` of a
`bootstrap.yaml` with a `domain` of its own do not count.

With `--cloud local`, `spaces.endpoint`, `spaces.region`, `acme` and `smtp` are the local cloud's, whatever the file
says.

## Not in the file

Secrets, and what belongs to your computer, come from the environment:

| variable | what |
|---|---|
| `DIGITALOCEAN_TOKEN` or `DIGITALOCEAN_ACCESS_TOKEN` | DigitalOcean's API token |
| `SPACES_ACCESS_KEY_ID` and `SPACES_SECRET_ACCESS_KEY` | the Spaces key; without it there are no backups |
| `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` | the same, when the two above are not set |
| `COPY_ACCESS_KEY_ID` and `COPY_SECRET_ACCESS_KEY` | of the bucket that `backup pull s3://…` writes to |
| `SMTP_PASSWORD` | password of `smtp.user` |
| `ALERTS_PING_URL` | what the droplet asks for every five minutes, with `/fail` while something is wrong; empty: none |
| `NOTIFY_WEBHOOK_URL` | a chat's incoming webhook: hears of deploys, failures and the droplet's alarms; empty: none |
| `REGISTRY_PASSWORD` | password of `registry.user` |
| `BOOTSTRAP_CLOUD` | `digitalocean` (default) or `local`, as `--cloud` |
| `BOOTSTRAP_ENVIRONMENT` | reads `bootstrap.NAME.yaml` over `bootstrap.yaml`, as `-e` |
| `BOOTSTRAP_API_URL` | a proxy before the API, `https://…` or on this computer: `make verify-cloud` has one |
| `BOOTSTRAP_CLOUD_HOME` | the local cloud's folder; default `/var/lib/bootstrap-cloud` |
| `BOOTSTRAP_PROGRESS` | `auto` (default), `plain` or `json`, as `--progress` |
| `XDG_STATE_HOME` | its `bootstrap/` holds journals and crash reports; default `~/.local/state` |
| `NO_COLOR` | set: no colours |
"""
_TAIL = """## All of them

Every setting with its example; a real file has a few of these lines.

```yaml
{}```
"""
_TYPES = {"integer": "whole number", "string": "text", "boolean": "`true` or `false`"}


def page() -> str:
    schema = Settings.model_json_schema()
    return "\n".join([_HEAD, *_tables(schema), _whole(schema)])


def example(schema: dict[str, Any]) -> dict[str, Any]:
    """Every setting with its example: what bootstrap.yaml may look like at most."""
    return {
        name: example(below) if (below := _keys(field, schema)) else field["examples"][0]
        for name, field in schema["properties"].items()
    }


def _tables(schema: dict[str, Any]) -> Iterator[str]:
    flags = {one.name: max(one.opts, key=len) for one in create.params}
    plain = {name: field for name, field in schema["properties"].items() if not _keys(field, schema)}
    yield "## The deployment\n"
    yield from _table(plain, schema, flags)
    for name, field in schema["properties"].items():
        if below := _keys(field, schema):
            yield f"## `{name}`\n\n{below['description']}{_absent(field)}\n"
            yield from _table(below["properties"], below, {})


def _table(fields: dict[str, Any], schema: dict[str, Any], flags: dict[str, str]) -> Iterator[str]:
    yield "| setting | type | unit | default | example | what |"
    yield "|---|---|---|---|---|---|"
    for name, field in fields.items():
        flag = f" Flag: `{flags[name]}`." if name in flags else ""
        default = (
            "must be given" if name in schema.get("required", ()) else field["otherwise"] or _value(field["default"])
        )
        cells = (f"`{name}`", _type(field), field["unit"] or "", default, _value(field["examples"][0]))
        yield f"| {' | '.join(cells)} | {field['description']}{flag} |"
    yield ""


def _keys(field: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any] | None:
    """The model that a setting with settings below it holds."""
    ways = [field, *field.get("anyOf", ()), *field.get("allOf", ())]
    name = next((one["$ref"].rpartition("/")[2] for one in ways if "$ref" in one), None)
    return schema["$defs"][name] if name else None


def _absent(field: dict[str, Any]) -> str:
    return " May be left out as a whole." if field.get("default", ...) is None else ""


def _type(field: dict[str, Any]) -> str:
    one = next((way for way in field.get("anyOf", ()) if way["type"] != "null"), field)
    if one["type"] == "array":
        return f"list of {_TYPES[one['items']['type']]}, or one"
    if one.get("format") == "path":
        return "path"
    limits = f", {one['minimum']} to {one['maximum']}" if "minimum" in one else ""
    return _TYPES[one["type"]] + limits


def _value(value: Any) -> str:
    if isinstance(value, str) and "\n" in value:
        return f"`{value.partition(chr(10))[0]}` …"
    return f"`{yaml.safe_dump(value, default_flow_style=True, width=1000, allow_unicode=True).partition(chr(10))[0]}`"


class _Readable(yaml.SafeDumper):
    """Text of several lines as a block, as a person would write it."""


def _text(dumper: _Readable, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Readable.add_representer(str, _text)


def _whole(schema: dict[str, Any]) -> str:
    return _TAIL.format(yaml.dump(example(schema), Dumper=_Readable, sort_keys=False, allow_unicode=True, width=120))


if __name__ == "__main__":
    PAGE.write_text(page())
