"""Fills the registry with the images that the stack and its Dockerfiles are made from.

    ensure_images(cache, print)     # {"postgres:17": "stand-in", …}; a second call finds everything there

Where Docker Hub answers, the official images are copied. Elsewhere stand-ins are built from Debian's packages with
buildah: `NAME/Dockerfile` over one shared base. A stand-in carries the hash of its recipe as a label
and is built again only when the recipe has changed. The work is done against a writable registry on loopback that
lives as long as the call; the ones that guests reach only read the same files.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from localcloud.host.files import locked
from localcloud.services import registry
from localcloud.services.supervisor import ServiceError, Supervisor, stop_leftovers

RECIPES = Path(__file__).parent
HOST_AUTHORITIES = Path("/usr/local/share/ca-certificates")
BASE_SUITE = "trixie"
LABEL = "bootstrap.stand-in"
HUB_PROBE_DEADLINE = "10s"
COMMAND_DEADLINE_S = 900
BUILDERS = 3  # more than cores: an apt that downloads leaves its core to an apt that unpacks

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Image:
    """`names` are the tags that one set of layers is known by; `needs` is another stand-in it is built from."""

    recipe: str
    names: tuple[str, ...]
    needs: str | None = None


IMAGES = (
    Image("rabbitmq", ("rabbitmq:4-management",)),
    Image("postgres", ("postgres:17",)),
    Image("python", ("python:3.13-slim",)),
    # 1.26 for stacks of before
    Image("nginx", ("nginx:1.30", "nginx:1.26", "nginx:stable")),
    Image("node", ("node:22-slim",), needs="python"),
)


def ensure_images(cache: Path, progress: Progress, images: Sequence[Image] = IMAGES) -> dict[str, str]:
    """Returns for every image name whether it is the "official" one or a "stand-in". Needs root when it must build."""
    cache.mkdir(parents=True, exist_ok=True)
    with locked(cache / ".images.lock"), _workshop(cache, progress) as workshop:
        return workshop.ensure(images)


@contextlib.contextmanager
def _workshop(cache: Path, progress: Progress) -> Iterator[_Workshop]:
    folder = cache / "work"
    _clear(folder)
    port = _free_port()
    supervisor = Supervisor([registry.service(folder, cache, "127.0.0.1", port=port, read_only=False)], folder / "run")
    try:
        supervisor.start()
        yield _Workshop(folder, f"127.0.0.1:{port}", progress)
    finally:
        supervisor.stop()
        _clear(folder)


def _clear(folder: Path) -> None:
    """Also after a run that was killed: its registry still serves, its layers may still be mounted."""
    stop_leftovers(folder / "run")
    mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for mount in reversed([mount for mount in mounts if Path(mount).is_relative_to(folder)]):
        _run(["umount", mount])
    if folder.exists():
        shutil.rmtree(folder)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _run(argv: Sequence[str], *, log: Path | None = None) -> str:
    """Output goes to `log` as it comes, so that a build can be followed; it is returned when there is none."""
    try:
        with contextlib.ExitStack() as stack:
            output = stack.enter_context(log.open("ab")) if log else subprocess.PIPE
            error = subprocess.STDOUT if log else subprocess.PIPE
            done = subprocess.run(
                argv, stdin=subprocess.DEVNULL, stdout=output, stderr=error, timeout=COMMAND_DEADLINE_S, check=False
            )
    except FileNotFoundError as missing:
        raise ServiceError(f"{argv[0]} is not installed; docs/local-cloud.md names its package") from missing
    except subprocess.TimeoutExpired as late:
        raise ServiceError(f"{argv[0]}: did not end within {COMMAND_DEADLINE_S} s") from late
    if done.returncode != 0:
        if log:
            raise ServiceError(f"{argv[0]} failed: its log {log} says why")
        last = (done.stderr.decode(errors="replace").strip().splitlines() or ["no output"])[-1]
        raise ServiceError(f"{argv[0]} failed: {last}")
    return "" if log else done.stdout.decode()


def _tree_hash(*folders: Path, also: Mapping[str, str]) -> str:
    digest = hashlib.sha256(json.dumps(dict(also), sort_keys=True).encode())
    for folder in folders:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            digest.update(str(path.relative_to(folder)).encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:32]


def _public(url: str) -> str:
    """A mirror's address that holds a password stays out of the images."""
    return "" if urlsplit(url).username else url


def _quiet(argv: Sequence[str]) -> str:
    try:
        return _run(argv).strip()
    except ServiceError:
        return ""


def _host_mirrors() -> dict[str, str]:
    """Package indexes that this host is configured to use, as build arguments; most hosts have none."""
    pip = os.environ.get("PIP_INDEX_URL") or _quiet([sys.executable, "-m", "pip", "config", "get", "global.index-url"])
    npm = os.environ.get("NPM_CONFIG_REGISTRY", "")
    found = {"PIP_INDEX_URL": _public(pip), "NPM_REGISTRY": _public(npm)}
    return {name: url for name, url in found.items() if url}


