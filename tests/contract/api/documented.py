"""What DigitalOcean's document says that a token must be allowed for a request."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from typing import Any

from tests.contract.api.conftest import CONTRACT

VERBS = {"get", "post", "put", "patch", "delete"}
# in the words of "Tag a Resource": "you must have both tag:create and <resource type>:update"
TAGGED = {
    "droplet": "droplet",
    "image": "image",
    "volume": "block_storage",
    "volume_snapshot": "block_storage_snapshot",
}


@functools.cache
def documented() -> dict[tuple[str, str], list[set[str]]]:
    """Method and path, with `x` for each of its parameters → all scopes of one of these sets are needed. Scopes of
    before there were custom ones (`api:read`) are left out."""
    return {
        (method.upper(), re.sub(r"\{.*?\}", "x", path)): [
            {scope for scopes in way.values() for scope in scopes if not scope.startswith("api:")}
            for way in about.get("security", [])
        ]
        for path, methods in json.loads(CONTRACT.read_text())["paths"].items()
        for method, about in methods.items()
        if method in VERBS
    }


def needed(method: str, path: str, body: Mapping[str, Any]) -> list[set[str]]:
    """Of a request as it was made."""
    segments = path.strip("/").split("/")
    fitting = [
        route
        for verb, route in documented()
        if verb == method
        and len(parts := route.strip("/").split("/")) == len(segments)
        and all(part in ("x", segment) for part, segment in zip(parts, segments, strict=True))
    ]
    # one that is spelled out says more than a parameter
    route = min(fitting, key=lambda route: route.count("x"))
    more = set()
    if route == "/v2/tags/x/resources":
        more = {f"{TAGGED[item['resource_type']]}:update" for item in body["resources"]}
    return [way | more for way in documented()[method, route]]
