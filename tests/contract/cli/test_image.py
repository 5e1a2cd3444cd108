"""`bootstrap image` in a script: times are text, as the API writes them."""

from __future__ import annotations

import json
import re

from tests.contract.cli.conftest import Place


def test_times_are_told_in_utc_to_the_second(place: Place) -> None:
    said = place.run("image", "show", str(place.image), "--json")
    (listed,) = [one for one in json.loads(place.run("image", "list", "--json").out) if one["id"] == place.image]
    assert listed == json.loads(said.out)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", listed["built_at"])
    assert listed["built_at"] in place.run("image", "list").out
