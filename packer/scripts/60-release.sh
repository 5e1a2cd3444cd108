#!/usr/bin/env bash
# What is in this image, in one file.
set -euo pipefail
# shellcheck source=packer/files/lib.sh
. /var/lib/bootstrap-build/files/lib.sh

umask 022
/opt/bootstrap/venv/bin/python -m bootstrap_agent.inventory
