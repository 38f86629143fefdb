import type { Clock, Millis, UnixMillis } from "../base/clock.ts";

/** "12:03" in local time. */
export function timeOfDay(wall: UnixMillis): string {
  const time = new Date(wall);
  return `${String(time.getHours()).padStart(2, "0")}:${String(time.getMinutes()).padStart(2, "0")}`;
}

/** The time of day of a moment on the monotonic clock. */
export function timeOfDayAt(clock: Clock, at: Millis): string {
  return timeOfDay(clock.wall() - (clock.now() - at));
}
