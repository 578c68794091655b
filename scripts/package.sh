#!/usr/bin/env bash
# Builds what is given to users, into dist/: a .deb, an .rpm (where rpmbuild is there), a tarball, an SBOM, checksums.
#
#   scripts/package.sh [--binary FILE] [--output DIR] [--compression xz|gzip|none]
#
# Without --binary, `cargo build --profile dist` builds one first. Needs dpkg-deb, python3, and rpmbuild for the .rpm.
# The same binary and the same SOURCE_DATE_EPOCH give the same packages, to the byte; the same sources, toolchain and CARGO_HOME
# give the same binary.
set -euo pipefail
cd "$(dirname "$0")/.."

binary="" output=dist compression=xz
while [ $# -gt 0 ]; do
  case "$1" in
    --binary) binary=$2; shift 2 ;;
    --output) output=$2; shift 2 ;;
    --compression) compression=$2; shift 2 ;;
    *) sed -n '2,6p' "$0" >&2; exit 2 ;;
  esac
done
if [ -z "$binary" ]; then
  cargo build --profile dist --locked
  binary=target/dist/netrec
fi

version=$("$binary" --version | cut -d' ' -f2)
architecture=$(dpkg --print-architecture 2>/dev/null || uname -m)
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$output"
output=$(realpath "$output")
umask 022

# The files as they lie on the target, the same in every package.
root=$work/root
install -D -m 755 "$binary" "$root/usr/bin/netrec"
strip --strip-unneeded "$root/usr/bin/netrec"
sed -e 's|/usr/local/bin/|/usr/bin/|' -e '/^#   /d' -e 's|^\(# netrec as a flight recorder that always runs\).*|\1.|' \
  -e 's/^StateDirectoryMode=0700$/StateDirectoryMode=0750/' -e 's/^\(ExecStart=.*\)$/\1 --group-readable/' \
  -e 's/^# Captures are in .*/# Captures are in \/var\/lib\/netrec, readable by root and the group netrec./' \
  -e 's/^WorkingDirectory=/# Members of this group may read finished captures.\nGroup=netrec\n&/' \
  scripts/netrec.service | install -D -m 644 /dev/stdin "$root/usr/lib/systemd/system/netrec.service"
install -D -m 644 scripts/package/sysusers.conf "$root/usr/lib/sysusers.d/netrec.conf"
install -D -m 644 scripts/netrec.sql "$root/usr/share/netrec/netrec.sql"
mkdir -p "$root/usr/share/man/man1"
"$binary" man --quiet --output "$root/usr/share/man/man1"
chmod 644 "$root"/usr/share/man/man1/*
gzip -9 -n "$root"/usr/share/man/man1/*
completions() { "$binary" completions "$1" | install -D -m 644 /dev/stdin "$root/$2"; }
completions bash usr/share/bash-completion/completions/netrec
completions zsh usr/share/zsh/vendor-completions/_netrec
completions fish usr/share/fish/vendor_completions.d/netrec.fish
documentation=$root/usr/share/doc/netrec
install -d "$documentation"
install -m 644 README.md CHANGELOG.md SECURITY.md LICENSE-APACHE LICENSE-MIT "$documentation/"
python3 scripts/package/sbom.py "$version" >"$documentation/netrec.cdx.json"
cp "$documentation/netrec.cdx.json" "$output/netrec-$version.cdx.json"

# glibc symbols are the only thing that ties the binary to a distribution.
glibc=$(objdump -T "$root/usr/bin/netrec" | grep -o 'GLIBC_2\.[0-9.]*' | sort -uV | tail -1)
glibc=${glibc#GLIBC_}
echo "netrec $version for $architecture, $(stat -c %s "$root/usr/bin/netrec") bytes, needs glibc $glibc or later"

# Debian
debian=$work/debian
cp -a "$root" "$debian"
mkdir -p "$debian/DEBIAN"
sed -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$architecture/" -e "s/@GLIBC@/$glibc/" \
  -e "s/@SIZE@/$(du -sk --apparent-size "$root" | cut -f1)/" scripts/package/control >"$debian/DEBIAN/control"
install -m 755 scripts/package/{postinst,prerm,postrm} "$debian/DEBIAN/"
install -m 644 scripts/package/copyright "$debian/usr/share/doc/netrec/copyright"
(cd "$debian" && find usr -type f | LC_ALL=C sort | xargs md5sum) >"$debian/DEBIAN/md5sums"
chmod 644 "$debian/DEBIAN/md5sums" "$debian/DEBIAN/control"
find "$debian" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
dpkg-deb --root-owner-group -Z"$compression" --build "$debian" "$output/netrec_${version}_$architecture.deb" >/dev/null

# Red Hat and SUSE
if command -v rpmbuild >/dev/null; then
  payload=w6.xzdio
  if [ "$compression" = none ]; then payload=w0.gzdio; fi
  rpmbuild --quiet -bb --buildroot "$work/rpm/root" --define "_topdir $work/rpm" --define "_rpmdir $output" \
    --define "use_source_date_epoch_as_buildtime 1" --define "clamp_mtime_to_source_date_epoch 1" \
    --define "_buildhost netrec" --define "_build_name_fmt %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm" --define "_binary_payload $payload" \
    --define "version_ $version" --define "staged $root" scripts/package/netrec.spec
else
  echo "no .rpm: there is no rpmbuild" >&2
fi

# A tarball, for everybody else
name=netrec-$version-$(uname -m)-linux-gnu
mkdir -p "$work/$name"
cp -a "$root/usr/." "$work/$name/"
cp -a sample-captures "$work/$name/share/netrec/"
find "$work/$name" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -C "$work" -cf - "$name" |
  gzip -n >"$output/$name.tar.gz"

# What the Containerfile takes
install -m 755 "$root/usr/bin/netrec" "$output/netrec"

(cd "$output" && find . -maxdepth 1 -name 'netrec[-_]*' -printf '%P\n' | LC_ALL=C sort | xargs sha256sum >SHA256SUMS)
ls -l "$output"
