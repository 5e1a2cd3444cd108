#!/usr/bin/env bash
# Nothing of this machine may live on in others: no key, id, log, history, cache. The last script: Packer powers the
# droplet off next, so whatever writes at shutdown is stopped first.
set -euo pipefail
# shellcheck source=packer/files/lib.sh
. /var/lib/bootstrap-build/files/lib.sh

apt_get autoremove --purge
apt_get clean
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin

# Each droplet makes its own.
if [ -e /swapfile ]; then
    swapoff /swapfile
    rm /swapfile
fi

# A base is no release: it keeps what was built and pulled, which is what makes the bakes from it quick.
is_release() {
    [ -e /etc/bootstrap/release.json ]
}
if is_release; then
    docker builder prune --all --force >/dev/null
fi
# Services that share an image were each built: only one of the results has the name.
docker image prune --force >/dev/null
[ -z "$(docker ps --all --quiet)" ]
systemctl stop docker.socket docker.service containerd.service
# What prune leaves of the builds names the mirror; images need none of it.
if is_release; then
    rm -rf /var/lib/docker/buildkit
fi
# Without the mirror of this build.
install -m 0644 "$BUILD/files/daemon.json" /etc/docker/daemon.json
rm -rf /root/.docker /home/*/.docker
if [ -e /run/bootstrap-registry.json ] || [ -e /run/bootstrap-docker ]; then
    echo "the login of a registry is still there" >&2
    exit 1
fi

# At shutdown it would save a seed, which every droplet of this image would start from.
systemctl stop systemd-random-seed.service
rm -f /var/lib/systemd/random-seed /var/lib/systemd/credential.secret

# Who writes logs writes none from here on: this setting is gone with the next boot.
for unit in syslog.socket rsyslog.service auditd.service unattended-upgrades.service fail2ban.service; do
    if systemctl cat "$unit" >/dev/null 2>&1; then
        systemctl stop "$unit"
    fi
done
install -d /run/systemd/journald.conf.d
printf '[Journal]\nStorage=none\n' >/run/systemd/journald.conf.d/99-bootstrap-build.conf
systemctl restart systemd-journald.service

cloud-init clean --logs --seed
rm -f /etc/netplan/50-cloud-init.yaml /etc/systemd/network/10-cloud-init-*.network \
    /etc/network/interfaces.d/50-cloud-init* /etc/ssh/sshd_config.d/50-cloud-init.conf /etc/sudoers.d/90-cloud-init-users

# Folders stay, as services expect them; tmpfiles.d makes wtmp and its like again at boot.
find /var/log -type f -delete
rm -rf /var/log/journal
rm -rf /var/lib/fail2ban/fail2ban.sqlite3 /var/lib/systemd/timers /var/lib/systemd/coredump

rm -rf /root/.ssh /home/*/.ssh
# Empty, not absent: audit watches what is in a folder only when the folder is there before it.
install -d -o deploy -g deploy -m 0700 /home/deploy/.ssh
rm -f /etc/ssh/ssh_host_*
rm -f /root/.*_history /home/*/.*_history /root/.lesshst /root/.wget-hsts /root/.viminfo
rm -rf /root/.cache /home/*/.cache
rm -rf "$BUILD"
# Of /tmp nobody would see what is left: at boot another is mounted over it.
find /tmp /var/tmp -mindepth 1 -maxdepth 1 -not -name 'systemd-private-*' -exec rm -rf {} +

# Empty, not absent: absent would be systemd's "first boot", which enables every disabled unit again.
: >/etc/machine-id
rm -f /var/lib/dbus/machine-id
if [ -d /var/lib/dbus ]; then
    ln -s /etc/machine-id /var/lib/dbus/machine-id
fi
echo localhost >/etc/hostname
# What the first look on a droplet compares with
if is_release; then
    aide --config=/etc/aide/aide.conf --init >/dev/null
    mv /var/lib/aide/aide.db.new /var/lib/aide/aide.db
fi
sync
