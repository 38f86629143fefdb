import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const PROJECT = fileURLToPath(new URL("../../", import.meta.url));
const STAMP = join(PROJECT, "dist", ".inputs");
const INSTALLED = "/usr/lib/multiproto";

/** The folder of the programs as they are shipped, which scripts/setup.sh makes; says so when the sources are newer. */
export function builtPrograms(): string {
  if (!existsSync(STAMP)) throw new Error("there is no dist/: run scripts/setup.sh");
  const built = statSync(STAMP).mtimeMs;
  const sources = readdirSync(join(PROJECT, "src"), { recursive: true, encoding: "utf8" });
  if (sources.some((file) => statSync(join(PROJECT, "src", file)).mtimeMs > built)) {
    console.log("  (dist/ is older than src/: run scripts/setup.sh to measure the sources as they are)");
  }
  return join(PROJECT, "dist", "bin");
}

/** The folder of the commands that install.sh makes, if it has run on this machine. */
export function installedPrograms(): string | undefined {
  return existsSync(INSTALLED) ? "/usr/bin" : undefined;
}
