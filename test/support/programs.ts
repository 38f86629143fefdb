import { createHash } from "node:crypto";
import { chmodSync, globSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const PROJECT = join(import.meta.dirname, "../..");
const NAMES = ["multiprotod", "multiprotoctl", "multiproto-chat"] as const;
const PREFIX = "node_modules/.multiproto-programs-";
/** No run of tests is longer, so nobody starts what is older. */
const STALE_MILLIS = 24 * 3_600_000;

let directory: string | undefined;

/**
 * A program of this checkout as one file of JavaScript, with what it loads only at times beside it. Tests start programs
 * many hundred times, and a start from `src` is mostly looking up some hundred modules and, on the full screen, compiling
 * views. It is made anew when a source has changed. That programs run from `src` as well is shown by
 * test/terminal/from-source.test.ts.
 */
export function programOf(name: (typeof NAMES)[number]): string {
  directory ??= made();
  return join(directory, `${name}.mjs`);
}

function made(): string {
  const path = join(PROJECT, `${PREFIX}${digestOfSources()}`);
  if (isThere(path)) return path;
  // Made aside: test files that run at the same time all find either nothing or all of it.
  const staged = mkdtempSync(`${join(PROJECT, PREFIX)}new-`);
  build(staged);
  // Some tests start programs as other users.
  chmodSync(staged, 0o755);
  try {
    renameSync(staged, path);
  } catch (error) {
    rmSync(staged, { recursive: true });
    if (!isThere(path)) throw error;
  }
  removeStale();
  return path;
}

/** Two levels below the project, as src/bin is: programs look for package.json there. */
function build(outdir: string): void {
  const require = createRequire(import.meta.url);
  const { buildSync }: typeof import("esbuild") = require("esbuild");
  buildSync({
    absWorkingDir: PROJECT,
    entryPoints: NAMES.map((name) => `src/bin/${name}.ts`),
    outdir,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    splitting: true,
    platform: "node",
    format: "esm",
    target: "node26",
    jsx: "automatic",
    // Native, or of CommonJS and loaded at times: esbuild would leave such a package without its names.
    external: ["raw-socket", "prom-client", "./devtools.js"],
    // What scripts/setup.sh makes the full screen with.
    define: { "process.env.NODE_ENV": '"production"' },
    alias: {
      "string-width": "./scripts/bundle/string-width.mjs",
      "@alcalzone/ansi-tokenize": "./scripts/bundle/ansi-tokenize.mjs",
    },
    banner: {
      js: 'import { createRequire as requireOf } from "node:module"; const require = requireOf(import.meta.url);',
    },
    // src sets NODE_ENV for a start from source.
    logOverride: { "assign-to-define": "silent" },
    logLevel: "warning",
  });
}

function digestOfSources(): string {
  const hash = createHash("sha256");
  const sources = globSync("{src,scripts/bundle}/**/*.{ts,tsx,mjs}", { cwd: PROJECT }).sort();
  for (const file of [...sources, "package-lock.json", "test/support/programs.ts"])
    hash.update(`${file}\0`).update(readFileSync(join(PROJECT, file)));
  return hash.digest("hex").slice(0, 16);
}

function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

function removeStale(): void {
  for (const name of globSync(`${PREFIX}*`, { cwd: PROJECT })) {
    const path = join(PROJECT, name);
    const madeAt = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    if (Date.now() - madeAt > STALE_MILLIS) rmSync(path, { recursive: true, force: true });
  }
}
