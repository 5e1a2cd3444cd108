"""Writes release.json: what is in this image. Runs on the droplet with the system's own Python."""

import json
import os
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path


def output(*argv: str) -> str:
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout


def digest(image: str) -> str:
    """The registry's digest; an image that was built here has none, its id says as much."""
    (found,) = json.loads(output("docker", "image", "inspect", image))
    digests = found.get("RepoDigests") or []
    return str(digests[0].partition("@")[2] if digests else found["Id"])


def compose_images(stack_dir: Path, compose_file: str) -> list[str]:
    compose = ("docker", "compose", "--project-directory", str(stack_dir), "--file", str(stack_dir / compose_file))
    compose += ("--env-file", str(stack_dir / ".env.production.example"))
    profiles = output(*compose, "config", "--profiles").split()
    flags = [flag for profile in profiles for flag in ("--profile", profile)]
    return sorted(set(output(*compose, *flags, "config", "--images").split()))


def os_release() -> dict[str, str]:
    lines = Path("/etc/os-release").read_text().splitlines()
    return {name: value.strip('"') for name, _, value in (line.partition("=") for line in lines)}


def main(target: str) -> None:
    stack_dir, compose_file = Path(os.environ["STACK_DIR"]), "docker-compose.prod.yml"
    base = os_release()
    packages = output("dpkg-query", "--show", "--showformat", "${Package} ${Version}\n").splitlines()
    release = {
        "version": 1,
        "name": os.environ["RELEASE_NAME"],
        "stack": os.environ["STACK_NAME"],
        "stack_dir": str(stack_dir),
        "compose_file": compose_file,
        "git_commit": os.environ["GIT_COMMIT"],
        "git_dirty": os.environ["GIT_DIRTY"] == "true",
        "built_at": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "base": base["PRETTY_NAME"],
        # Debian stands in where Ubuntu's archive cannot be reached: the CLI says so
        "base_is_stand_in": (base["ID"], base.get("VERSION_ID")) != ("ubuntu", "22.04"),
        "images": {image: digest(image) for image in compose_images(stack_dir, compose_file)},
        "packages": dict(line.split(" ", 1) for line in packages),
    }
    Path(target).write_text(json.dumps(release, indent=1) + "\n")


main(sys.argv[1])
