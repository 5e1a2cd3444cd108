# shellcheck shell=bash
# What the numbered scripts share.

# Where the inputs of the build lie on the droplet; 90-clean.sh removes it.
# shellcheck disable=SC2034 # the scripts read it
BUILD=/var/lib/bootstrap-build
# How long another apt may be at work.
LOCK_S=300
# What this build makes is for every user of the machine, whatever the login's own umask is.
umask 022
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1

say() {
    echo "bootstrap: $*"
}

# Waits for a running apt instead of failing; keeps configuration files as they are. apt's own patience is for dpkg's
# locks only: what it says of those on lists and archives is waited for here.
apt_get() {
    local deadline=$((SECONDS + LOCK_S)) said code
    said=$(mktemp)
    while :; do
        code=0
        LC_ALL=C.UTF-8 apt-get -qq -y -o "DPkg::Lock::Timeout=$LOCK_S" -o Acquire::Retries=5 \
            -o APT::Install-Recommends=false -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confdef \
            -o Dpkg::Options::=--force-confold "$@" 2>"$said" || code=$?
        if [ "$code" = 0 ] || ! grep -q 'Could not get lock' "$said" || ((SECONDS >= deadline)); then
            break
        fi
        sleep 1
    done
    cat "$said" >&2
    rm "$said"
    return "$code"
}

# until_true SECONDS COMMAND…: runs it until it succeeds, or fails at the deadline with what it said last.
until_true() {
    local deadline=$((SECONDS + $1)) output
    shift
    until output=$("$@" 2>&1); do
        if ((SECONDS >= deadline)); then
            echo "$*: $output" >&2
            return 1
        fi
        sleep 0.5
    done
}

is_ubuntu() {
    (
        # shellcheck source=/dev/null
        . /etc/os-release
        [ "$ID" = ubuntu ]
    )
}
