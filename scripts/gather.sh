# Sourced by install.sh and package.sh: the programs with all that they need to run, as one directory.
# shellcheck shell=bash

# shellcheck disable=SC2034 # used by those who source this
programs=(multiprotod multiprotoctl multiproto-chat)

# The packages that the programs use at run time, by the lock file, a path a line: neither tools nor headers nor the Node
# packages, nor what dist/tui/screen-view.js has in itself (setup.sh bundles it).
production_packages() {
  # shellcheck disable=SC2016 # the templates are JavaScript's
  node_modules/.bin/node -e '
    const { packages } = JSON.parse(require("fs").readFileSync("package-lock.json", "utf8"));
    const bundled = new Set(["ink", "react"]);
    const found = new Set();
    // As Node looks for a package: beside the one that wants it, then in each directory above.
    const place = (name, from) => {
      for (let at = from; ; at = at.slice(0, Math.max(0, at.lastIndexOf("/node_modules/")))) {
        const path = `${at}${at && "/"}node_modules/${name}`;
        if (packages[path]) return path;
        if (at === "") throw new Error(`${name}, which ${from} wants, is not in the lock file`);
      }
    };
    const walk = (from) => {
      for (const name of Object.keys(packages[from].dependencies ?? {})) {
        if (from === "" && bundled.has(name)) continue;
        const path = place(name, from);
        if (!found.has(path)) walk((found.add(path), path));
      }
    };
    walk("");
    console.log([...found].sort().join("\n"));'
}

# What the authors of packages leave in them for other authors.
prune() {
  find "$1" -type d \( -name test -o -name tests -o -name docs -o -name example -o -name examples -o -name benchmarks \
    -o -name .github \) -prune -exec rm -rf {} +
  find "$1" -type f \( -name '*.h' -o -name '*.ts' -o -name '*.mts' -o -name '*.cts' -o -name '*.map' -o -name '*.html' \
    -o -name '.*' -o -iname 'readme*' -o -iname 'changelog*' \) -delete
}

# gather TARGET NODE_PACKAGE NATIVE: the programs, the Node of that package (a directory), and the native part if NATIVE
# is "native" and it was built.
gather() {
  local target=$1 runtime=$2 native=$3 path
  rm -rf "$target"
  mkdir -p "$target/bin"
  cp "$runtime/bin/node" "$target/bin/node"
  cp -r dist package.json scripts/user-units.sh "$target/"
  rm -rf "$target/dist/.inputs" "$target/dist/man" "$target/dist/completion"
  production_packages | while read -r path; do
    mkdir -p "$target/$(dirname "$path")"
    cp -r "$path" "$target/$path"
  done
  prune "$target/node_modules"
  if [ "$native" = native ] && [ -f node_modules/raw-socket/build/Release/raw.node ]; then
    mkdir -p "$target/node_modules/raw-socket/build/Release"
    cp node_modules/raw-socket/{package.json,index.js} "$target/node_modules/raw-socket/"
    cp node_modules/raw-socket/build/Release/raw.node "$target/node_modules/raw-socket/build/Release/"
  fi
  chmod -R u=rwX,go=rX "$target"
}

# write_wrapper PROGRAM FILE: what is on the PATH.
write_wrapper() {
  {
    echo '#!/bin/sh'
    echo "exec /usr/lib/multiproto/bin/node $(node_flags "$1") /usr/lib/multiproto/dist/bin/$1.js \"\$@\""
  } >"$2"
  chmod 755 "$2"
}

# install_pages ROOT SHARE: the manual pages and the completion of shells.
install_pages() {
  local page
  for page in dist/man/man?/*; do
    install -D -m 644 -t "$1$2/man/$(basename "$(dirname "$page")")" "$page"
  done
  install -D -m 644 -t "$1$2/bash-completion/completions" dist/completion/bash/*
  install -D -m 644 -t "$1$2/fish/vendor_completions.d" dist/completion/fish/*
  install -D -m 644 -t "$1$2/zsh/vendor-completions" dist/completion/zsh/*
}

# install_guides DIRECTORY: what is read, laid out as in the checkout, so that links between documents lead somewhere.
install_guides() {
  install -D -m 644 -t "$1" README.md CHANGELOG.md SECURITY.md
  install -D -m 644 -t "$1/docs" docs/*.md
  install -D -m 644 -t "$1/docs/screens" docs/screens/*.txt
  install -D -m 644 -t "$1/examples" systemd/examples/*.conf
}
