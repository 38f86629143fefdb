import type { Millis } from "../base/clock.ts";
import { KeyedBuckets, TokenBucket } from "../base/tokens.ts";
import { parseHello } from "../wire/mp1-discovery.ts";
import { isIpv4 } from "../wire/mp1-roster.ts";
import type { RegistryLimits } from "./limits.ts";

/** The source of a datagram. */
export interface Source {
  readonly address: string;
  readonly port: number;
}

export type Discovery =
  | { readonly type: "hello"; readonly client: "original" | "own" }
  | { readonly type: "ignored"; readonly reason: IgnoredReason };

export type IgnoredReason = "not-a-hello" | "too-many" | "bad-source" | "legacy-off";

/**
 * Judges datagrams on the discovery port. mp1 cannot prove a source address, so a forged hello makes the registry dial
 * whoever it names: the rates bound how often, and ports below 1024 are never dialled.
 */
export class DiscoveryGate {
  readonly #perAddress: KeyedBuckets;
  readonly #inAll: TokenBucket;

  constructor(limits: RegistryLimits, now: Millis) {
    this.#perAddress = new KeyedBuckets(limits.datagramsPerAddress, limits.maxAddresses);
    this.#inAll = new TokenBucket(limits.datagramsInAll, now);
  }

  judge(now: Millis, source: Source, bytes: Uint8Array, legacy: boolean): Discovery {
    // Its own rate first: one noisy address must not use up what all share.
    if (!this.#perAddress.take(source.address, now) || !this.#inAll.take(now)) return ignored("too-many");
    const hello = parseHello(bytes);
    if (hello === undefined) return ignored("not-a-hello");
    if (!isDialable(source)) return ignored("bad-source");
    if (hello.client === "original" && !legacy) return ignored("legacy-off");
    return { type: "hello", client: hello.client };
  }
}

function ignored(reason: IgnoredReason): Discovery {
  return { type: "ignored", reason };
}

/** A unicast IPv4 address and a port P whose P + 1 exists. */
function isDialable({ address, port }: Source): boolean {
  if (!isIpv4(address) || port < 1_024 || port > 65_534) return false;
  const first = Number(address.split(".")[0]);
  return first > 0 && first < 224;
}
