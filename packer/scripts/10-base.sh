#!/usr/bin/env bash
# Up-to-date packages, the time zone, the user that everything belongs to.
set -euo pipefail
# shellcheck source=packer/files/lib.sh
. /var/lib/bootstrap-build/files/lib.sh

# Exit code 2 is "done, with something to warn about".
code=0
timeout 300 cloud-init status --wait || code=$?
if [ "$code" != 0 ] && [ "$code" != 2 ]; then
    echo "cloud-init of the base image failed or took more than 300 s" >&2
    exit 1
fi

# They would hold apt's lock in the middle of the build; enabled again by the next boot.
systemctl stop apt-daily.timer apt-daily-upgrade.timer
apt_get update
apt_get full-upgrade
apt_get install aide auditd ca-certificates curl dbus debsums e2fsprogs fail2ban gzip libpam-pwquality \
    libpam-tmpdir logrotate lynis needrestart nftables openssh-server openssl procps python3-systemd python3-venv sudo \
    tar tzdata unattended-upgrades
# `bootstrap audit` asks when somebody wants to know.
systemctl disable --now lynis.timer

ln -sf /usr/share/zoneinfo/Etc/UTC /etc/localtime
echo Etc/UTC >/etc/timezone

# uid 1000 is also the applications' user in their containers. A cloud image's default user may have taken it.
if holder=$(id -nu 1000 2>/dev/null) && [ "$holder" != deploy ]; then
    say "user $holder gives uid 1000 to deploy"
    userdel --remove --force "$holder"
fi
groupadd --system --force docker
id deploy >/dev/null 2>&1 || useradd --uid 1000 --user-group --create-home --shell /bin/bash deploy
usermod --append --groups sudo,docker deploy
passwd --lock deploy >/dev/null
chmod 750 /home/deploy
install -m 0440 "$BUILD/files/sudoers" /etc/sudoers.d/90-bootstrap
visudo --check --quiet
