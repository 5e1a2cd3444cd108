"""docs/layers.svg, from the import contracts of pyproject.toml: `make docs`. A test keeps it in step.

One column a package, one frame a layer, its rooms and modules inside. Text is drawn by whoever shows the picture, in
its own font: widths here leave room for a wide one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from importlinter.api import read_configuration

_ROOT = Path(__file__).resolve().parents[1]
PAGE = _ROOT / "docs" / "layers.svg"
# package → where it lies, what it is; in the order of the columns
_PACKAGES = {
    "bootstrap_agent": ("agent/bootstrap_agent", "baked into the image, runs on the droplet"),
    "bootstrap": ("bootstrap", "what a laptop installs"),
    "localcloud": ("localcloud/localcloud", "a DigitalOcean on one machine"),
}
_MARGIN, _COLUMN, _BETWEEN = 20, 280, 110
_HEAD, _PAD, _GAP, _LINE = 56, 8, 6, 28
_LETTER = 8
_STYLE = """
text { font: 13px ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace; fill: #1f2328; text-anchor: middle }
.name { font-size: 15px; font-weight: bold }
.note { font-family: system-ui, sans-serif; font-size: 12px; fill: #59636e }
.package { fill: #f6f8fa; stroke: #d1d9e0 } .layer { fill: #ddf4ff; stroke: none }
.module { fill: #ffffff; stroke: #b6c8d9 }
.shared { fill: #fff8c5; stroke: #9a6700 } .way { fill: none; stroke: #59636e; stroke-width: 1.5 }
.imports { stroke: #9a6700 } .wire { stroke-dasharray: 5 4 } .tip { fill: #9a6700 } .end { fill: #59636e }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .note { fill: #9198a1 } .package { fill: #151b23; stroke: #3d444d } .layer { fill: #12283d }
  .module { fill: #0d1117; stroke: #35506b } .shared { fill: #3a2d06; stroke: #d29922 }
  .way { stroke: #9198a1 } .imports { stroke: #d29922 } .tip { fill: #d29922 } .end { fill: #9198a1 }
}"""


@dataclass(frozen=True)
class _Box:
    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


def picture() -> str:
    contracts = read_configuration(str(_ROOT / "pyproject.toml"))["contracts_options"]
    shared = _shared(contracts)
    shapes: list[str] = []
    places: dict[str, _Box] = {}
    ends: list[float] = []
    lefts = [_MARGIN + number * (_COLUMN + _BETWEEN) for number in range(len(_PACKAGES))]
    for package, x in zip(_PACKAGES, lefts, strict=True):
        layers = [re.findall(r"\w+", layer) for layer in _layers(contracts, package)]
        end, drawn = _column(package, layers, x, shared, places)
        ends.append(end)
        shapes += drawn
    bottom = max(ends) + _PAD - _GAP
    frames = [_Box(x, _MARGIN, _COLUMN, bottom - _MARGIN) for x in lefts]
    width = frames[-1].right + _MARGIN
    shapes = [*(_rect(frame, "package") for frame in frames), *shapes]
    note = "a layer may import those below it, never its neighbours; yellow: what bootstrap may import"
    body = "\n".join([*shapes, *_ways(frames, places, shared), _text(width / 2, bottom + 28, note, "note")])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {bottom + 44:g}" role="img">\n'
        f"<title>The three packages and their layers</title>\n<style>{_STYLE}\n</style>\n{body}\n</svg>\n"
    )


def _layers(contracts: Sequence[Mapping[str, Any]], package: str) -> list[str]:
    (found,) = [one for one in contracts if one["type"] == "layers" and package in one.get("containers", ())]
    return [str(layer) for layer in found["layers"]]


def _shared(contracts: Sequence[Mapping[str, Any]]) -> set[str]:
    """The agent's modules that `bootstrap` is not forbidden to import, as `bootstrap_agent.<module>`."""
    bans = [
        module
        for one in contracts
        if one["type"] == "forbidden" and "bootstrap" in one["source_modules"]
        for module in one["forbidden_modules"]
    ]
    modules = re.findall(r"\w+", " ".join(_layers(contracts, "bootstrap_agent")))
    return {f"bootstrap_agent.{module}" for module in modules} - set(bans)


def _column(
    package: str, layers: Sequence[Sequence[str]], x: float, shared: set[str], places: dict[str, _Box]
) -> tuple[float, list[str]]:
    """Where the package's last layer ends, and what is drawn; where each module came to lie goes into `places`."""
    drawn = [
        _text(x + _COLUMN / 2, _MARGIN + 24, package, "name"),
        _text(x + _COLUMN / 2, _MARGIN + 43, _PACKAGES[package][1], "note"),
    ]
    y = float(_MARGIN + _HEAD)
    for layer in layers:
        lines = list(_lines(layer))
        frame = _Box(x + _PAD, y, _COLUMN - 2 * _PAD, len(lines) * (_LINE + _GAP) + _GAP)
        drawn.append(_rect(frame, "layer"))
        for number, line in enumerate(lines):
            width = (frame.width - _GAP) / len(line) - _GAP
            for place, module in enumerate(line):
                name = f"{package}.{module}"
                left = frame.x + _GAP + place * (width + _GAP)
                box = _Box(left, y + _GAP + number * (_LINE + _GAP), width, _LINE)
                places[name] = box
                drawn.append(_module(box, package, module, "shared" if name in shared else "module"))
        y += frame.height + _GAP
    return y, drawn


def _lines(layer: Sequence[str]) -> Iterator[list[str]]:
    """As many modules side by side as all of them, equally wide, have room for."""
    room = _COLUMN - 2 * _PAD - _GAP
    widest = max(map(len, layer)) * _LETTER + 2 * _GAP
    side_by_side = max(1, int(room // (widest + _GAP)))
    rows = -(-len(layer) // side_by_side)
    each = -(-len(layer) // rows)
    for first in range(0, len(layer), each):
        yield list(layer[first : first + each])


def _ways(frames: Sequence[_Box], places: Mapping[str, _Box], shared: set[str]) -> Iterator[str]:
    """How the packages meet: the import of what is shared, and the two wires."""
    agent, cli, cloud = frames
    lowest = max((places[name] for name in shared), key=lambda box: box.y)
    yield _arrow(cli.x, agent.right - _PAD - _GAP, lowest.middle, "imports")
    yield _text((cli.x + agent.right) / 2, lowest.middle - 8, "imports", "note")
    top = places["bootstrap.cli"].middle
    yield _arrow(cli.x, agent.right, top, "wire")
    yield _text((cli.x + agent.right) / 2, top - 8, "runs it by SSH", "note")
    yield _arrow(cli.right, cloud.x, top, "wire")
    yield _text((cli.right + cloud.x) / 2, top - 8, "process, HTTP", "note")


def _module(box: _Box, package: str, module: str, kind: str) -> str:
    is_room = (_ROOT / _PACKAGES[package][0] / module).is_dir()
    label = f"{module}/" if is_room else module
    return f"{_rect(box, kind)}{_text(box.x + box.width / 2, box.middle + 4.5, label)}"


def _rect(box: _Box, kind: str) -> str:
    return f'<rect class="{kind}" x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" height="{box.height:g}" rx="5"/>'


def _text(x: float, y: float, text: str, kind: str | None = None) -> str:
    of_kind = f' class="{kind}"' if kind else ""
    return f'<text{of_kind} x="{x:g}" y="{y:g}">{escape(text)}</text>'


def _arrow(start: float, end: float, y: float, kind: str) -> str:
    back = 8 if end < start else -8
    tip = f"{end:g},{y:g} {end + back:g},{y - 5:g} {end + back:g},{y + 5:g}"
    head = "tip" if kind == "imports" else "end"
    return f'<path class="way {kind}" d="M{start:g} {y:g}H{end + back:g}"/><polygon class="{head}" points="{tip}"/>'


if __name__ == "__main__":
    PAGE.write_text(picture())
