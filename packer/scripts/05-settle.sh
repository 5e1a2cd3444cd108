#!/usr/bin/env bash
# A droplet that has just been made, of the provider's image or of our own base, becomes quiet.
set -euo pipefail
# shellcheck source=packer/files/lib.sh
. /var/lib/bootstrap-build/files/lib.sh

# Exit code 2 is "done, with something to warn about". The provider's vendor-data may try to install its agent five
# times, a minute apart.
code=0
timeout 600 cloud-init status --wait || code=$?
if [ "$code" != 0 ] && [ "$code" != 2 ]; then
    echo "cloud-init of the base image failed or took more than 600 s" >&2
    exit 1
fi

# Overdue since the base image was made, they hold apt's locks. All at once: the second is waiting for the first to end.
# Masked, as an upgrade of apt's own package starts its timers again; the next boot knows nothing of it.
systemctl mask --quiet --runtime --now apt-daily.timer apt-daily-upgrade.timer apt-daily.service apt-daily-upgrade.service

# What the provider's image has beside Ubuntu and goes: docs/security.md says why.
mapfile -t agent < <(dpkg-query --show --showformat '${binary:Package}\n' 'droplet-agent*' 2>/dev/null)
if ((${#agent[@]})); then
    apt_get purge "${agent[@]}"
fi
if systemctl cat droplet-agent-install-retry.timer >/dev/null 2>&1; then
    systemctl disable --now droplet-agent-install-retry.timer
fi
rm -rf /opt/digitalocean /var/lib/digitalocean /etc/systemd/system/droplet-agent* /etc/cron.hourly/droplet-agent* \
    /etc/apt/sources.list.d/droplet-agent* /etc/apt/preferences.d/droplet-agent* /usr/share/keyrings/droplet-agent* \
    /etc/udev/rules.d/99-digitalocean-automount.rules
systemctl daemon-reload
