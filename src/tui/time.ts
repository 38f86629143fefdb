import type { Clock, Millis, UnixMillis } from "../base/clock.ts";
import { MAX_UNIX_MILLIS } from "../wire/mp2-values.ts";

/** "12:03" in local time. */
export function timeOfDay(wall: UnixMillis): string {
  const time = new Date(wall);
  return `${String(time.getHours()).padStart(2, "0")}:${String(time.getMinutes()).padStart(2, "0")}`;
}

/** The time of day of a moment on the monotonic clock. */
export function timeOfDayAt(clock: Clock, at: Millis): string {
  return timeOfDay(clock.wall() - (clock.now() - at));
}

/** ISO 8601 in UTC, of any time that may stand in a file or come from a peer: `Date` throws beyond its range. */
export function isoTime(at: UnixMillis): string {
  return new Date(Math.min(Math.max(at, 0), MAX_UNIX_MILLIS)).toISOString();
}

/** "2026-11-25", here. */
export function dayText(wall: UnixMillis): string {
  const date = new Date(wall);
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** "Wed 25 Nov 2026" in local time. */
export function dayOf(wall: UnixMillis): string {
  const time = new Date(Math.min(Math.max(wall, 0), MAX_UNIX_MILLIS));
  return `${DAYS[time.getDay()]} ${time.getDate()} ${MONTHS[time.getMonth()]} ${time.getFullYear()}`;
}
