"""`python -m bench.images`: each Django image of the stack beside single-stage builds of the same service, all built
now with buildah. Needs root. Base images come from the local cloud's registry when it runs, else from Docker Hub.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import yaml

ROOT = Path(__file__).resolve().parents[1]
SERVICES = ROOT / "stack" / "services"
SINGLE = ROOT / "bench" / "Dockerfile.single-stage"
TOOLS = "build-essential libpq-dev python3-dev"
MB = 1_000_000


class Builder:
    """Buildah with a storage of its own, so that nothing of the host's is used or left."""

    def __init__(self, folder: Path) -> None:
        registries = folder / "registries.conf"
        registries.write_text(_registries())
        self._env = {**os.environ, "CONTAINERS_REGISTRIES_CONF": str(registries)}
        self._folder = folder

    def size(self, recipe: Path, arguments: dict[str, str]) -> int:
        """Bytes of all layers, uncompressed: what `docker image ls` shows."""
        words = [word for name, value in arguments.items() for word in ("--build-arg", f"{name}={value}")]
        self._run("bud", "--isolation=chroot", "--layers", f"--file={recipe}", "--tag=measured", *words, str(SERVICES))
        copy = self._folder / "copy"
        self._run("push", "--disable-compression", "measured", f"dir:{copy}")
        manifest = json.loads((copy / "manifest.json").read_text())
        return sum(int(layer["size"]) for layer in manifest["layers"])

    def _run(self, *arguments: str) -> None:
        storage = [f"--root={self._folder / 'root'}", f"--runroot={self._folder / 'run'}", "--storage-driver=overlay"]
        done = subprocess.run(["buildah", *storage, *arguments], env=self._env, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"buildah {arguments[0]}: {done.stderr[-2000:]}")


def _registries() -> str:
    home = Path(os.environ.get("BOOTSTRAP_CLOUD_HOME", "/var/lib/bootstrap-cloud"))
    lines = ['unqualified-search-registries = ["docker.io"]']
    if (ends := home / "endpoints.json").exists():
        mirror = urlsplit(json.loads(ends.read_text())["registry_mirror"])
        lines += ["[[registry]]", 'prefix = "docker.io"', f'location = "{mirror.netloc}"', "insecure = true"]
    return "\n".join(lines) + "\n"


def main() -> None:
    compose = yaml.safe_load((SERVICES.parent / "docker-compose.prod.yml").read_text())
    built = {
        name: body["build"]["args"]
        for name, body in compose["services"].items()
        if "SERVICE" in body.get("build", {}).get("args", {}) and "profiles" not in body and "worker" not in name
    }
    print("| image | ours, MB | one stage with build tools | ratio | one stage without | ratio |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="bench-images-") as folder:
        builder = Builder(Path(folder))
        for name, arguments in built.items():
            ours = builder.size(SERVICES / "Dockerfile.prod", arguments)
            sizes = [builder.size(SINGLE, {**arguments, "TOOLS": tools}) for tools in (TOOLS, "")]
            cells = " | ".join(f"{size / MB:.0f} | {ours / size:.2f}" for size in sizes)
            print(f"| {name} | {ours / MB:.0f} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
