import { readFileSync } from "node:fs";

/** Node's flags for a program of ours, as it is installed with (`scripts/node-flags`). */
export function nodeFlags(program: "multiprotod" | "multiprotoctl" | "multiproto-chat"): readonly string[] {
  const lines = readFileSync(new URL("../../scripts/node-flags", import.meta.url), "utf8").split("\n");
  const [name, ...flags] = lines.find((line) => line.startsWith(`${program} `))?.split(" ") ?? [];
  if (name === undefined || flags.length === 0)
    throw new Error(`scripts/node-flags has no line for ${program}`);
  return flags;
}
