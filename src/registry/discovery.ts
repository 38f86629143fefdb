import type { Millis } from "../base/clock.ts";
import { KeyedBuckets, type Rate, TokenBucket } from "../base/tokens.ts";
import { parseHello } from "../wire/mp1-discovery.ts";
import { isIpv4 } from "../wire/mp1-roster.ts";
import { looksLikeAnnouncement } from "../wire/mp2-announcement.ts";
import { DATAGRAM_PREFIX, DISCOVERY_TO_REGISTRY, type Hello, type Join } from "../wire/mp2-discovery.ts";
import { type Address, canonicalAddress } from "../wire/mp2-values.ts";
import type { RegistryLimits } from "./limits.ts";

/** The source of a datagram; an IPv6 address of a link may carry its zone ("fe80::1%eth0"). */
export interface Source {
  readonly address: string;
  readonly port: number;
}

export type Discovery =
  | { readonly type: "mp1"; readonly client: "original" | "own" }
  | { readonly type: "mp2"; readonly message: Hello | Join; readonly address: Address }
  /** It may be one: nothing but its first bytes was looked at. */
  | { readonly type: "announcement" }
  | { readonly type: "ignored"; readonly reason: IgnoredReason };

export type IgnoredReason =
  /** Neither mp1's nor mp2's. */
  | "not-a-hello"
  | "too-many"
  | "bad-source"
  | "legacy-off"
  /** mp2's, but not for registries: a message thrown back, or an announcement that says nothing new. */
  | "not-for-us"
  /** mp2's, but of no form that a client of this version sends. */
  | "malformed"
  /** A join to a registry of another key. */
  | "other-registry"
  /** A cookie that is forged, another source's, too old, or used up. */
  | "bad-cookie";

export const NOTHING_IGNORED: Readonly<Record<IgnoredReason, number>> = {
  "not-a-hello": 0,
  "too-many": 0,
  "bad-source": 0,
  "legacy-off": 0,
  "not-for-us": 0,
  malformed: 0,
  "other-registry": 0,
  "bad-cookie": 0,
};

/**
 * Judges datagrams on the discovery port. mp1 cannot prove a source address, so a forged hello makes the registry dial
 * whoever it names: the rates bound how often, and ports below 1024 are never dialled. mp2's hello brings a cookie only.
 */
export class DiscoveryGate {
  readonly #mp1: Rates;
  readonly #mp2: Rates;

  constructor(limits: RegistryLimits, now: Millis) {
    const { maxAddresses, datagramsPerAddress, datagramsInAll } = limits;
    this.#mp1 = new Rates(datagramsPerAddress, datagramsInAll, maxAddresses, now);
    this.#mp2 = new Rates(limits.mp2DatagramsPerAddress, limits.mp2DatagramsInAll, maxAddresses, now);
  }

  judge(now: Millis, source: Source, bytes: Uint8Array, legacy: boolean): Discovery {
    const isMp2 = DATAGRAM_PREFIX.every((byte, at) => bytes[at] === byte);
    if (!(isMp2 ? this.#mp2 : this.#mp1).take(now, source.address)) return ignored("too-many");
    return isMp2 ? judgeMp2(source, bytes) : judgeMp1(source, bytes, legacy);
  }
}

/** What one protocol's datagrams may cost. */
class Rates {
  readonly #perAddress: KeyedBuckets;
  readonly #inAll: TokenBucket;

  constructor(perAddress: Rate, inAll: Rate, maxAddresses: number, now: Millis) {
    this.#perAddress = new KeyedBuckets(perAddress, maxAddresses);
    this.#inAll = new TokenBucket(inAll, now);
  }

  /** Its own rate first: one noisy address must not use up what all share. */
  take(now: Millis, address: string): boolean {
    return this.#perAddress.take(address, now) && this.#inAll.take(now);
  }
}

function judgeMp1(source: Source, bytes: Uint8Array, legacy: boolean): Discovery {
  const hello = parseHello(bytes);
  if (hello === undefined) return ignored("not-a-hello");
  if (!isIpv4(source.address) || !isDialable(source.address, source.port)) return ignored("bad-source");
  if (!legacy) return ignored("legacy-off");
  return { type: "mp1", client: hello.client };
}

function judgeMp2(source: Source, bytes: Uint8Array): Discovery {
  const decoded = DISCOVERY_TO_REGISTRY.decode(bytes);
  if (!decoded.ok) {
    if (decoded.reason !== "unknown-type") return ignored("malformed");
    return looksLikeAnnouncement(bytes) ? { type: "announcement" } : ignored("not-for-us");
  }
  const address = canonicalAddress(source.address);
  if (address === undefined || !isDialable(address, source.port)) return ignored("bad-source");
  return { type: "mp2", message: decoded.value, address };
}

function ignored(reason: IgnoredReason): Discovery {
  return { type: "ignored", reason };
}

/** A unicast address and a port P whose P + 1 exists. */
function isDialable(address: string, port: number): boolean {
  if (port < 1_024 || port > 65_534) return false;
  // RFC 4291 §2.5.2 and §2.7: unspecified, and multicast.
  if (!isIpv4(address)) return address !== "::" && !address.startsWith("ff");
  const first = Number(address.split(".")[0]);
  return first > 0 && first < 224;
}
