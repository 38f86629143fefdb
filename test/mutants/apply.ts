/** Loaded before tests: the mutant of number MUTANT stands in for its file of src/sctp; that of -1 breaks nothing. */
import { registerHooks } from "node:module";
import { broken, readMutants } from "./mutants.ts";

const mutant = readMutants()[Number(process.env.MUTANT)];
const url = mutant === undefined ? "" : new URL(`../../src/sctp/${mutant.file}`, import.meta.url).href;

registerHooks({
  load(loaded, context, nextLoad) {
    const result = nextLoad(loaded, context);
    if (mutant === undefined || loaded !== url) return result;
    return { ...result, source: broken(mutant, String(result.source)) ?? "" };
  },
});
