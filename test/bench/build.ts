import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Owner } from "../support/until.ts";

const PROJECT = fileURLToPath(new URL("../../", import.meta.url));
const INSTALLED = "/usr/lib/multiproto";

/** The programs as they are shipped: what tsc makes of the sources as they are now. Returns the folder of programs. */
export function builtPrograms(owner: Owner): string {
  const directory = mkdtempSync(join(tmpdir(), "mpbench-"));
  owner.after(() => rmSync(directory, { recursive: true, force: true }));
  const tsc = join(PROJECT, "node_modules", ".bin", "tsc");
  execFileSync(tsc, ["-p", "tsconfig.build.json", "--outDir", join(directory, "dist")], { cwd: PROJECT });
  copyFileSync(join(PROJECT, "package.json"), join(directory, "package.json"));
  symlinkSync(join(PROJECT, "node_modules"), join(directory, "node_modules"));
  return join(directory, "dist", "bin");
}

/** Where install.sh puts things, if it has run on this machine. */
export function installedPrograms(): { readonly node: string; readonly programs: string } | undefined {
  const node = join(INSTALLED, "bin", "node");
  return existsSync(node) ? { node, programs: "/usr/bin" } : undefined;
}
