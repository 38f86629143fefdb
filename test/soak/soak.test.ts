/** Some hours with few; `scripts/test.sh soak` has a day with 1,000. SOAK_SEED=n for another one. */
import { test } from "node:test";
import { memoryDirectory } from "../support/stores.ts";
import { checkBounds } from "./bounds.ts";
import { HEADING, rowOf, Soak } from "./soak.ts";

test("seven hours of 60 clients that come and go, and a restart: nothing grows beyond its bounds", (context) => {
  const seed = Number(process.env.SOAK_SEED ?? 1);
  context.diagnostic(HEADING);
  const onHour = (hour: Parameters<typeof rowOf>[0]): void => context.diagnostic(rowOf(hour));
  const hours = new Soak({ seed, clients: 60, hours: 7, directory: memoryDirectory(context), onHour }).run();
  checkBounds(hours);
});
