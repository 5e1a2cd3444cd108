#!/usr/bin/env bash
# The agent and certbot, each in a virtual environment of its own. `bootstrap create` enables the timers, not this.
set -euo pipefail
# shellcheck source=packer/files/lib.sh
. /var/lib/bootstrap-build/files/lib.sh

# The system's roots, which a base image may have added to: pip brings its own otherwise.
export PIP_CERT=/etc/ssl/certs/ca-certificates.crt PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
locked() {
    python3 -m venv "$1"
    "$1/bin/pip" --quiet --retries 5 install --require-hashes --requirement "$2"
}
locked /opt/bootstrap/venv "$BUILD/files/agent-requirements.txt"
/opt/bootstrap/venv/bin/pip --quiet install --no-deps "$BUILD"/wheel/*.whl
ln -sf /opt/bootstrap/venv/bin/bootstrap-agent /usr/local/bin/bootstrap-agent
bootstrap-agent --help >/dev/null

# In one of its own: what it needs is its own business. The agent calls it by this path, people by the link.
locked /opt/bootstrap/certbot "$BUILD/files/certbot-requirements.txt"
ln -sf /opt/bootstrap/certbot/bin/certbot /usr/local/bin/certbot
certbot --version >/dev/null

install -d -m 0755 /etc/bootstrap /srv/data
units=("$BUILD"/files/systemd/*)
install -m 0644 "${units[@]}" /etc/systemd/system/
systemctl daemon-reload
systemd-analyze verify "${units[@]/#*\///etc/systemd/system/}"
