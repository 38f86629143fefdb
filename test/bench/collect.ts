/** Imported into a daemon by `node --import`: at each SIGUSR2 it collects all garbage and says what is left. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;
let collections = 0;
process.on("SIGUSR2", () => {
  // What a collection's finalizers let go of, the next one takes.
  collect();
  collect();
  collections += 1;
  const { heapUsed, external } = process.memoryUsage();
  console.log(`collection ${collections}: ${heapUsed + external} bytes are left`);
});
