#!/bin/bash
# Makes a checkout ready to run: npm packages by the lock file, the native part, dist/. Safe to repeat; what is up to
# date is left alone. As root it asks apt for what is missing.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"
cd "$project"

case ${1:-} in
  "") ;;
  -h | --help)
    echo "usage: scripts/setup.sh"
    exit 0
    ;;
  *)
    echo "setup.sh: unknown argument $1 (usage: scripts/setup.sh)" >&2
    exit 2
    ;;
esac

package=$(node_package) || fail "no Node package for $(uname -m)" "use an x86_64 or aarch64 machine"
export npm_config_update_notifier=false
node=$project/node_modules/.bin/node

main() {
  plan 4
  step "tools"
  ensure_tools
  step "npm packages"
  ensure_packages
  step "native part (raw-socket: SCTP directly on IP, for the original clients)"
  ensure_native
  step "dist/"
  ensure_dist
}

# A hash over the names and contents of the given files and directories.
hash_of() { find "$@" -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1; }

npm_is_usable() {
  local version
  version=$(npm --version 2>/dev/null) || return 1
  [ "${version%%.*}" -ge 9 ]
}

ensure_tools() {
  if ! npm_is_usable; then
    need_packages nodejs npm || true
    npm_is_usable ||
      fail "npm 9 or newer is needed to fetch the packages" "sudo apt-get install -y nodejs npm, then run this again"
  fi
  # The pinned Node is linked against it, and a bare Debian lacks it.
  if ! ldconfig -p 2>/dev/null | grep -q 'libatomic\.so\.1' && ! ls /usr/lib/*/libatomic.so.1 >/dev/null 2>&1; then
    need_packages libatomic1 || fail "the shared library libatomic.so.1 is missing" "sudo apt-get install -y libatomic1"
  fi
}

ensure_packages() {
  local stamp=node_modules/.multiproto-packages inputs
  inputs=$(hash_of package.json package-lock.json .npmrc)
  if [ "$(cat "$stamp" 2>/dev/null)" = "$inputs" ] && "$node" --version >/dev/null 2>&1; then
    note "up to date"
    return
  fi
  note "npm ci (the first time about 130 MB are fetched: half a minute or more)"
  quietly npm ci --no-audit --no-fund || {
    tell_quiet_log
    fail "npm ci failed (its last lines are above)" "check the network, the proxy and npm's registry (npm ping)"
  }
  complete_for_old_node
  # npm 9 leaves the link out, because two packages (one per processor) offer it.
  ln -sfn "../$package/bin/node" "$node"
  "$node" --version >/dev/null 2>&1 ||
    fail "the pinned Node of $package does not run here" "run: ldd node_modules/$package/bin/node   and install what is not found"
  echo "$inputs" >"$stamp"
}

# npm leaves out optional packages whose "engines" the Node that runs it does not meet, so Debian 12's Node 18 leaves out
# native parts of the development tools. The pinned Node, which is there now, runs the same npm once more.
complete_for_old_node() {
  local major npm_cli pinned
  major=$(node --version 2>/dev/null | sed 's/^v\([0-9]*\).*/\1/')
  [ "${major:-99}" -lt 20 ] || return 0
  note "once more with the pinned Node, because $(node --version) leaves out parts of the tools"
  npm_cli=$(readlink -f "$(command -v npm)")
  pinned=$(mktemp -d)
  cp "node_modules/$package/bin/node" "$pinned/node"
  # Debian's npm finds its own modules by a path that is built into Debian's Node.
  NODE_PATH=/usr/share/nodejs PATH=$pinned:$PATH quietly "$pinned/node" --no-deprecation "$npm_cli" ci --no-audit --no-fund || {
    note "that failed: scripts/check.sh will miss tools; the programs are not concerned"
    quietly npm ci --no-audit --no-fund || fail "npm ci failed" "run scripts/setup.sh again"
  }
  rm -rf "$pinned"
}

native_loads() { "$node" -e 'require("raw-socket")' >/dev/null 2>&1; }

ensure_native() {
  if native_loads; then
    note "up to date"
    return
  fi
  if need_packages g++ && build_native && native_loads; then
    return
  fi
  tell_quiet_log
  note "raw-socket was not built: the registry runs without raw IP. Clients over UDP work, original clients do not."
  note "fix: sudo apt-get install -y g++, then run this again"
}

