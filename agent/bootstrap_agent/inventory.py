"""Takes stock of an image while it is baked: `python -m bootstrap_agent.inventory` writes release.json."""

from __future__ import annotations

import json
import os
from datetime import datetime, timezone
from pathlib import Path

from bootstrap_agent.compose import base_argv, clean_environment
from bootstrap_agent.contract import form, paths
from bootstrap_agent.contract.release import SEPARATOR, Release
from bootstrap_agent.run import run


def digest(image: str) -> str:
    """The registry's digest; an image that was built here has none, its id says as much."""
    (found,) = json.loads(run(["docker", "image", "inspect", image]).out)
    digests = found.get("RepoDigests") or []
    return str(digests[0].partition("@")[2] if digests else found["Id"])


def compose_images(folder: Path, compose_file: str, release: str) -> list[str]:
    compose = [*base_argv(compose_file.split(SEPARATOR), paths.ENV_EXAMPLE)]
    env = clean_environment(release)
    profiles = run([*compose, "config", "--profiles"], cwd=folder, env=env, inherit=False).out.split()
    flags = [f"--profile={profile}" for profile in profiles]
    images = run([*compose, *flags, "config", "--images"], cwd=folder, env=env, inherit=False).out
    return sorted(set(images.split()))


def os_release() -> dict[str, str]:
    lines = Path("/etc/os-release").read_text().splitlines()
    return {name: value.strip('"') for name, _, value in (line.partition("=") for line in lines)}


def main() -> None:
    folder, base = Path(os.environ["STACK_DIR"]), os_release()
    packages = run(["dpkg-query", "--show", "--showformat", "${Package} ${Version}\n"]).out.splitlines()
    name, compose_file = os.environ["RELEASE_NAME"], os.environ["STACK_COMPOSE_FILE"]
    release = Release(
        name=name,
        stack=os.environ["STACK_NAME"],
        stack_dir=str(folder),
        compose_file=compose_file,
        git_commit=os.environ["GIT_COMMIT"],
        git_dirty=os.environ["GIT_DIRTY"] == "true",
        built_at=datetime.now(timezone.utc).replace(microsecond=0),
        base=base["PRETTY_NAME"],
        base_is_stand_in=(base["ID"], base.get("VERSION_ID")) != ("ubuntu", "22.04"),
        images={image: digest(image) for image in compose_images(folder, compose_file, name)},
        packages=dict(line.split(" ", 1) for line in packages),
    )
    paths.RELEASE.write_text(form.encode(release, indent=1) + "\n")


if __name__ == "__main__":
    main()
