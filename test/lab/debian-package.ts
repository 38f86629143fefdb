import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { must } from "./command.ts";
import { CHECKOUT } from "./machine.ts";

const PROJECT = resolve(import.meta.dirname, "../..");

/** A directory for packages, inside the checkout so that labs see it; removed with the process. */
export function packageDirectory(): string {
  mkdirSync(join(PROJECT, ".cache"), { recursive: true });
  const directory = mkdtempSync(join(PROJECT, ".cache/packages-"));
  process.on("exit", () => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Builds a package by scripts/package.sh, which says where it is with its last line. */
export async function buildPackage(directory: string, ...args: readonly string[]): Promise<string> {
  const command = [join(PROJECT, "scripts/package.sh"), ...args, "--output", directory];
  const text = await must(command, { timeoutMillis: 600_000 });
  return String(text.trim().split("\n").at(-1));
}

/** The same package under another version, as the one that somebody has installed before. */
export async function underVersion(path: string, version: string): Promise<string> {
  const tree = mkdtempSync(join(resolve(path, ".."), "tree-"));
  await must(["dpkg-deb", "--raw-extract", path, tree]);
  const control = join(tree, "DEBIAN/control");
  writeFileSync(control, readFileSync(control, "utf8").replace(/^Version: .*$/m, `Version: ${version}`));
  const made = `${tree}.deb`;
  await must(["dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, made]);
  rmSync(tree, { recursive: true });
  return made;
}

export function hashOf(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

/** Where a lab with the working checkout has a file of {@link packageDirectory}. */
export function inLab(path: string): string {
  return join(CHECKOUT, relative(PROJECT, path));
}
