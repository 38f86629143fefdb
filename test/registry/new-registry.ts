import { createPrivateKey, createPublicKey, sign } from "node:crypto";
import type { Random } from "../../src/base/clock.ts";
import { ed25519Spki } from "../../src/base/ed25519.ts";
import { fingerprintOfSpki } from "../../src/base/fingerprint.ts";
import type { RegistryLimits } from "../../src/registry/limits.ts";
import { Registry } from "../../src/registry/registry.ts";
import type { RegistryIdentity, RegistrySettings } from "../../src/registry/settings.ts";
import { RosterKeeper } from "../../src/roster/keeper.ts";
import { Ledger } from "../../src/roster/ledger.ts";
import type { RosterStore } from "../../src/roster/roster-store.ts";
import type { RegistryStore } from "../../src/roster/store.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import type { Realm } from "../../src/wire/mp2-values.ts";
import { seededRandom } from "../support/stores.ts";

/** What the wall clock shows at the origin of the monotonic one. */
export const UNIX = 1_790_000_000_000;

/** RFC 8032 §7.1, test 1. */
const PRIVATE = createPrivateKey({
  key: Buffer.from(
    "302e020100300506032b6570042204209d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    "hex",
  ),
  format: "der",
  type: "pkcs8",
});
const PUBLIC = new Uint8Array(createPublicKey(PRIVATE).export({ format: "der", type: "spki" }).subarray(-32));

export const IDENTITY: RegistryIdentity = {
  fingerprint: fingerprintOfSpki(ed25519Spki(PUBLIC)),
  publicKey: PUBLIC,
  sign: (bytes) => new Uint8Array(sign(null, bytes, PRIVATE)),
};

export const SETTINGS: RegistrySettings = {
  legacy: true,
  realm: "office" as Realm,
  heartbeatMillis: 1_000,
  lostAfterMillis: 2_800,
};

export interface Given {
  readonly limits?: Partial<RegistryLimits>;
  readonly legacy?: boolean;
  readonly store?: RegistryStore;
  /** Where the roster is kept over a restart; nowhere unless given. */
  readonly rosterStore?: RosterStore | undefined;
  /** A registry of another key than {@link IDENTITY}. */
  readonly identity?: RegistryIdentity;
  readonly random?: Random;
  readonly unixAt?: (at: number) => number;
}

/** A registry of its own, whose state is in memory unless a store is given. */
export function newRegistry(now: number, given: Given = {}): Registry {
  const random = given.random ?? seededRandom(1);
  const { rosterStore } = given;
  const left = rosterStore?.load();
  const ledger = new Ledger(given.store ?? new MemoryStore(), random, now, left);
  const keeper = rosterStore && new RosterKeeper({ store: rosterStore, ledger, left });
  return new Registry({
    now,
    random,
    settings: { ...SETTINGS, legacy: given.legacy ?? true },
    limits: given.limits ?? {},
    unixAt: given.unixAt ?? ((at) => UNIX + at),
    identity: given.identity ?? IDENTITY,
    ledger,
    ...(keeper === undefined ? {} : { keeper }),
    reach: { sctpPort: 10_001, encapsulationPort: 9_899, rawIp: true },
  });
}
