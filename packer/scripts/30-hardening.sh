#!/usr/bin/env bash
# Who may come in, what may go out, what is written down. All of it takes effect at the next boot.
set -euo pipefail
# shellcheck source=packer/files/lib.sh
. /var/lib/bootstrap-build/files/lib.sh

put() {
    install -D -m "${3:-0644}" "$BUILD/files/$1" "$2"
}

install -d -m 0755 /etc/bootstrap /run/sshd

# Who may come in: key exchange that also a quantum computer does not undo. OpenSSH refuses a name that it does not
# know, and Ubuntu's knows fewer than Debian's; every client since OpenSSH 8.9 knows one of them.
put sshd.conf /etc/ssh/sshd_config.d/10-bootstrap.conf 0600
known=$(ssh -Q kex)
exchanges=$(printf '%s\n' mlkem768x25519-sha256 sntrup761x25519-sha512 sntrup761x25519-sha512@openssh.com |
    grep -Fx -e "$known" | paste -sd,)
echo "KexAlgorithms $exchanges" >>/etc/ssh/sshd_config.d/10-bootstrap.conf
put issue /etc/issue
put issue /etc/issue.net
sshd -t

put fail2ban/jail.conf /etc/fail2ban/jail.local
put fail2ban/sshd.local /etc/fail2ban/filter.d/sshd.local
put fail2ban/let-in-lately /usr/local/libexec/bootstrap/let-in-lately 0755
fail2ban-client --test
systemctl enable fail2ban.service

put firewall.nft /etc/bootstrap/firewall.nft
nft --check --file /etc/bootstrap/firewall.nft
put bootstrap-firewall.service /etc/systemd/system/bootstrap-firewall.service
put bootstrap-swap.service /etc/systemd/system/bootstrap-swap.service
systemd-analyze verify /etc/systemd/system/bootstrap-firewall.service /etc/systemd/system/bootstrap-swap.service
systemctl enable bootstrap-firewall.service bootstrap-swap.service

# The kernel, as far as it is this machine's own
put sysctl.conf /etc/sysctl.d/90-bootstrap.conf
put modprobe.conf /etc/modprobe.d/bootstrap.conf
put limits.conf /etc/security/limits.d/90-bootstrap.conf
put systemd-system.conf /etc/systemd/system.conf.d/10-bootstrap.conf
put coredump.conf /etc/systemd/coredump.conf.d/10-bootstrap.conf

# What is written down, and for how long
put journald.conf /etc/systemd/journald.conf.d/10-bootstrap.conf
put logrotate.conf /etc/logrotate.d/bootstrap
logrotate --debug /etc/logrotate.conf >/dev/null 2>&1

# Who changed what: the kernel tells auditd at once, AIDE and debsums look once a week
put audit.rules /etc/audit/rules.d/bootstrap.rules
put auditd-service.conf /etc/systemd/system/auditd.service.d/bootstrap.conf
install -d -m 0700 /etc/aide /var/lib/aide
put aide.conf /etc/aide/aide.conf 0600
aide --config=/etc/aide/aide.conf --config-check
put bootstrap-integrity.service /etc/systemd/system/bootstrap-integrity.service
put bootstrap-integrity.timer /etc/systemd/system/bootstrap-integrity.timer
systemd-analyze verify /etc/systemd/system/bootstrap-integrity.service /etc/systemd/system/bootstrap-integrity.timer
systemctl enable bootstrap-integrity.timer

# Upgrades by night
put auto-upgrades /etc/apt/apt.conf.d/20auto-upgrades
put unattended-upgrades /etc/apt/apt.conf.d/52bootstrap
put upgrade-timer.conf /etc/systemd/system/apt-daily-upgrade.timer.d/bootstrap.conf
put needrestart.conf /etc/needrestart/conf.d/bootstrap.conf
systemctl enable unattended-upgrades.service

# Files and folders that only root reads
default() {
    sed -i -E "/^[#[:space:]]*$1[[:space:]]/d" /etc/login.defs
    echo "$1 $2" >>/etc/login.defs
}
default UMASK 027
# For users that somebody makes later, with a password: deploy has none, and is older than this.
default PASS_MIN_DAYS 1
default PASS_MAX_DAYS 365
default SHA_CRYPT_MIN_ROUNDS 65536
default SHA_CRYPT_MAX_ROUNDS 65536
put profile.sh /etc/profile.d/bootstrap.sh
for path in /etc/crontab /etc/ssh/sshd_config /boot/grub/grub.cfg; do
    [ ! -e "$path" ] || chmod 0600 "$path"
done
for path in /etc/cron.d /etc/cron.hourly /etc/cron.daily /etc/cron.weekly /etc/cron.monthly; do
    [ ! -e "$path" ] || chmod 0700 "$path"
done
chmod 0750 /etc/sudoers.d
# needrestart brings an assembler, which nobody here needs; no upgrade brings it back.
put dpkg.conf /etc/dpkg/dpkg.cfg.d/bootstrap
rm -f /usr/bin/as /usr/bin/*-linux-gnu-as

# Nothing runs from where anybody may write, but from a login's own folder. A mount of the base image's own stays.
for line in \
    "tmpfs /tmp tmpfs nosuid,nodev,noexec,mode=1777,size=25% 0 0" \
    "tmpfs /dev/shm tmpfs nosuid,nodev,noexec 0 0" \
    "devtmpfs /dev devtmpfs nosuid,noexec 0 0"; do
    read -r _ path _ <<<"$line"
    grep -qE "^[^#[:space:]]+[[:space:]]+${path}[[:space:]]" /etc/fstab || echo "$line" >>/etc/fstab
done
# apt runs a package's questions from there.
put apt-noexec /etc/apt/apt.conf.d/52bootstrap-noexec
