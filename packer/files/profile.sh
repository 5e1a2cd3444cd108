# shellcheck shell=sh
# A terminal that somebody left open closes after half an hour at its prompt.
TMOUT=1800
readonly TMOUT
export TMOUT
# As in limits.conf: no core dumps
# shellcheck disable=SC3045 # dash knows it, too
ulimit -c 0
