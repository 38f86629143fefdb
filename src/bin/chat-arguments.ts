import { InvalidArgumentError } from "commander";
import { MAX_HOSTS, type NamedHost, parseHost } from "../service/chat-configuration.ts";
import { type Nickname, parseNickname } from "../wire/nickname.ts";

/** The arguments of multiproto-chat: text becomes a value, or an error that commander shows. */

export function nickname(text: string): Nickname {
  const parsed = parseNickname(text);
  if (!parsed.ok) throw new InvalidArgumentError(parsed.text);
  return parsed.nickname;
}

/** `HOST`, `HOST:PORT`, an IPv6 address as it is, or with a port as `[ADDRESS]:PORT`; given again, one more. */
export function hostsAndPorts(text: string, before: readonly NamedHost[] = []): readonly NamedHost[] {
  if (before.length >= MAX_HOSTS) throw new InvalidArgumentError(`at most ${MAX_HOSTS} registries`);
  return [...before, hostAndPort(text)];
}

function hostAndPort(text: string): NamedHost {
  const host = parseHost(text);
  if (host === undefined) throw new InvalidArgumentError("expected HOST, HOST:PORT or [IPV6]:PORT");
  return host;
}

export function portNumber(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) throw new InvalidArgumentError("expected a port from 1 to 65535");
  return port;
}

export function count(text: string): number {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (number < 1) throw new InvalidArgumentError("expected a whole number from 1");
  return number;
}

/** Milliseconds of "500ms", "30s", "5m", "1h"; a number alone is of seconds. */
export function duration(text: string): number {
  const units: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, "": 1_000 };
  const [, digits, unit] = /^(\d{1,7})(ms|s|m|h|)$/.exec(text) ?? [];
  const millis = Number(digits) * (units[unit ?? ""] ?? Number.NaN);
  if (!(millis >= 0) || millis > 7 * 86_400_000)
    throw new InvalidArgumentError("expected a time like 30s, 5m or 1h");
  return millis;
}

/** "2h", "30d": so long ago; "2026-11-25", "2026-11-25T23:05": then, here. */
export function moment(text: string, now: number = Date.now()): number {
  const units: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };
  const [, digits, unit = ""] = /^(\d{1,5})([mhd])$/.exec(text) ?? [];
  if (digits !== undefined) return now - Number(digits) * (units[unit] ?? 0);
  const isDate = /^\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:\d\d)?)?$/.test(text);
  // A date alone is UTC to Date.
  const at = isDate ? new Date(text.includes("T") ? text : `${text}T00:00`).getTime() : Number.NaN;
  if (Number.isNaN(at))
    throw new InvalidArgumentError("expected a time like 2h, 30d, 2026-11-25 or 2026-11-25T23:05");
  return at;
}
