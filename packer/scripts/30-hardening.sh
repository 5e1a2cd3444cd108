#!/usr/bin/env bash
# Who may come in, what may go out, what is written down. All of it takes effect at the next boot.
set -euo pipefail
# shellcheck source=packer/files/lib.sh
. /var/lib/bootstrap-build/files/lib.sh

install -d -m 0755 /etc/bootstrap
install -m 0644 "$BUILD/files/sshd.conf" /etc/ssh/sshd_config.d/10-bootstrap.conf
install -d -m 0755 /run/sshd
sshd -t

install -m 0644 "$BUILD/files/firewall.nft" /etc/bootstrap/firewall.nft
nft --check --file /etc/bootstrap/firewall.nft
install -m 0644 "$BUILD/files/bootstrap-firewall.service" /etc/systemd/system/
systemctl enable bootstrap-firewall.service

install -m 0644 "$BUILD/files/sysctl.conf" /etc/sysctl.d/90-bootstrap.conf
install -D -m 0644 "$BUILD/files/journald.conf" /etc/systemd/journald.conf.d/10-bootstrap.conf
install -m 0644 "$BUILD/files/logrotate.conf" /etc/logrotate.d/bootstrap
install -m 0644 "$BUILD/files/auto-upgrades" /etc/apt/apt.conf.d/20auto-upgrades
systemctl enable unattended-upgrades.service fail2ban.service
