/** Runs every benchmark, one after the other, and prints what was measured on. Asserts nothing about time. */
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { arch, cpus, loadavg, release, totalmem } from "node:os";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const [model = "unknown processor"] = cpus().map((cpu) => cpu.model);
const memory = Math.round(totalmem() / 2 ** 30);
console.log(
  `${cpus().length} x ${model} (${arch()}), ${memory} GiB, Linux ${release()}, Node ${process.versions.node}`,
);
console.log(`load before: ${loadavg()[0]?.toFixed(1)}`);

let failed = 0;
for (const file of readdirSync(here)
  .filter((name) => name.endsWith(".bench.ts"))
  .sort()) {
  const { status } = spawnSync(process.execPath, [here + file], { stdio: "inherit" });
  if (status !== 0) failed += 1;
}
process.exit(failed === 0 ? 0 : 1);
