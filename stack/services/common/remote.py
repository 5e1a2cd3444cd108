"""Asks another service in the name of whoever asks us."""

from __future__ import annotations

import json
import logging
import urllib.error
import urllib.request
from typing import Any

from django.http import Http404
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied

from common.authentication import Unavailable
from common.logs import request_id

log = logging.getLogger(__name__)

# as patient as people are, below what nginx gives us: after a replacement all who waited ask at once
TIMEOUT_S = 15


def get(url: str, token: str, timeout_s: float = TIMEOUT_S) -> Any:
    """Blocks. Raises Http404, PermissionDenied, AuthenticationFailed (the token ended meanwhile) or Unavailable."""
    headers = {"Authorization": f"Bearer {token}", "X-Request-ID": request_id.get() or ""}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - a setting of ours and numbers
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:  # noqa: S310
            return json.load(answer)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 404:
            raise Http404 from None
        if error.code == 401:
            raise AuthenticationFailed from None
        if error.code == 403:
            raise PermissionDenied from None
        log.warning("%s answered %d", _place(url), error.code)
    except (OSError, ValueError) as error:
        log.warning("%s does not answer: %s", _place(url), error)
    raise Unavailable


def _place(url: str) -> str:
    """Without what follows `?`: what people search for is in no log."""
    return url.partition("?")[0]
