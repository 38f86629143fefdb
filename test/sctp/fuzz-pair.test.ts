/** Honest endpoints with somebody between them who may do anything: see {@link Meddling}. */
import { fuzz } from "./fuzz.ts";
import { Meddling } from "./meddling.ts";

fuzz("endpoints with a meddler between them", (seed) => new Meddling(seed, 1_000));
