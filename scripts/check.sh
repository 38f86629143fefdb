#!/bin/bash
# Everything that can be said of the code without running it. Each check shows what it found; the last line counts them.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
node=node_modules/.bin/node
[ -x "$node" ] || { echo "check.sh: the packages are not installed: run scripts/setup.sh" >&2; exit 1; }
PATH=$PWD/node_modules/.bin:$PATH

passed=0
failed=0

check() {
  local name=$1 output
  shift
  if output=$("$@" 2>&1); then
    echo "ok      $name"
    passed=$((passed + 1))
  else
    echo "FAILED  $name: $*"
    printf '%s\n' "$output" | sed 's/^/        /'
    failed=$((failed + 1))
  fi
}

check "format and lint" biome check
check "types" tsc --noEmit -p tsconfig.json
check "unused code and dependencies" knip --config .knip.json
check "architecture" node --test test/architecture.test.ts
if command -v shellcheck >/dev/null; then
  mapfile -t shell_scripts < <(find scripts test .ci -name '*.sh' -o -path '.ci/run' | sort)
  # SC2317: functions that only a trap calls look unreachable to it.
  check "shell scripts" shellcheck -x --exclude=SC2317 "${shell_scripts[@]}"
else
  echo "left out: shell scripts (shellcheck is not installed; scripts/test.sh installs it)"
fi

echo "$passed checks passed, $failed checks failed"
[ "$failed" -eq 0 ]
