#!/usr/bin/env bash
# Installs the .deb into a clean Debian and uses it there: record, analyze, manual, completion, unit, upgrade, removal, purge.
#
#   sudo scripts/test-package.sh [DIST] [CHROOT]
#
# Needs root and debootstrap. CHROOT is an existing clean Debian to copy; without it one is made with debootstrap.
set -euo pipefail
cd "$(dirname "$0")/.."

package=$(realpath "$(find "${1:-dist}" -name 'netrec_*.deb' | head -1)")
work=$(mktemp -d)
clean=$work/debian
clean_up() {
  for place in proc sys; do
    if mountpoint -q "$clean/$place"; then umount "$clean/$place"; fi
  done
  # If one could not be unmounted, the system behind it must not be touched.
  rm -rf --one-file-system "$work"
}
trap clean_up EXIT

step() { printf '\n── %s\n' "$*"; }
in_clean() { chroot "$clean" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"; }

step "a clean Debian"
if [ -n "${2:-}" ]; then
  cp -a "$2" "$clean"
else
  debootstrap --variant=minbase bookworm "$clean" >"$work/debootstrap.log" || { tail "$work/debootstrap.log"; exit 1; }
fi
mount -t proc proc "$clean/proc"
mount -t sysfs sysfs "$clean/sys"
cp "$package" "$clean/root/netrec.deb"
cp sample-captures/workday.parquet "$clean/root/"

step "install"
start=$(date +%s%N)
in_clean dpkg --install /root/netrec.deb
echo "installed in $((($(date +%s%N) - start) / 1000000)) ms"
in_clean netrec --version
in_clean getent group netrec

step "record and analyze"
in_clean sh -c 'cd /root && netrec record --duration 2s -o here.parquet; code=$?; [ $code = 0 ] || [ $code = 3 ]'
in_clean sh -c 'cd /root && netrec verify here.parquet && netrec analyze workday.parquet && test -s workday-report/report.html'

step "manual, completion, SQL"
in_clean sh -c 'zcat /usr/share/man/man1/netrec-record.1.gz | grep -q "^.SH \"EXIT STATUS\""'
in_clean bash -c '. /usr/share/bash-completion/completions/netrec; COMP_WORDS=(netrec ana); COMP_CWORD=1; _netrec netrec ana netrec; [ "${COMPREPLY[*]}" = analyze ]'
in_clean test -s /usr/share/netrec/netrec.sql

step "the unit"
if command -v systemd-analyze >/dev/null; then
  # The program is not where the unit expects it outside of the clean Debian.
  sed 's|/usr/bin/netrec|/bin/true|' "$clean/usr/lib/systemd/system/netrec.service" >"$work/netrec.service"
  systemd-analyze verify --man=no "$work/netrec.service"
fi

step "upgrade: a recording and the captures stay"
in_clean sh -c 'mkdir -p /var/lib/netrec && mv /root/here.parquet /var/lib/netrec/'
in_clean dpkg --install /root/netrec.deb
in_clean netrec info /var/lib/netrec/here.parquet >/dev/null || [ $? = 3 ]

step "removal and purge: the captures stay, nothing else"
in_clean dpkg --remove netrec
if in_clean test -e /usr/bin/netrec; then echo "the program is still there" >&2; exit 1; fi
in_clean dpkg --purge netrec
in_clean test -s /var/lib/netrec/here.parquet
left=$(in_clean find / -xdev -name '*netrec*' -not -path '/proc/*' -not -path '/sys/*' -not -path '/root/*')
echo "left: $left"
[ "$left" = /var/lib/netrec ]
echo "all of it works"
