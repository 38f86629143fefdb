import { randomBytes, randomInt } from "node:crypto";
import type { Random } from "../base/clock.ts";

/** The system's cryptographic randomness. */
export const systemRandom: Random = {
  bytes: (length) => randomBytes(length),
  below: (limit) => randomInt(limit),
};
