/** A day of 1,000 clients, for `scripts/test.sh soak`; prints what was measured every hour and ends on "N passed, N failed". */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkBounds } from "./bounds.ts";
import { HEADING, rowOf, Soak } from "./soak.ts";

const clients = Number(process.env.SOAK_CLIENTS ?? 1_000);
const hours = Number(process.env.SOAK_HOURS ?? 24);
const seed = Number(process.env.SOAK_SEED ?? 1);

const directory = mkdtempSync(join(tmpdir(), "multiproto-soak-"));
process.on("exit", () => rmSync(directory, { recursive: true, force: true }));
console.log(`${clients} clients, ${hours} h, SOAK_SEED=${seed}`);
console.log(HEADING);
try {
  const onHour = (hour: Parameters<typeof rowOf>[0]): void => console.log(rowOf(hour));
  checkBounds(new Soak({ seed, clients, hours, directory, onHour }).run());
  console.log("1 passed, 0 failed");
} catch (error) {
  console.log(error instanceof Error ? error.stack : error);
  console.log("0 passed, 1 failed");
  process.exitCode = 1;
}
