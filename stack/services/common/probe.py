"""The container's health check: `python -m common.probe` succeeds when its service is ready.

It runs every few seconds in every container: an HTTP client would take five times as long to import.
"""

import os
import socket
import sys

address = ("localhost", int(os.environ.get("PORT", "8000")))
try:
    with socket.create_connection(address, timeout=7) as connection:
        connection.sendall(b"GET /ready/ HTTP/1.0\r\nHost: localhost\r\n\r\n")
        answer = connection.makefile("rb").readline().decode(errors="replace").strip()
except OSError as error:
    sys.exit(f"{address}: {error}")
if answer.split()[1:2] != ["200"]:
    sys.exit(f"/ready/ answered {answer!r}")
