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
# All at once, which is quicker by far than in turn: the droplet's own swap is for the moment in which that needs more
# than 2 GB. Where the kernel is shared the unit leaves it alone.
systemctl start bootstrap-swap.service
compose build
# What one service builds and another only uses is here already, and in no registry.
pulled=$(compose config --format json | python3 -c '
import json, sys

model = json.load(sys.stdin)
named = {name: one.get("image") or "-".join((model["name"], name)) for name, one in model["services"].items()}
built = {named[name] for name, one in model["services"].items() if "build" in one}
print(*(name for name in named if named[name] not in built), sep="\n")')
mapfile -t pulled <<<"$pulled"
[ -z "${pulled[*]}" ] || compose pull --quiet "${pulled[@]}"
compose config --images | sort -u | while read -r image; do
    docker image inspect --format "{{index .RepoTags 0}} {{.Id}} {{.Size}}" "$image"
done
