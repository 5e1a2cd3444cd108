"""Vendor-data as a droplet gets it: who may log in, and a script that installs the provider's agent.

A stand-in for the agent of github.com/digitalocean/droplet-agent: its package's name, files, units and timer, and none
of its work. It listens on no port, as the real one: that watches packets to sshd's port for its console's knock. The
real package comes from the provider's own archive, five tries a minute apart; this one is built where it is installed.
"""

from __future__ import annotations

# DigitalOcean's images let root in with a key and make no other user; the stand-in learns it from here.
_LOGIN = "#cloud-config\ndisable_root: false\nssh_pwauth: false\nusers: []\n"
_BOUNDARY = "===============local-cloud=="

_AGENT = r"""#!/bin/sh
# Installs the stand-in for the provider's agent.
set -eu
work=$(mktemp -d /var/tmp/droplet-agent.XXXXXX)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir -p DEBIAN opt/digitalocean/bin opt/digitalocean/droplet-agent/scripts etc/systemd/system
cat >DEBIAN/control <<'END'
Package: droplet-agent
Version: 1.4.0
Architecture: amd64
Maintainer: local cloud <root@localhost>
Description: stand-in for the provider's agent
END
cat >DEBIAN/postinst <<'END'
#!/bin/sh
set -e
systemctl daemon-reload
systemctl enable --force droplet-agent droplet-agent-update.timer
systemctl restart --no-block droplet-agent droplet-agent-update.timer
END
cat >DEBIAN/postrm <<'END'
#!/bin/sh
[ "$1" != upgrade ] || exit 0
systemctl stop droplet-agent-update.timer droplet-agent || true
systemctl disable droplet-agent-update.timer droplet-agent || true
systemctl daemon-reload || true
END
cat >opt/digitalocean/bin/droplet-agent <<'END'
#!/bin/sh
echo "stand-in for the provider's agent"
exec sleep infinity
END
cat >opt/digitalocean/droplet-agent/scripts/update.sh <<'END'
#!/bin/bash
echo "No need to update"
END
cat >etc/systemd/system/droplet-agent.service <<'END'
[Unit]
Description=The DigitalOcean Droplet Agent
After=network-online.target
Wants=network-online.target

[Service]
User=root
ExecStart=/opt/digitalocean/bin/droplet-agent
Restart=always
RestartSec=10
KillMode=process
OOMScoreAdjust=-900
SyslogIdentifier=DropletAgent

[Install]
WantedBy=multi-user.target
END
cat >etc/systemd/system/droplet-agent-update.service <<'END'
[Unit]
Description=DigitalOcean Droplet Agent update check

[Service]
Type=oneshot
ExecStart=/bin/bash /opt/digitalocean/droplet-agent/scripts/update.sh
StandardOutput=append:/var/log/droplet-agent.update.log
StandardError=append:/var/log/droplet-agent.update.log
END
cat >etc/systemd/system/droplet-agent-update.timer <<'END'
[Unit]
Description=Hourly DigitalOcean Droplet Agent update check

[Timer]
OnCalendar=hourly
Persistent=true
RandomizedDelaySec=900

[Install]
WantedBy=timers.target
END
chmod 0755 DEBIAN/post* opt/digitalocean/bin/droplet-agent
dpkg-deb --root-owner-group --build . /var/tmp/droplet-agent.deb >/dev/null
dpkg --install /var/tmp/droplet-agent.deb
rm /var/tmp/droplet-agent.deb
"""


def vendor_data(*, with_agent: bool) -> str:
    """Pure: what `cloud-init query vendordata` shows."""
    if not with_agent:
        return _LOGIN
    parts = {"text/cloud-config": _LOGIN, "text/x-shellscript": _AGENT}
    lines = [f'Content-Type: multipart/mixed; boundary="{_BOUNDARY}"', "MIME-Version: 1.0", ""]
    for kind, text in parts.items():
        lines += [f"--{_BOUNDARY}", f'Content-Type: {kind}; charset="us-ascii"', "MIME-Version: 1.0", "", text]
    return "\n".join([*lines, f"--{_BOUNDARY}--", ""])