class _Workshop:
    def __init__(self, folder: Path, registry_address: str, progress: Progress) -> None:
        self._folder = folder
        self._registry = registry_address
        self._progress = progress
        self._mirrors = _host_mirrors()
        self._logs = folder.parent / "log"
        self._logs.mkdir(exist_ok=True)

    def ensure(self, images: Sequence[Image]) -> dict[str, str]:
        recipes = {image.recipe: self._recipe(image) for image in images}
        origins = {image.recipe: self._origin(image, recipes[image.recipe]) for image in images}
        missing = [image for image in images if origins[image.recipe] is None]
        if missing and self._hub_answers():
            missing = [image for image in missing if not self._copied(image, origins)]
        if missing:
            self._build(missing, recipes)
        return {name: origins[image.recipe] or "stand-in" for image in images for name in image.names}

    def _recipe(self, image: Image) -> str:
        folders = [RECIPES / name for name in (image.recipe, image.needs) if name]
        return _tree_hash(*folders, also={"base": self._base_recipe(), **self._mirrors})

    def _base_recipe(self) -> str:
        return _tree_hash(RECIPES / "base", *self._authorities(), also={"suite": BASE_SUITE})

    @staticmethod
    def _authorities() -> list[Path]:
        return [HOST_AUTHORITIES] if HOST_AUTHORITIES.is_dir() else []

    def _origin(self, image: Image, recipe: str) -> str | None:
        """What is in the registry: "official", "stand-in" of this very recipe, or None."""
        found = set()
        for name in image.names:
            answer = _quiet(["skopeo", "inspect", "--tls-verify=false", "--config", self._remote(name)])
            if not answer:
                return None
            found.add((json.loads(answer).get("config", {}).get("Labels") or {}).get(LABEL))
        if found == {None}:
            return "official"
        return "stand-in" if found == {recipe} else None

    def _remote(self, name: str) -> str:
        return f"docker://{self._registry}/library/{name}"

    def _hub_answers(self) -> bool:
        self._progress("asking Docker Hub")
        argv = [
            "skopeo",
            f"--command-timeout={HUB_PROBE_DEADLINE}",
            "inspect",
            "--raw",
            f"docker://{IMAGES[0].names[0]}",
        ]
        return bool(_quiet(argv))

    def _copied(self, image: Image, origins: dict[str, str | None]) -> bool:
        for name in image.names:
            self._progress(f"copying {name} from Docker Hub")
            try:
                _run(["skopeo", "copy", "--dest-tls-verify=false", f"docker://{name}", self._remote(name)])
            except ServiceError as error:
                self._progress(f"{name} cannot be copied, a stand-in is built: {error}")
                return False
        origins[image.recipe] = "official"
        return True

    def _buildah(self, *arguments: str) -> list[str]:
        # overlay cannot lie on an overlay, as in a container
        below = _run(["findmnt", "-n", "-o", "FSTYPE", "-T", str(self._folder)]).strip()
        driver = "vfs" if below == "overlay" else "overlay"
        storage = ["--root", str(self._folder / "root"), "--runroot", str(self._folder / "run-root")]
        return ["buildah", *storage, "--storage-driver", driver, *arguments]

    def _build(self, images: Sequence[Image], recipes: Mapping[str, str]) -> None:
        if os.geteuid() != 0:
            raise ServiceError("building the stand-in images needs root: run it with sudo")
        self._progress("building stand-ins for: " + ", ".join(image.names[0] for image in images))
        self._make_base()
        with ThreadPoolExecutor(BUILDERS) as pool:
            jobs: dict[str, Future[None]] = {}
            for image in images:
                # whatever an image needs stands before it in IMAGES
                needed = jobs.get(image.needs) if image.needs else None
                jobs[image.recipe] = pool.submit(self._build_one, image, recipes[image.recipe], needed)
        for job in jobs.values():
            job.result()

    def _build_one(self, image: Image, recipe: str, needed: Future[None] | None) -> None:
        if needed:
            needed.result()
        elif image.needs:
            needs = next(other for other in IMAGES if other.recipe == image.needs)
            self._fetch(self._remote(needs.names[0]), needs.recipe)
        arguments = {"BASE": "localhost/base", "PYTHON": "localhost/python", **self._mirrors}
        self._bud(image.recipe, RECIPES / image.recipe, arguments, f"{LABEL}={recipe}")
        for name in image.names:
            argv = self._buildah("push", "--tls-verify=false", f"localhost/{image.recipe}", self._remote(name))
            _run(argv, log=self._log(image.recipe))
        self._progress(f"built {' and '.join(image.names)}")

    def _fetch(self, source: str, name: str) -> None:
        log = self._log(name)
        _run(self._buildah("pull", "--tls-verify=false", source), log=log)
        _run(self._buildah("tag", source.removeprefix("docker://"), f"localhost/{name}"), log=log)

    def _log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def _bud(self, name: str, context: Path, arguments: Mapping[str, str], label: str) -> None:
        build_args = [word for key, value in arguments.items() for word in ("--build-arg", f"{key}={value}")]
        options = ["--isolation", "chroot", "--format", "docker", "--squash=false", "--pull-never", "--label", label]
        self._log(name).unlink(missing_ok=True)
        argv = self._buildah("bud", *options, *build_args, "--tag", f"localhost/{name}", str(context))
        _run(argv, log=self._log(name))

    def _make_base(self) -> None:
        """One base for all, kept in the registry: an image that is built later shares its layer with the others."""
        remote = f"docker://{self._registry}/bootstrap/base:{self._base_recipe()}"
        if _quiet(["skopeo", "inspect", "--tls-verify=false", remote]):
            self._fetch(remote, "base")
            return
        self._progress("making the Debian base")
        context = self._folder / "base"
        shutil.copytree(RECIPES / "base", context)
        certificates = context / "certificates"
        certificates.mkdir()
        for folder in self._authorities():
            for path in folder.glob("*.crt"):
                shutil.copy(path, certificates)
        root = context / "root.tar"
        log = self._log("mmdebstrap")
        log.unlink(missing_ok=True)
        _run(["mmdebstrap", "--variant=minbase", "--include=ca-certificates", BASE_SUITE, str(root)], log=log)
        self._bud("base", context, {}, f"{LABEL}=base")
        _run(self._buildah("push", "--tls-verify=false", "localhost/base", remote), log=self._log("base"))
