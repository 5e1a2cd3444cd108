"""The container's health check: `python -m common.probe URL` succeeds when the URL answers 200."""

import sys
import urllib.error
import urllib.request

try:
    urllib.request.urlopen(sys.argv[1], timeout=7)  # noqa: S310 - the URL stands in the Compose file
except (OSError, urllib.error.HTTPError) as error:
    sys.exit(f"{sys.argv[1]}: {error}")
