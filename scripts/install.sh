#!/bin/bash
# Installs multiproto on this machine with a Node of its own, starts the registry and proves that it serves; with
# --chat-only the registry stays off, for the other machines of a LAN. A second run upgrades in place.
# scripts/uninstall.sh takes it off again.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"
# shellcheck source=scripts/gather.sh
source "$(dirname "$0")/gather.sh"

usage="usage: scripts/install.sh [--chat-only]   (as root; remove with scripts/uninstall.sh [--purge])
  --chat-only: no registry runs here; one a LAN is enough"
chat_only=no
case ${1:-} in
  "") ;;
  --chat-only) chat_only=yes ;;
  -h | --help)
    echo "$usage"
    exit 0
    ;;
  *)
    echo "install.sh: unknown argument $1" >&2
    echo "$usage" >&2
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
if dpkg-query -S /usr/bin/multiprotod >/dev/null 2>&1; then
  echo "install.sh: multiproto is installed as a Debian package: upgrade that, or remove it first (apt remove multiproto)" >&2
  exit 1
fi

main() {
  plan 8
  local was_off=no
  ! is_switched_off || was_off=yes
  step "packages, native part and dist/ (scripts/setup.sh)"
  bash scripts/setup.sh | sed 's/^/      /' || fail "scripts/setup.sh failed (above)" "correct what it names, then run this again"
  step "gathering the programs with their own Node"
  gather "$home.new" "node_modules/$(node_package)" native
  complete "$home.new"
  step "putting them at $home and on the PATH"
  put_in_place
  step "user, group and directories"
  create_user_and_directories
  step "configuration"
  configure
  step "units and documents"
  install_units
  install_documents
  if [ "$chat_only" = yes ] || [ "$was_off" = yes ]; then
    step "leaving the registry off"
    leave_registry_off
    step "proof"
    /usr/bin/multiproto-chat --version >/dev/null || fail "multiproto-chat does not run" "run it and see: multiproto-chat --version"
    note "multiproto-chat runs"
    echo
    echo "multiproto is installed for chatting. Next, as yourself and not as root: multiproto-chat   (if it finds nobody: multiproto-chat doctor)"
  elif has_systemd; then
    step "starting the registry"
    start_registry
    # Who is reachable without a terminal runs this version from now on.
    "$home/user-units.sh" restart
    step "proof"
    prove
    echo
    echo "multiproto is installed and runs. Next, as yourself and not as root: multiproto-chat"
    echo "On the other machines of this network: scripts/install.sh --chat-only   Here, too: systemctl status multiproto, multiprotoctl status"
  else
    step "starting the registry"
    note "no systemd runs here (PID 1 is $(cat /proc/1/comm)): the registry is proved in the foreground and not left running"
    step "proof"
    prove_in_foreground
    echo
    echo "multiproto is installed. No systemd runs here, so start the registry yourself: multiprotod   Then: multiproto-chat"
  fi
}

# What uninstall.sh needs goes along.
complete() {
  local target=$1
  install -m 755 scripts/uninstall.sh "$target/"
  install -m 644 systemd/multiproto.toml "$target/"
  chown -R root:root "$target"
  "$target/bin/node" --version >/dev/null || fail "the pinned Node does not run" "run: ldd $target/bin/node   and install what is not found"
}

put_in_place() {
  rm -rf "$home.old"
  if [ -d "$home" ]; then mv "$home" "$home.old"; fi
  mv "$home.new" "$home"
  rm -rf "$home.old"
  local program
  for program in "${programs[@]}"; do
    write_wrapper "$program" "/usr/bin/$program.new"
    mv "/usr/bin/$program.new" "/usr/bin/$program"
  done
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

install_documents() {
  rm -rf /usr/share/doc/multiproto
  install -D -m 644 -t /usr/share/doc/multiproto/examples systemd/examples/*.conf
  install -m 644 -t /usr/share/doc/multiproto README.md CHANGELOG.md SECURITY.md LICENSE docs/*.md
  install_pages "" /usr/share
}

install_units() {
  install -D -m 644 systemd/multiproto.service /usr/lib/systemd/system/multiproto.service
  install -D -m 644 systemd/multiproto.socket /usr/lib/systemd/system/multiproto.socket
  # For users who want to be online without an open chat: systemctl --user enable --now multiproto-chat
  install -D -m 644 systemd/user/multiproto-chat.service /usr/lib/systemd/user/multiproto-chat.service
}

# Whether an admin has switched off the registry of an earlier installation: an upgrade is no reason to start it.
is_switched_off() {
  [ -d "$home" ] && has_systemd && [ "$(systemctl is-enabled multiproto.service 2>/dev/null)" = disabled ]
}

leave_registry_off() {
  note "people of this machine use another one of this network; to have one here: systemctl enable --now multiproto.socket multiproto.service"
  has_systemd || return 0
  systemctl daemon-reload
  systemctl --quiet disable --now multiproto.socket multiproto.service
  "$home/user-units.sh" restart
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
  PROOF_NAME=proof-$$ bash scripts/prove.sh /usr/bin/multiproto-chat --registry 127.0.0.1 "${ports[@]}" | sed 's/^/      /' || return 1
  # Nobody is to meet them on the list, and their names are free.
  local name
  for name in "proof-$$-one" "proof-$$-two"; do quietly /usr/bin/multiprotoctl "$@" forget "$name" || true; done
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
