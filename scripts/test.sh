#!/bin/bash
# Runs the tests. Without an argument: all that CI runs, after installing what it needs (as root), ending on
# "N passed, N failed". With one: that tier only. CONTRIBUTING.md tells what each tier shows.
set -uo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"
trap - ERR
cd "$project" || exit 1
node=$project/node_modules/.bin/node

ci_tiers=(check unit crash lan attack interop chat systemd)
all_tiers=("${ci_tiers[@]}" bench install upgrade sim soak fuzz mutants)
usage="usage: scripts/test.sh [check|unit|crash|lan|attack|interop|chat|systemd|bench|install|upgrade|sim|soak|fuzz|mutants|all]"

# The fuzz tier runs what the unit tier runs, longer; who sets these wants it otherwise.
fuzz_rounds=${FUZZ_ROUNDS:-4000}
pair_seeds=${PAIR_SEEDS:-20000}
mirror_seeds=${MIRROR_SEEDS:-10000}
liveness_minutes=${LIVENESS_MINUTES:-240}

# Debian packages by tier.
tier_packages() {
  case $1 in
    check) echo shellcheck ;;
    unit) echo openssl mandoc ;;
    lan) echo iproute2 nftables ;;
    attack) echo iproute2 openssl python3 ;;
    interop) echo iproute2 nftables user-mode-linux kmod gcc libc6-dev libusrsctp-dev python3 ;;
    chat) echo tmux iproute2 ;;
    bench) echo gcc libc6-dev ;;
    systemd) echo systemd-container iproute2 nftables util-linux debhelper e2fsprogs user-mode-linux kmod ;;
    install) echo systemd-container iproute2 debootstrap debhelper lintian ;;
    upgrade) echo systemd-container iproute2 debhelper git ;;
  esac
}

# Test files by tier; each folder with a special need is a tier of its own, all others are unit tests.
tier_files() {
  case $1 in
    unit)
      find test -name '*.test.ts' -not -path 'test/crash/*' -not -path 'test/lan/*' -not -path 'test/attack/*' -not -path 'test/interop/*' -not -path 'test/systemd/*' \
        -not -path 'test/terminal/*' -not -path 'test/install/*' -not -path 'test/upgrade/*' -not -path 'test/bench/*' -not -path 'test/mutants/*' -not -path test/architecture.test.ts
      ;;
    chat) find test/terminal -name '*.test.ts' ;;
    fuzz) find test/sctp test/roster -name 'fuzz-*.test.ts' -o -name '*-seeds.test.ts' -o -name liveness.test.ts ;;
    *) find "test/$1" -name '*.test.ts' ;;
  esac 2>/dev/null | sort
}

# Those of a tier's files that take long, longest first. They begin first: one that begins last has a core to itself while
# the other has nothing to do.
long_files() {
  case $1 in
    systemd) printf 'test/systemd/%s.test.ts\n' survives package survives-guest install control newcomer faults user-unit sandbox chat ;;
  esac
}

# Those that need both cores: hundreds of clients that all come back within seconds. They run when all others have.
lonely_files() {
  case $1 in
    systemd) echo test/systemd/restart.test.ts ;;
  esac
}

# in_order TIER: all others of its files, those that take long first. A name in the lists above that is no file fails the tier.
in_order() {
  long_files "$1"
  comm -13 <({ long_files "$1"; lonely_files "$1"; } | sort) <(tier_files "$1")
}

passed=0
failed=0
summary=()
reports=$(mktemp -d)
trap 'rm -rf "$quiet_log" "$reports"' EXIT

# count TIER PASSED FAILED SECONDS
count() {
  passed=$((passed + $2))
  failed=$((failed + $3))
  summary+=("$(printf '%-8s %5d passed %3d failed %5d s' "$1" "$2" "$3" "$4")")
}

# A line "# WORD N" of a TAP report, or 0.
tap_number() { awk -v word="$2" '$1 == "#" && $2 == word { n = $3 } END { print n + 0 }' "$1"; }

# run_files PARALLEL MINUTES REPORT FILE...: adds to good and bad of the caller.
run_files() {
  local parallel=$1 minutes=$2 tap=$3 passes failures status=0
  shift 3
  # Hundreds of processes load the same modules: half of a start is taking their types out and compiling them.
  NODE_COMPILE_CACHE=$project/node_modules/.cache/node-compile \
    "$node" test/run-files.ts "$parallel" "$minutes" "$tap" "$@" || status=$?
  passes=$(tap_number "$tap" pass)
  failures=$(($(tap_number "$tap" fail) + $(tap_number "$tap" cancelled)))
  if [ $((passes + failures)) -eq 0 ] || { [ $status -ne 0 ] && [ $failures -eq 0 ]; }; then failures=$((failures + 1)); fi
  good=$((good + passes))
  bad=$((bad + failures))
}