# One C++ file, compiled here and not by node-gyp: Debian's node-gyp links it with the distribution's libnode as well,
# which crashes the pinned Node. The flags are those of raw-socket's binding.gyp and of Node's own common.gypi.
build_native() {
  local source=node_modules/raw-socket
  note "compiling against the headers of $("$node" --version)"
  mkdir -p "$source/build/Release"
  quietly g++ -shared -fPIC -pthread -O2 -std=gnu++20 -fno-rtti -fno-exceptions -fno-strict-aliasing -s -w \
    -DNODE_GYP_MODULE_NAME=raw -DBUILDING_NODE_EXTENSION -DUSING_UV_SHARED=1 -DUSING_V8_SHARED=1 \
    -D_FILE_OFFSET_BITS=64 -D_LARGEFILE_SOURCE \
    -I "node_modules/$package/include/node" -I node_modules/nan -o "$source/build/Release/raw.node" "$source/src/raw.cc"
}

# Makes a program one file with all that it imports. Looking up and reading some thirty modules is most of the time that
# a short command takes (docs/decisions/0005-one-file-for-multiprotoctl.md). After the file: more for esbuild.
bundle() {
  local file=$1
  shift
  PATH=$project/node_modules/.bin:$PATH quietly node_modules/.bin/node node_modules/esbuild/bin/esbuild "$file" "$@" \
    --bundle --platform=node --format=esm --target=node26 --legal-comments=eof --allow-overwrite --outfile="$file" \
    --banner:js='import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' || {
    tell_quiet_log
    fail "cannot make one file of $(basename "$file") (above)" "run scripts/setup.sh again; if it stays: rm -rf node_modules first"
  }
}

# completions DIRECTORY: the completion of each shell, a directory for each, with the names that the shells look for.
completions() {
  local program
  mkdir -p "$1"/{bash,fish,zsh}
  for program in multiprotoctl multiproto-chat; do
    completion "$program" bash >"$1/bash/$program"
    completion "$program" fish >"$1/fish/$program.fish"
    completion "$program" zsh >"$1/zsh/_$program"
  done
}

completion() { "$node" --disable-warning=ExperimentalWarning "src/bin/$1.ts" completion "$2"; }

ensure_dist() {
  local stamp=dist/.inputs inputs staged=node_modules/.multiproto-dist
  inputs=$(hash_of src scripts/setup.sh scripts/bundle tsconfig.json tsconfig.build.json package.json package-lock.json \
    systemd/multiproto.toml docs/chat.md)
  if [ "$(cat "$stamp" 2>/dev/null)" = "$inputs" ]; then
    note "up to date"
    return
  fi
  rm -rf "$staged"
  PATH=$project/node_modules/.bin:$PATH quietly node_modules/.bin/tsc -p tsconfig.build.json --outDir "$staged" || {
    tell_quiet_log
    fail "the TypeScript compiler found errors (above)" "correct them, or return to a released version: git status"
  }
  # Left beside the file: what only "doctor" loads. Inside it every command would load sockets, TLS and SQLite with it.
  bundle "$staged/bin/multiprotoctl.js" --external:"./$staged/service/registry-doctor.js"
  # Ink and React are some three hundred modules. Its devtools are no part of the product; what it counts and takes apart
  # again with every key, it remembers (docs/decisions/0018-full-screen-face.md).
  bundle "$staged/tui/screen-view.js" --define:process.env.NODE_ENV='"production"' --external:./devtools.js \
    --alias:string-width=./scripts/bundle/string-width.mjs \
    --alias:@alcalzone/ansi-tokenize=./scripts/bundle/ansi-tokenize.mjs
  # The manual pages: of what the programs say of themselves (--help) and what is said of their files.
  node_modules/.bin/node --disable-warning=ExperimentalWarning src/bin/man-pages.ts . "$staged/man"
  # Here and not where they are installed: six starts of Node are seconds on a small machine.
  completions "$staged/completion"
  echo "$inputs" >"$staged/.inputs"
  rm -rf dist
  mv "$staged" dist
}

main
