"""The files that settings stand in: bootstrap.yaml, and over it that of an environment, bootstrap.staging.yaml."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from bootstrap.errors import UsageError

# what the file without an environment's name is called, where there is no environment of that name
BASE = "production"
# what belongs to one deployment and no other
_VALUES = ("env_file", "env_from")
_OF_ONE = ("names", *_VALUES)
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


def of_environment(file: Path, name: str) -> Path:
    """bootstrap.staging.yaml beside bootstrap.yaml; UsageError when there is none."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name of an environment", "small letters, digits, - and _, such as staging")
    over = file.with_name(f"{file.stem}.{name}{file.suffix}")
    if not over.is_file():
        known = ", ".join(environments(file))
        raise UsageError(
            f"there is no environment {name}: {over} does not exist",
            f"there is {known}" if known else f"write {over}, with a `domain` of its own",
        )
    return over


def environments(file: Path) -> list[str]:
    """Those that have a file."""
    named = (name_of(file, one) for one in sorted(file.parent.glob(f"{file.stem}.*{file.suffix}")))
    return [name for name in named if _NAME.fullmatch(name)]


def name_of(file: Path, over: Path) -> str:
    return over.name.removeprefix(f"{file.stem}.").removesuffix(file.suffix)


def naming(file: Path, domain: object) -> Path | None:
    """The file of the environment that this is the domain of: with production's values, a staging would charge people.
    None for the base file's own, and for one that no file names."""
    wanted = plain(domain)
    if not wanted or wanted == plain(read(file).get("domain")):
        return None
    files = {name: of_environment(file, name) for name in environments(file)}
    found = [name for name, over in files.items() if plain(read(over).get("domain")) == wanted]
    if len(found) > 1:
        raise UsageError(f"{wanted} is of the environments {' and '.join(found)}", f"-e {found[0]}, or -e {found[1]}")
    return files[found[0]] if found else None


def not_of(file: Path, domain: object) -> list[str]:
    """What the base file says of its own domain's values, where `domain` is another, which nothing else names."""
    base = read(file)
    other = plain(domain) not in ("", plain(base.get("domain")))
    return [name for name in _VALUES if base.get("domain") and base.get(name)] if other else []


def check_no_preview(content: Mapping[str, Any], file: Path) -> None:
    """Where previews are, all is thrown away: what a file names stays."""
    about, own = content.get("preview"), plain(content.get("domain"))
    below = plain(about.get("domain")) if isinstance(about, Mapping) else ""
    if below and own and f".{own}".endswith(f".{below}"):
        what = f"{file}: domain: {content['domain']} lies where previews are thrown away"
        raise UsageError(what, f"another `domain`, or another than {below} in `preview`")


def read_over(file: Path, over: Path | None) -> dict[str, Any]:
    """What stands in both, the environment's winning. It must have a domain of its own, as it would be the base file's
    deployment otherwise, and it sends no mail unless it says so itself. The base file's names and values are not its:
    with production's payment key, a staging would charge people."""
    base = read(file)
    if over is None:
        return base
    own = read(over)
    if not own.get("domain"):
        raise UsageError(
            f"{over}: names no `domain`", "an environment has one of its own: `domain: staging.example.com`"
        )
    if plain(own["domain"]) == plain(base.get("domain")):
        raise UsageError(f"{over}: domain: {own['domain']} is that of {file}", "an environment has one of its own")
    merged = merge({name: value for name, value in base.items() if name not in _OF_ONE}, own)
    return {**merged, "mail": own.get("mail", False)}


def as_preview(content: Mapping[str, Any], domain: object) -> dict[str, Any]:
    """With what a preview has otherwise, where the domain is that of one: every command knows it by its name."""
    about = content.get("preview")
    if not isinstance(about, Mapping) or not plain(domain).endswith(f".{plain(about.get('domain')) or '.'}"):
        return dict(content)
    size = {"size": about["size"]} if about.get("size") else {}
    small = {"volume_size_gb": about.get("volume_size_gb", 5), "mail": False, **size}
    values = {"env_file": about["env_file"]} if about.get("env_file") else {}
    base = {name: value for name, value in content.items() if name not in _OF_ONE}
    return merge(base, {**small, **values, "alerts": {"uptime_check": False, "metrics_agent": False}})


def told_by(file: Path, over: Path | None) -> Callable[[str], Path]:
    """Which of the two files a setting stands in."""
    own = read(over) if over else {}
    return lambda name: over if over and name in own else file


def plain(domain: object) -> str:
    """As it is told apart from others, however it is written; what cannot be one is told of elsewhere."""
    text = str(domain or "").strip().rstrip(".").lower()
    try:
        return text.encode("idna").decode("ascii")
    except UnicodeError:
        return text


def read(file: Path) -> dict[str, Any]:
    """bootstrap.yaml as it stands; paths in it are relative to its folder. Nothing when there is no file."""
    try:
        content = yaml.safe_load(file.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: cannot be read: {error}", "check --config and the file's mode") from None
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f" line {where.line + 1}:" if where else ""
        raise UsageError(f"{file}:{line} not YAML: {getattr(error, 'problem', error)}", "mend that line") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise UsageError(f"{file}: must hold keys and values, such as `domain: example.com`")
    paths = [(content, name) for name in ("stack", "ssh_key", "recovery_key", "env_file", "audit_reasons")]
    for section, name in (*paths, (content.get("acme"), "roots_file"), (content.get("preview"), "env_file")):
        if isinstance(section, dict) and isinstance(section.get(name), str):
            section[name] = str(file.parent / Path(section[name]).expanduser())
    return content


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for name, value in over.items():
        below = merged.get(name)
        merged[name] = merge(below, value) if isinstance(value, Mapping) and isinstance(below, Mapping) else value
    return merged
