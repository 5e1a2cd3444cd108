#!/usr/bin/env bash
# The stack where the seed puts it, and every container image it needs.
set -euo pipefail
# shellcheck source=packer/files/lib.sh
. /var/lib/bootstrap-build/files/lib.sh

apps=/home/deploy/apps
case $STACK_DIR in
"$apps"/*) ;;
*)
    echo "the stack's folder must lie under $apps: $STACK_DIR" >&2
    exit 1
    ;;
esac
# A base has the stack that it was prepared with.
rm -rf "$apps"
install -d -o deploy -g deploy -m 0755 "$apps"
install -d -o deploy -g deploy -m 0700 "$apps/backups"
mkdir -p "$STACK_DIR"
cp -R "$BUILD/stack/." "$STACK_DIR"
# The seed's owners and modes: containers of any user write into logs/.
mkdir -p "$STACK_DIR/logs"
chown -R deploy:deploy "$apps"
chmod -R u=rwX,go=rX "$STACK_DIR"
chmod 0777 "$STACK_DIR/logs"
[ ! -e "$STACK_DIR/.env.production" ]

until_true 60 docker info
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
    systemctl reload docker.service
    # it says that it was told, and not that it has listened
    mirrored() {
        docker info --format '{{join .RegistryConfig.Mirrors " "}}' | grep -qF "$REGISTRY_MIRROR"
    }
    until_true 30 mirrored
fi

# Who pulls is in memory only, and no longer than this script runs.
login=/run/bootstrap-registry.json
export DOCKER_CONFIG=/run/bootstrap-docker
trap 'rm -rf "$login" "$DOCKER_CONFIG"' EXIT
if [ -s "$login" ]; then
    field() {
        python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$login" "$1"
    }
    say "container images are pulled as $(field user) of $(field host)"
    field password | docker login --username "$(field user)" --password-stdin "$(field host)" >/dev/null
fi

cd "$STACK_DIR"
IFS=: read -ra files <<<"$STACK_COMPOSE_FILE"
profiles=
# The example has every variable; none of them gets into an image. Nor does any of this machine: Compose would take it
# for one of the stack's. Plain: when a build fails, what it said stands in the log.
compose() {
    env -i PATH="$PATH" HOME=/root DOCKER_CONFIG="$DOCKER_CONFIG" BUILDKIT_PROGRESS=plain \
        RELEASE="$RELEASE_NAME" COMPOSE_PROFILES="$profiles" \
        docker compose "${files[@]/#/--file=}" --env-file .env.production.example "$@"
}
profiles=$(compose config --profiles | paste -sd,)
# What one service builds and another only uses is in no registry.
model=$(compose config --format json)
of_registries() {
    python3 -c '
import json, sys

model = json.load(sys.stdin)
named = {name: one.get("image") or "-".join((model["name"], name)) for name, one in model["services"].items()}
built = {named[name] for name, one in model["services"].items() if "build" in one}
print(*(name if sys.argv[1] == "services" else named[name] for name in named if named[name] not in built), sep="\n")
' "$1" <<<"$model"
}
services=$(of_registries services) named=$(of_registries images)
mapfile -t pulled <<<"$services"
# A base has images of its day. Those that this stack pulls lose their names, so that no Dockerfile is built on one of
# them, and stay until the registry has said what has the name today: then only what is new is fetched. All others go;
# what the build can use of them is in its cache.
kept=() ids=()
while read -r image; do
    if id=$(docker image inspect --format '{{.Id}}' "$image" 2>/dev/null); then
        kept+=("bootstrap-kept:${#kept[@]}") ids+=("$id")
        docker image tag "$id" "${kept[-1]}"
    fi
done <<<"$named"
docker image ls --all --quiet --no-trunc | sort -u | { grep -vxF -e "$(printf '%s\n' "${ids[@]}")" || true; } |
    xargs -r docker image rm --force >/dev/null
docker image ls --format '{{.Repository}}:{{.Tag}}' | { grep -v -e '^bootstrap-kept:' -e '<none>' || true; } |
    xargs -r docker image rm >/dev/null
# All at once, which is quicker by far than in turn: the droplet's own swap is for the moment in which that needs more
# than 2 GB. Where the kernel is shared the unit leaves it alone.
systemctl start bootstrap-swap.service
compose build
[ -z "${pulled[*]}" ] || compose pull --quiet "${pulled[@]}"
[ "${#kept[@]}" = 0 ] || docker image rm "${kept[@]}" >/dev/null
compose config --images | sort -u | while read -r image; do
    docker image inspect --format "{{index .RepoTags 0}} {{.Id}} {{.Size}}" "$image"
done
