"""What the service's own URLs take and give, as an OpenAPI document. Imported when somebody asks for it, not at start:
drf-spectacular would cost memory in every process."""

from __future__ import annotations

import re
from typing import Any

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema

from common.authentication import ACCESS_COOKIE


class Schema(AutoSchema):
    """A view says what it takes in `serializer_class`, what it gives in `answer_class` where that differs (None:
    nothing), and which query it knows in `query_class`."""

    def get_operation_id(self) -> str:
        """Of the whole path: spectacular's own leaves objects out, and warns on stderr where two are the same then."""
        return re.sub(r"\W+", "_", f"{self.method.lower()}{self.path}").strip("_")

    def get_request_serializer(self) -> Any:
        return getattr(self.view, "serializer_class", None)

    def get_response_serializers(self) -> Any:
        if not hasattr(self.view, "answer_class"):
            return self.get_request_serializer()
        return self.view.answer_class or {204: None}

    def get_override_parameters(self) -> list[Any]:
        query = getattr(self.view, "query_class", None)
        return [query] if query and self.method == "GET" else []


class _AccessToken(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "common.authentication.AccessToken"
    match_subclasses = True
    name = ["bearer", "cookie"]  # noqa: RUF012 - as the base class has it

    def get_security_definition(self, auto_schema: AutoSchema) -> list[dict[str, str]]:
        bearer = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
        return [bearer, {"type": "apiKey", "in": "cookie", "name": ACCESS_COOKIE}]

    def get_security_requirement(self, auto_schema: AutoSchema) -> list[dict[str, list[str]]]:
        return [{name: []} for name in self.name]  # one of them is enough


def document() -> dict[str, Any]:
    found: dict[str, Any] = SchemaGenerator().get_schema(public=True)
    return {**found, "info": {"title": settings.SERVICE, "version": settings.RELEASE}}
