#!/bin/bash
# Removes what scripts/install.sh installed. /etc/multiproto and /var/lib/multiproto stay unless --purge is given, which
# removes them and the user and group as well. Needs no checkout: a copy is at /usr/lib/multiproto/uninstall.sh.
set -euo pipefail

# One function, read as a whole before it runs, because the copy removes itself.
main() {
  local purge=no
  case ${1:-} in
    "") ;;
    --purge) purge=yes ;;
    -h | --help)
      echo "usage: uninstall.sh [--purge]"
      exit 0
      ;;
    *)
      echo "uninstall.sh: unknown argument $1 (usage: uninstall.sh [--purge])" >&2
      exit 2
      ;;
  esac
  if [ "$(id -u)" -ne 0 ]; then
    echo "uninstall.sh: needs root: sudo $0 $*" >&2
    exit 4
  fi

  if [ -d /run/systemd/system ]; then
    echo "[1/3] stopping the registry and the chats of users in the background"
    systemctl --quiet disable multiproto.service multiproto.socket 2>/dev/null || true
    systemctl --quiet stop multiproto.socket multiproto.service 2>/dev/null || true
    systemctl --quiet --global disable multiproto-chat.service 2>/dev/null || true
    "$(dirname "$0")/user-units.sh" stop
  else
    echo "[1/3] no systemd runs here: nothing to stop"
    rm -f /etc/systemd/system/{multi-user,sockets}.target.wants/multiproto.{service,socket}
  fi

  echo "[2/3] removing programs and units"
  rm -f /usr/bin/multiprotod /usr/bin/multiprotoctl /usr/bin/multiproto-chat
  rm -f /usr/lib/systemd/system/multiproto.service /usr/lib/systemd/system/multiproto.socket
  rm -f /usr/lib/systemd/user/multiproto-chat.service
  rm -f /usr/lib/sysusers.d/multiproto.conf /usr/lib/tmpfiles.d/multiproto.conf
  rm -rf /usr/lib/multiproto /usr/lib/multiproto.new /usr/lib/multiproto.old /run/multiproto /run/multiproto-root
  rm -rf /usr/share/doc/multiproto
  rm -f /usr/share/man/man8/multiprotod.8 /usr/share/man/man1/multiproto{ctl,-chat}.1
  rm -f /usr/share/man/man5/{multiproto,chat}.toml.5
  rm -f /usr/share/bash-completion/completions/multiproto{ctl,-chat}
  rm -f /usr/share/fish/vendor_completions.d/multiproto{ctl,-chat}.fish
  rm -f /usr/share/zsh/vendor-completions/_multiproto{ctl,-chat}
  # Directories of shells that are not installed, if they are empty now.
  (cd /usr/share && rmdir --ignore-fail-on-non-empty --parents \
    fish/vendor_completions.d zsh/vendor-completions bash-completion/completions 2>/dev/null) || true
  if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    systemctl reset-failed multiproto.service multiproto.socket 2>/dev/null || true
  fi

  if [ "$purge" = yes ]; then
    echo "[3/3] removing configuration, state, user and group"
    rm -rf /etc/multiproto /var/lib/multiproto
    rm -rf /etc/systemd/system/multiproto.service.d /etc/systemd/system/multiproto.socket.d
    if getent passwd multiproto >/dev/null; then userdel multiproto 2>/dev/null; fi
    if getent group multiproto >/dev/null; then groupdel multiproto; fi
    if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
    echo "multiproto is gone"
  else
    echo "[3/3] kept: /etc/multiproto, /var/lib/multiproto, user and group multiproto (--purge removes them)"
  fi
  exit 0
}

main "$@"
