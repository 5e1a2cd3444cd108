#!/usr/bin/env bash
# Up-to-date packages, the time zone, the user that everything belongs to.
set -euo pipefail
# shellcheck source=packer/files/lib.sh
. /var/lib/bootstrap-build/files/lib.sh

apt_get update
apt_get full-upgrade
apt_get install age aide auditd ca-certificates curl dbus debsums e2fsprogs fail2ban gzip libpam-pwquality \
    libpam-tmpdir logrotate lynis needrestart nftables openssh-server openssl procps python3-systemd python3-venv sudo \
    tar tzdata unattended-upgrades zstd
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
# While images are built, 30-hardening.sh enables it for good
install -m 0644 "$BUILD/files/bootstrap-swap.service" /etc/systemd/system/bootstrap-swap.service
systemctl daemon-reload
