#!/usr/bin/env bash
# What is in this image, in one file.
set -euo pipefail
# shellcheck source=packer/files/lib.sh
. /var/lib/bootstrap-build/files/lib.sh

umask 022
python3 "$BUILD/files/release.py" /etc/bootstrap/release.json
