#!/usr/bin/env bash
# The agent in a virtual environment of its own. Its timers are enabled by `bootstrap create`, not here.
set -euo pipefail
# shellcheck source=packer/files/lib.sh
. /var/lib/bootstrap-build/files/lib.sh

python3 -m venv /opt/bootstrap/venv
# The system's roots, which a base image may have added to: pip brings its own otherwise.
export PIP_CERT=/etc/ssl/certs/ca-certificates.crt PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
pip=(/opt/bootstrap/venv/bin/pip --quiet --retries 5)
"${pip[@]}" install --require-hashes --requirement "$BUILD/files/agent-requirements.txt"
"${pip[@]}" install --no-deps "$BUILD"/wheel/*.whl
ln -sf /opt/bootstrap/venv/bin/bootstrap-agent /usr/local/bin/bootstrap-agent
bootstrap-agent --help >/dev/null

install -d -m 0755 /etc/bootstrap /srv/data
units=("$BUILD"/files/systemd/*)
install -m 0644 "${units[@]}" /etc/systemd/system/
systemctl daemon-reload
systemd-analyze verify "${units[@]/#*\///etc/systemd/system/}"
