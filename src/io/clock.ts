import type { Clock } from "../base/clock.ts";

/** The real clock: monotonic for deadlines, wall for showing. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
};
