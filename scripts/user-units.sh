#!/bin/sh
# Takes the user units of all users who are logged in (or linger) through an upgrade or away before a removal, as root.
# usage: user-units.sh restart|stop    restart: those that run, with the unit as it is now
# Installers call it; a user whose service manager does not answer is no reason for them to fail.
set -u

case ${1:-} in
  restart) verb=try-restart ;;
  stop) verb=stop ;;
  *)
    echo "usage: user-units.sh restart|stop" >&2
    exit 2
    ;;
esac
[ -d /run/systemd/system ] || exit 0

# as_user UID ARGUMENT...: systemctl at that user's manager, by its own socket: a D-Bus of the user is not needed.
as_user() {
  uid=$1
  shift
  # Leaving takes at most a second; 20 s is for a machine that is busy installing.
  timeout 20 setpriv --reuid="$uid" --regid="$(id -g "$uid")" --init-groups -- \
    env XDG_RUNTIME_DIR="/run/user/$uid" systemctl --user --quiet "$@"
}

systemctl list-units 'user@*.service' --state=active --plain --no-legend |
  sed -n 's/^user@\([0-9]*\)\.service .*/\1/p' |
  while read -r user; do
    as_user "$user" daemon-reload </dev/null || true
    as_user "$user" "$verb" multiproto-chat.service </dev/null || true
  done
exit 0
