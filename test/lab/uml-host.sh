#!/bin/bash
# A second host with a real Linux kernel that has SCTP, up in about 3 s, without privileges over this kernel:
# user-mode-linux booted on this machine's own root (hostfs, read-write: write only below /tmp), joined by a tap device.
#   uml-host.sh TAP GUEST_ADDRESS/PREFIX COMMAND...
# Make the tap in a network namespace of the test and run this there (ip netns exec NS uml-host.sh ...):
#   ip netns add NS; ip netns exec NS ip tuntap add dev TAP mode tap; ip -n NS addr add 10.98.0.1/24 dev TAP; ip -n NS link set TAP up
# COMMAND runs as root in the guest, with this script's standard input (lines, through a serial line; end it by a
# command of its own, the end of file does not get through) and its standard output. The guest halts when COMMAND
# ends. SIGUSR1 wakes a guest that suspended itself (echo freeze >/sys/power/state).
# Exit status: that of COMMAND; 2 when a tool is missing, 3 when the guest did not finish.
set -eu
tap=$1 address=$2; shift 2
command -v linux.uml >/dev/null || { echo "linux.uml is missing: apt-get install -y user-mode-linux kmod iproute2" >&2; exit 2; }
# Named after this process, so that a later run clears up after one that was killed.
for abandoned in /tmp/uml.*.*; do
  owner=${abandoned#/tmp/uml.}
  [ -d "/proc/${owner%%.*}" ] || rm -rf "$abandoned"
done
work=$(mktemp -d "/tmp/uml.$$.XXXXXX")
uml=
stop() {
  # Waited for, so that it writes nothing more into the directory that goes.
  if [ -n "$uml" ]; then kill -KILL "$uml" 2>/dev/null || true; wait "$uml" 2>/dev/null || true; fi
  rm -rf "$work"
}
trap stop EXIT
trap '[ -z "$uml" ] || kill -USR1 "$uml"' USR1
trap 'exit 143' TERM INT HUP
printf '%q ' "$@" >"$work/command"
cat >"$work/init" <<END
#!/bin/bash
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t tmpfs tmpfs /run; mount -t devtmpfs dev /dev 2>/dev/null
modules=\$(echo /usr/lib/uml/modules/*/kernel)
for k in lib/crc-ccitt crypto/hmac net/ipv6/ipv6 net/ipv4/udp_tunnel net/ipv6/ip6_udp_tunnel net/sctp/sctp; do
  [ -f \$modules/\$k.ko ] && insmod \$modules/\$k.ko
done
ip link set lo up; ip link set vec0 up; ip addr add $address dev vec0; ip route add 224.0.0.0/4 dev vec0
[ -e /dev/ttyS0 ] || mknod /run/ttyS0 c 4 64
serial=/dev/ttyS0; [ -e \$serial ] || serial=/run/ttyS0
stty -F \$serial raw -echo
bash $work/command <\$serial >$work/out 2>&1; echo \$? >$work/status
sync; poweroff -f 2>/dev/null || halt -f
END
chmod +x "$work/init"; : >"$work/out"
mkfifo "$work/input"
# Held open for writing, so that the end of our input does not end the guest's serial line.
exec 3<>"$work/input"
TMPDIR=$work linux.uml mem=256M rootfstype=hostfs root=/dev/root rootflags=/ rw init="$work/init" con=null con0=null \
  ssl0=fd:0,null vec0:transport=tap,ifname="$tap",depth=64 umid="u$$" uml_dir="$work" quiet \
  <&3 >"$work/console" 2>&1 3>&- &
uml=$!
cat <&0 >"$work/input" 3>&- &
feeder=$!
tail -n +1 -f --pid=$uml "$work/out" &
# A signal ends the waiting, not the guest.
while kill -0 "$uml" 2>/dev/null; do wait "$uml" || true; done
uml=
wait $! || true
kill "$feeder" 2>/dev/null || true
[ -f "$work/status" ] || { tail -5 "$work/console" >&2; echo "the guest did not finish" >&2; exit 3; }
exit "$(cat "$work/status")"
