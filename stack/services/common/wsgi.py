"""What gunicorn serves; DJANGO_SETTINGS_MODULE, set in the image, says which service this is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any

from django.conf import settings
from django.core.wsgi import get_wsgi_application

_django = get_wsgi_application()
# else each process would, with its first request: what health remembers is shared, and nobody waits for an import
import_module(settings.ROOT_URLCONF)
_CHARSET = re.compile(r";\s*charset\s*=[^;]*", re.IGNORECASE)


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Everything is UTF-8, whatever the Content-Type says: Django takes any codec that Python has for a charset, and
    fails on zlib before it could answer."""
    environ["CONTENT_TYPE"] = _CHARSET.sub("", environ.get("CONTENT_TYPE", ""))
    return _django(environ, start_response)
