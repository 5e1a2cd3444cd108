"""The container's health check: `python -m common.probe` succeeds when its service is ready."""

import os
import sys
import urllib.request

url = f"http://localhost:{os.environ.get('PORT', '8000')}/ready/"
try:
    urllib.request.urlopen(url, timeout=7)
except OSError as error:
    sys.exit(f"{url}: {error}")
