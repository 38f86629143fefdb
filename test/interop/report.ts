/**
 * Proves our SCTP endpoint against every peer and prints docs/interop.md, or rewrites it:
 *
 *   node_modules/.bin/node test/interop/report.ts [--write]        (as root)
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { must, run } from "../lab/command.ts";
import { BEHAVIOURS } from "./sctp/behaviours.ts";
import { type Column, RESULTS_VARIABLE } from "./sctp/results.ts";

const PROJECT = join(import.meta.dirname, "../..");
const TEMPLATE = join(import.meta.dirname, "interop.md.template");
const DOCUMENT = join(PROJECT, "docs/interop.md");

const directory = mkdtempSync(join(tmpdir(), "interop-"));
try {
  const failed = !(await proveAll(directory));
  const document = readFileSync(TEMPLATE, "utf8")
    .replace("{table}", table(columns(directory)))
    .replace("{circumstances}", await circumstances());
  if (process.argv.includes("--write")) writeFileSync(DOCUMENT, document);
  else console.log(document);
  process.exitCode = failed ? 1 : 0;
} finally {
  rmSync(directory, { recursive: true, force: true });
}

/** Runs the tests; their own report goes to standard error. */
async function proveAll(results: string): Promise<boolean> {
  const folder = join(import.meta.dirname, "sctp");
  const files = readdirSync(folder)
    .filter((name) => name.endsWith(".test.ts"))
    .map((name) => join(folder, name));
  const argv = [process.execPath, "--test", "--test-concurrency=1", ...files];
  const environment = { [RESULTS_VARIABLE]: results };
  const { code, stdout, stderr } = await run(argv, { environment, timeoutMillis: 1_800_000 });
  process.stderr.write(stdout + stderr);
  return code === 0;
}

function columns(results: string): readonly Column[] {
  return readdirSync(results)
    .sort()
    .map((name) => JSON.parse(readFileSync(join(results, name), "utf8")));
}

function table(of: readonly Column[]): string {
  const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [
    row(["", ...of.map(({ title, version }) => `${title}<br>${version}`)]),
    row(["---", ...of.map(() => "---")]),
    ...BEHAVIOURS.map(({ name }) => row([name, ...of.map(({ cells }) => cells[name] ?? "not run")])),
  ].join("\n");
}

/** When, with what and where. */
async function circumstances(): Promise<string> {
  const commit = (await must(["git", "-C", PROJECT, "rev-parse", "--short", "HEAD"])).trim();
  const { version } = JSON.parse(readFileSync(join(PROJECT, "package.json"), "utf8"));
  const kernel = (await must(["uname", "-sr"])).trim();
  const day = new Date().toISOString().slice(0, 10);
  return `${day}, version ${version} (${commit}), Node ${process.versions.node}, ${kernel}`;
}
