"""docs/layers.svg: as it would be drawn today, and no module of a contract left out."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from importlinter.api import read_configuration

from tools.layers import PAGE, picture

CONTRACTS = read_configuration(str(PAGE.parents[1] / "pyproject.toml"))["contracts_options"]


def test_the_picture_is_as_it_would_be_drawn_today() -> None:
    assert PAGE.read_text() == picture(), "make docs"


def test_each_module_of_the_layers_is_in_it() -> None:
    texts = [text.text for text in ElementTree.fromstring(picture()).iter("{http://www.w3.org/2000/svg}text")]
    layers = [layer for one in CONTRACTS if one["type"] == "layers" for layer in one["layers"]]
    modules = [name for layer in layers for name in re.findall(r"\w+", layer)]
    assert sorted(modules) == sorted(str(text).rstrip("/") for text in texts if str(text).rstrip("/") in set(modules))


def test_the_contract_is_what_both_sides_share() -> None:
    (box,) = re.findall(r'<rect class="(\w+)"[^>]*/><text[^>]*>contract/</text>', picture())
    assert box == "shared"
