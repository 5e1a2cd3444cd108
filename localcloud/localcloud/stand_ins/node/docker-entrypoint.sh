#!/bin/sh
# The contract of the official image's entry point: what is no command is a script or a flag for node.
set -eu

if [ "${1#-}" != "$1" ] || [ -z "$(command -v "$1")" ] || { [ -f "$1" ] && ! [ -x "$1" ]; }; then
    set -- node "$@"
fi
exec "$@"
