#!/usr/bin/env bash
# Docker with Compose v2, from the distribution: security updates come with all the others.
set -euo pipefail
# shellcheck source=packer/files/lib.sh
. /var/lib/bootstrap-build/files/lib.sh

# The configuration first, so that the daemon never runs without it.
install -D -m 0644 "$BUILD/files/daemon.json" /etc/docker/daemon.json
if [ -n "$REGISTRY_MIRROR" ]; then
    say "container images come through $REGISTRY_MIRROR during this build"
    python3 - "$REGISTRY_MIRROR" <<'PYTHON'
import json, pathlib, sys, urllib.parse

path = pathlib.Path("/etc/docker/daemon.json")
config = json.loads(path.read_text())
mirror = urllib.parse.urlsplit(sys.argv[1])
config["registry-mirrors"] = [sys.argv[1]]
if mirror.scheme == "http":
    config["insecure-registries"] = [mirror.netloc]
path.write_text(json.dumps(config, indent=2) + "\n")
PYTHON
fi

if is_ubuntu; then
    apt_get install docker.io docker-compose-v2 docker-buildx iptables
else
    apt_get install docker.io docker-cli docker-compose docker-buildx iptables
fi
systemctl enable docker.service
systemctl restart docker.service
until_true 60 docker info
docker compose version
[ "$(docker info --format '{{.Driver}}')" = overlay2 ]
