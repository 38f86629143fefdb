#!/bin/bash
# Proves that a registry serves: two temporary clients register with it and one sends the other a real message.
# usage: prove.sh CHAT_COMMAND...   (for example: prove.sh multiproto-chat --registry 127.0.0.1)
# PROOF_NAME names the two: PROOF_NAME-one and PROOF_NAME-two.
# Prints one line with the time it took; status 0 only when the message arrived and was confirmed.
set -euo pipefail
[ $# -gt 0 ] || { echo "usage: prove.sh CHAT_COMMAND..." >&2; exit 2; }

limit_seconds=30
names=${PROOF_NAME:-proof-$$}
directory=$(mktemp -d /tmp/multiproto-proof.XXXXXX)
listener=""
finish() {
  [ -z "$listener" ] || kill "$listener" 2>/dev/null || true
  rm -rf "$directory"
}
trap finish EXIT

# The clients listen to the network: as root's script, run them as the registry's user.
as=()
if [ "$(id -u)" -eq 0 ] && getent passwd multiproto >/dev/null; then
  as=(setpriv --reuid=multiproto --regid=multiproto --clear-groups --)
fi

# client NAME ARGUMENT...: a chat client with directories of its own.
client() {
  local home=$directory/$1
  shift
  HOME=$home XDG_STATE_HOME=$home/state XDG_CONFIG_HOME=$home/config XDG_DATA_HOME=$home/data \
    XDG_CACHE_HOME=$home/cache XDG_RUNTIME_DIR=$home/run exec "${as[@]}" "$@"
}

for name in one two; do
  mkdir -p "$directory/$name/run"
  chmod 700 "$directory/$name/run"
done
[ "${#as[@]}" -eq 0 ] || chown -R multiproto:multiproto "$directory"

text="proof $RANDOM-$RANDOM"
begin=${EPOCHREALTIME/./}
(client one "$@" --nick "$names-one" listen --json --count 1) >"$directory/received" 2>"$directory/listener.log" &
listener=$!

# The sender may look before the listener is on the roster (status 5); ask again until the time is over.
status=5
while [ $status -eq 5 ] && [ $(((${EPOCHREALTIME/./} - begin) / 1000000)) -lt $limit_seconds ] && kill -0 "$listener" 2>/dev/null; do
  status=0
  (client two "$@" --nick "$names-two" send "$names-one" "$text" --wait "${limit_seconds}s") \
    >"$directory/sender.log" 2>&1 || status=$?
done
milliseconds=$(((${EPOCHREALTIME/./} - begin) / 1000))

if [ $status -eq 0 ]; then
  wait "$listener" || status=$?
  listener=""
fi
if [ $status -eq 0 ] && grep -qF "$text" "$directory/received"; then
  echo "proved: two clients registered and one sent the other a message, confirmed after $milliseconds ms"
  exit 0
fi
{
  echo "no message got through (status $status after $milliseconds ms)"
  sed 's/^/  receiver: /' "$directory/listener.log" | tail -n 10
  sed 's/^/  sender: /' "$directory/sender.log" | tail -n 10
} >&2
exit 1
