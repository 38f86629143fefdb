import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { downloadsPath } from "../../src/io/downloads-path.ts";
import { scratchDirectory } from "../support/chat-shell.ts";

test("where files go: what the user chose, else what the desktop says, else ~/Downloads", (t) => {
  const home = scratchDirectory(t);
  const configuration = join(home, "configuration");
  mkdirSync(configuration);
  const path = (chosen?: string) => downloadsPath({ XDG_CONFIG_HOME: configuration }, chosen, home);
  const says = (line: string): void => writeFileSync(join(configuration, "user-dirs.dirs"), `# x\n${line}\n`);
  assert.equal(path(), join(home, "Downloads"));
  says('XDG_DOWNLOAD_DIR="$HOME/Pobrane"');
  assert.equal(path(), join(home, "Pobrane"));
  says('XDG_DOWNLOAD_DIR="/srv/with \\"quotes\\""');
  assert.equal(path(), '/srv/with "quotes"');
  for (const useless of [
    'XDG_DOWNLOAD_DIR="$HOME/"',
    'XDG_DOWNLOAD_DIR="relative"',
    "XDG_DOWNLOAD_DIR=bare",
  ]) {
    says(useless);
    assert.equal(path(), join(home, "Downloads"), useless);
  }
  assert.equal(path("~/in"), join(home, "in"));
  assert.equal(path("/srv/in"), "/srv/in");
});
