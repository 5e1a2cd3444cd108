# shellcheck shell=bash
# What the numbered scripts share.

# Where the inputs of the build lie on the droplet; 90-clean.sh removes it.
# shellcheck disable=SC2034 # the scripts read it
BUILD=/var/lib/bootstrap-build
# What this build makes is for every user of the machine, whatever the login's own umask is.
umask 022
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1

say() {
    echo "bootstrap: $*"
}

# Waits for a running apt instead of failing; keeps configuration files as they are.
apt_get() {
    apt-get -qq -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=5 -o APT::Install-Recommends=false \
        -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@"
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
