#!/usr/bin/env bash
# Docker with Compose v2, from the distribution: security updates come with all the others.
set -euo pipefail
# shellcheck source=packer/files/lib.sh
. /var/lib/bootstrap-build/files/lib.sh

# The configuration first, so that the daemon never runs without it.
install -D -m 0644 "$BUILD/files/daemon.json" /etc/docker/daemon.json

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
