from __future__ import annotations

import pytest

from bootstrap.deployment.zones import Place, candidates, place

ZONES = ["example.com", "eu.example.com", "other.org"]
PLACES = {
    "example.com": Place("example.com", "@"),
    "app.example.com": Place("example.com", "app"),
    "a.b.example.com": Place("example.com", "a.b"),
    "eu.example.com": Place("eu.example.com", "@"),
    "app.eu.example.com": Place("eu.example.com", "app"),
    "notexample.com": None,
    "com": None,
}


@pytest.mark.parametrize("name", PLACES)
def test_a_name_lies_in_the_nearest_zone(name: str) -> None:
    assert place(name, ZONES) == PLACES[name]


def test_nobody_keeps_a_zone_of_a_top_level_domain() -> None:
    assert list(candidates("app.example.com")) == [Place("app.example.com", "@"), Place("example.com", "app")]