# run_node_tests TIER: the tier's files by node:test; a tier without tests and a run without a report are failures.
run_node_tests() {
  local tier=$1 files lonely parallel=1 minutes=30 begin=$SECONDS good=0 bad=0
  mapfile -t files < <(in_order "$tier")
  if [ "${#files[@]}" -eq 0 ]; then
    echo "no tests found for the tier $tier"
    count "$tier" 0 1 0
    return
  fi
  case $tier in
    # Tests of real programs mostly wait for each other; a kernel in user mode does not.
    unit | crash | lan | attack | systemd) parallel=2 ;;
    chat) parallel=3 ;;
    install | upgrade) minutes=60 ;;
    fuzz)
      parallel=2
      export FUZZ_ROUNDS=$fuzz_rounds PAIR_SEEDS=$pair_seeds LIVENESS_MINUTES=$liveness_minutes
      export MIRROR_SEEDS=$mirror_seeds
      ;;
  esac
  run_files "$parallel" "$minutes" "$reports/$tier.tap" "${files[@]}"
  mapfile -t lonely < <(lonely_files "$tier")
  if [ "${#lonely[@]}" -gt 0 ]; then run_files 1 "$minutes" "$reports/$tier-lonely.tap" "${lonely[@]}"; fi
  count "$tier" "$good" "$bad" $((SECONDS - begin))
}

run_check() {
  local begin=$SECONDS last
  bash scripts/check.sh | tee "$reports/check"
  last=$(tail -n 1 "$reports/check")
  if [[ $last =~ ^([0-9]+)\ checks\ passed,\ ([0-9]+)\ checks\ failed$ ]]; then
    count check "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}" $((SECONDS - begin))
  else
    count check 0 1 $((SECONDS - begin))
  fi
}

run_bench() {
  local begin=$SECONDS
  if "$node" test/bench/run.ts; then
    count bench 1 0 $((SECONDS - begin))
  else
    count bench 0 1 $((SECONDS - begin))
  fi
}

# run_program TIER FILE: a program that prints how far it is and ends on "N passed, N failed".
run_program() {
  local tier=$1 begin=$SECONDS last
  "$node" --disable-warning=ExperimentalWarning "$2" | tee "$reports/$tier"
  last=$(tail -n 1 "$reports/$tier")
  if [[ $last =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
    count "$tier" "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}" $((SECONDS - begin))
  else
    count "$tier" 0 1 $((SECONDS - begin))
  fi
}

run_tier() {
  local packages
  read -ra packages < <(tier_packages "$1")
  step "tier $1"
  if [ "${#packages[@]}" -gt 0 ] && ! need_packages "${packages[@]}"; then
    echo "the tier $1 needs Debian packages that are not there: sudo apt-get install -y ${packages[*]}"
    count "$1" 0 1 0
    return
  fi
  case $1 in
    lan | attack | interop | chat | systemd | install | upgrade)
      if ! is_root; then
        echo "the tier $1 needs root (network namespaces, mounts): sudo scripts/test.sh $1"
        count "$1" 0 1 0
        return
      fi
      ;;
  esac
  case $1 in
    check) run_check ;;
    bench) run_bench ;;
    sim) run_program sim test/sim/long.ts ;;
    soak) run_program soak test/soak/day.ts ;;
    *) run_node_tests "$1" ;;
  esac
}

case ${1:-ci} in
  ci) tiers=("${ci_tiers[@]}") ;;
  all) tiers=("${all_tiers[@]}") ;;
  check | unit | crash | lan | attack | interop | chat | systemd | bench | install | upgrade | sim | soak | fuzz | mutants) tiers=("$1") ;;
  -h | --help)
    echo "$usage"
    exit 0
    ;;
  *)
    echo "test.sh: unknown tier $1 ($usage)" >&2
    exit 2
    ;;
esac

plan $((${#tiers[@]} + 1))
step "setup"
bash scripts/setup.sh | sed 's/^/      /' || fail "scripts/setup.sh failed (above)" "correct what it names, then run this again"
for tier in "${tiers[@]}"; do
  run_tier "$tier"
done

echo
printf '%s\n' "${summary[@]}"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
