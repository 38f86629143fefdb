#!/bin/bash
# Installs multiproto on this machine with a Node of its own, starts the registry and proves that it serves. A second
# run upgrades in place. scripts/uninstall.sh takes it off again.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

case ${1:-} in
  "") ;;
  -h | --help)
    echo "usage: scripts/install.sh   (as root; remove with scripts/uninstall.sh [--purge])"
    exit 0
    ;;
  *)
    echo "install.sh: unknown argument $1 (usage: scripts/install.sh)" >&2
    exit 2
    ;;
esac
if ! is_root; then
  echo "install.sh: needs root: sudo $0" >&2
  exit 4
fi

cd "$project"
umask 022
home=/usr/lib/multiproto
programs=(multiprotod multiprotoctl multiproto-chat)

main() {
  plan 8
  step "packages, native part and dist/ (scripts/setup.sh)"
  bash scripts/setup.sh | sed 's/^/      /' || fail "scripts/setup.sh failed (above)" "correct what it names, then run this again"
  step "gathering the programs with their own Node"
  gather "$home.new"
  step "putting them at $home and on the PATH"
  put_in_place
  step "user, group and directories"
  create_user_and_directories
  step "configuration"
  configure
  step "units"
  install_units
  if has_systemd; then
    step "starting the registry"
    start_registry
    step "proof"
    prove
    echo
    echo "multiproto is installed and runs. Next: multiproto-chat   (and: systemctl status multiproto, multiprotoctl status)"
  else
    step "starting the registry"
    note "no systemd runs here (PID 1 is $(cat /proc/1/comm)): the registry is proved in the foreground and not left running"
    step "proof"
    prove_in_foreground
    echo
    echo "multiproto is installed. No systemd runs here, so start the registry yourself: multiprotod   Then: multiproto-chat"
  fi
}

# The packages that the programs use at run time, by the lock file: neither tools nor headers nor the Node packages.
production_packages() {
  node_modules/.bin/node -e '
    const { packages } = JSON.parse(require("fs").readFileSync("package-lock.json", "utf8"));
    for (const [path, entry] of Object.entries(packages)) {
      const unused = /node_modules\/(node-linux-[a-z0-9]+|nan|raw-socket)$/.test(path);
      if (path !== "" && !entry.dev && !unused) console.log(path);
    }'
}

gather() {
  local target=$1 package
  package=$(node_package)
  rm -rf "$target"
  mkdir -p "$target/bin"
  cp "node_modules/$package/bin/node" "$target/bin/node"
  cp -r dist package.json "$target/"
  rm -f "$target/dist/.inputs"
  production_packages | while read -r path; do
    mkdir -p "$target/$(dirname "$path")"
    cp -r "$path" "$target/$path"
  done
  # Some packages bring the headers of what they were compiled from (yoga-layout).
  find "$target/node_modules" -name '*.h' -delete
  if [ -f node_modules/raw-socket/build/Release/raw.node ]; then
    mkdir -p "$target/node_modules/raw-socket/build/Release"
    cp node_modules/raw-socket/{package.json,index.js} "$target/node_modules/raw-socket/"
    cp node_modules/raw-socket/build/Release/raw.node "$target/node_modules/raw-socket/build/Release/"
  fi
  cp scripts/uninstall.sh systemd/multiproto.toml "$target/"
  local document
  for document in README.md LICENSE CHANGELOG.md; do
    if [ -f "$document" ]; then cp "$document" "$target/"; fi
  done
  chown -R root:root "$target"
  chmod -R u=rwX,go=rX "$target"
  chmod 755 "$target/uninstall.sh"
  "$target/bin/node" --version >/dev/null || fail "the pinned Node does not run" "run: ldd $target/bin/node   and install what is not found"
}

put_in_place() {
  rm -rf "$home.old"
  if [ -d "$home" ]; then mv "$home" "$home.old"; fi
  mv "$home.new" "$home"
  rm -rf "$home.old"
  local program
  for program in "${programs[@]}"; do
    write_wrapper "$program"
  done
}

write_wrapper() {
  local wrapper=/usr/bin/$1
  {
    echo '#!/bin/sh'
    echo "exec $home/bin/node $(node_flags "$1") $home/dist/bin/$1.js \"\$@\""
  } >"$wrapper.new"
  chmod 755 "$wrapper.new"
  mv "$wrapper.new" "$wrapper"
}

