import type { Random } from "../../src/base/clock.ts";
import { type Listed, sameListed } from "../../src/roster/listed.ts";
import type { Address, Epoch, Fingerprint, StatusText } from "../../src/wire/mp2-values.ts";
import { foldNickname, type Nickname } from "../../src/wire/nickname.ts";

export function nick(text: string): Nickname {
  return text as Nickname;
}

export function epoch(text: string): Epoch {
  return text as Epoch;
}

/** An online mp2 client, or what `facts` make of it. */
export function listed(name: string, facts: Partial<Exclude<Listed, { state: "offline" }>> = {}): Listed {
  return {
    nick: nick(name),
    fingerprint: "ab".repeat(32) as Fingerprint,
    address: "10.0.0.5" as Address,
    port: 51_234,
    kind: "mp2",
    state: "online",
    lastSeen: 1_790_000_000_000,
    ...facts,
  };
}

export function offline(name: string, lastSeen = 1_790_000_000_000): Listed {
  return { ...listed(name), state: "offline", reason: "left", lastSeen };
}

/** How a client called `name` may stand, no two times the same. */
export function anyListed(random: Random, name: string, lastSeen: number): Listed {
  const states = ["online", "away", "suspect"] as const;
  const state = states[random.below(4)];
  const status = random.below(5) === 0 ? { status: "x".repeat(random.below(129)) as StatusText } : {};
  if (state === undefined) return { ...offline(name, lastSeen), ...status };
  return { ...listed(name, { state, lastSeen }), ...status };
}

export type Truth = ReadonlyMap<string, Listed>;

export function byName(entries: Iterable<Listed>): Truth {
  return new Map([...entries].map((entry) => [foldNickname(entry.nick), entry]));
}

/** Why the two rosters differ, or undefined when they do not. */
export function difference(left: Truth, right: Truth): string | undefined {
  for (const key of new Set([...left.keys(), ...right.keys()])) {
    const [one, other] = [left.get(key), right.get(key)];
    if (!sameListed(one, other)) return `${key}: ${JSON.stringify(one)} and ${JSON.stringify(other)}`;
  }
  return undefined;
}
