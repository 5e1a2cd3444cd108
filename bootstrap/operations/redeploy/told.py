"""What a replacement leaves for the history: its figures and its page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bootstrap.errors import BootstrapError
from bootstrap.operations.redeploy import page
from bootstrap.operations.redeploy.replacement import Replacement
from bootstrap.ports.cloud import Droplet
from bootstrap.ports.web import ProbeReport
from bootstrap_agent.contract import history


def keep(work: Replacement, seen: ProbeReport, report: Mapping[str, Any], problem: str | None = None) -> str | None:
    """Where the page lies on this computer. `report`: a replacement's own figures; `problem`: why it was given back."""
    recorder = work.env.recorder
    if recorder is None:
        return None
    names = _image_names(work)
    machines = {
        "before": _machine(work.old, names),
        "given up" if problem else "now": _machine(work.new, names),
        "reserved IP": work.address,
        "data volume": work.volume.name + (f", as it was before: snapshot {work.snapshot}" if work.snapshot else ""),
    }
    recorder.add(image=names.get(work.new.image_id) if work.new else None, **page.figures(seen, recorder.steps, report))
    if problem:
        recorder.fail(problem, history.GIVEN_BACK)
    event = recorder.event
    recorder.attach(
        page.page(
            kind=event.kind,
            domain=work.env.settings.domain,
            began=event.began,
            by=event.by,
            command=event.command,
            steps=recorder.steps,
            seen=seen,
            probed_after=recorder.since(seen.started),
            machines=machines,
            report=report,
            problem=problem,
        )
    )
    return str(recorder.page)


def _image_names(work: Replacement) -> dict[int, str]:
    """None where the API does not say: the replacement is over, and its history must not fail it."""
    try:
        return {image.id: image.name for image in work.env.cloud.images()}
    except BootstrapError:
        return {}


def _machine(droplet: Droplet | None, images: Mapping[int, str]) -> str:
    if droplet is None:
        return "gone"
    return f"{droplet.name} ({droplet.size}, image {images.get(droplet.image_id, droplet.image_id)})"