create_user_and_directories() {
  install -D -m 644 systemd/multiproto.sysusers /usr/lib/sysusers.d/multiproto.conf
  install -D -m 644 systemd/multiproto.tmpfiles /usr/lib/tmpfiles.d/multiproto.conf
  if ! { command -v systemd-sysusers >/dev/null && quietly systemd-sysusers multiproto.conf; }; then
    getent group multiproto >/dev/null || groupadd --system multiproto
    getent passwd multiproto >/dev/null ||
      useradd --system --gid multiproto --home-dir /var/lib/multiproto --no-create-home --shell /usr/sbin/nologin multiproto
  fi
  if has_systemd; then
    quietly systemd-tmpfiles --create multiproto.conf || { tell_quiet_log; fail "systemd-tmpfiles failed (above)" "correct what it names"; }
  else
    install -d -m 755 -o multiproto -g multiproto /run/multiproto
  fi
  install -d -m 750 -o multiproto -g multiproto /var/lib/multiproto
}

configure() {
  install -d -m 755 /etc/multiproto
  if [ -e /etc/multiproto/multiproto.toml ]; then
    note "/etc/multiproto/multiproto.toml is kept as it is (the defaults: $home/multiproto.toml)"
  else
    install -m 644 systemd/multiproto.toml /etc/multiproto/multiproto.toml
  fi
}

install_units() {
  rm -rf /usr/share/doc/multiproto
  install -D -m 644 -t /usr/share/doc/multiproto/examples systemd/examples/*.conf
  install -D -m 644 systemd/multiproto.service /usr/lib/systemd/system/multiproto.service
  install -D -m 644 systemd/multiproto.socket /usr/lib/systemd/system/multiproto.socket
  # For users who want to be online without an open chat: systemctl --user enable --now multiproto-chat
  install -D -m 644 systemd/user/multiproto-chat.service /usr/lib/systemd/user/multiproto-chat.service
}

start_registry() {
  systemctl daemon-reload
  systemctl --quiet enable multiproto.socket multiproto.service
  systemctl reset-failed multiproto.socket multiproto.service 2>/dev/null || true
  # Both anew: an upgrade may change what the socket unit says.
  quietly systemctl stop multiproto.service multiproto.socket || true
  if ! quietly systemctl start multiproto.socket multiproto.service; then
    journalctl -u multiproto -n 15 --no-pager -o cat | sed 's/^/      | /' >&2
    fail "the registry did not start (its last lines are above)" "correct that, then: systemctl start multiproto"
  fi
}

# prove_with STATUS_OPTION...: the proof against the registry that "multiprotoctl status" finds with these options.
prove_with() {
  local status ports
  status=$(/usr/bin/multiprotoctl "$@" status --json) || return 1
  # shellcheck disable=SC2016 # the template is JavaScript's
  mapfile -t ports < <("$home/bin/node" -e '
    const { ports } = JSON.parse(process.argv[1]);
    console.log(`--port\n${ports.udp}\n--encapsulation-port\n${ports.sctpUdp}`);' "$status")
  bash scripts/prove.sh /usr/bin/multiproto-chat --registry 127.0.0.1 "${ports[@]}" | sed 's/^/      /'
}

prove() {
  prove_with ||
    fail "the registry runs but the two test clients could not talk" "see: journalctl -u multiproto; is a firewall in the way of UDP and TCP on lo?"
}

# Waits until a registry with this control socket is ready; fails when it ends first or takes longer than 20 s.
wait_for_registry() {
  local registry=$1 socket=$2 deadline=$((SECONDS + 20))
  while kill -0 "$registry" 2>/dev/null && [ $SECONDS -lt $deadline ]; do
    if /usr/bin/multiprotoctl --socket "$socket" status --json 2>/dev/null | grep -q '"ready"'; then return 0; fi
    sleep 0.1
  done
  return 1
}

prove_in_foreground() {
  local directory registry proved=no
  directory=$(mktemp -d /tmp/multiproto-registry.XXXXXX)
  mkdir "$directory/run" "$directory/state"
  chown -R multiproto:multiproto "$directory"
  setpriv --reuid=multiproto --regid=multiproto --clear-groups -- /usr/bin/multiprotod \
    --config /etc/multiproto/multiproto.toml --state-dir "$directory/state" --runtime-dir "$directory/run" \
    >"$directory/log" 2>&1 &
  registry=$!
  if wait_for_registry "$registry" "$directory/run/control.sock" && prove_with --socket "$directory/run/control.sock"; then
    proved=yes
  fi
  kill "$registry" 2>/dev/null || true
  wait "$registry" || true
  [ "$proved" = yes ] || sed 's/^/      | /' "$directory/log" | tail -n 15 >&2
  rm -rf "$directory"
  [ "$proved" = yes ] ||
    fail "the two test clients could not talk (the registry's lines are above)" "is another registry holding the ports? ss -lunp"
}

main
