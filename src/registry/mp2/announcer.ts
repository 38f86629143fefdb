import type { Millis, Random, UnixMillis } from "../../base/clock.ts";
import type { Publication } from "../../roster/publication.ts";
import { type Announcement, encodeAnnouncement } from "../../wire/mp2-announcement.ts";
import { MAX_UNIX_MILLIS, type RunId } from "../../wire/mp2-values.ts";
import type { RegistryLimits } from "../limits.ts";
import type { Emit } from "../output.ts";
import type { Farewell, RegistryIdentity, RegistrySettings } from "../settings.ts";

/** Beacons and the bye: what the registry signs and tells the groups, and the time that it tells clients. */
export class Announcer {
  readonly #limits: RegistryLimits;
  readonly #random: Random;
  readonly #unixAt: (at: Millis) => UnixMillis;
  readonly #identity: RegistryIdentity;
  readonly #publication: Publication;
  readonly #emit: Emit;
  readonly #run: RunId;
  #realm: RegistrySettings["realm"];
  /** "beacon": the next is due. The first at once: whoever waits for us need not ask. */
  #beaconAt: Millis;
  #lastBeaconAt: Millis = -Infinity;
  #lastSent: UnixMillis = 0;

  constructor(options: {
    readonly now: Millis;
    readonly limits: RegistryLimits;
    readonly random: Random;
    readonly unixAt: (at: Millis) => UnixMillis;
    readonly identity: RegistryIdentity;
    readonly publication: Publication;
    readonly emit: Emit;
    readonly realm: RegistrySettings["realm"];
    readonly run: RunId;
  }) {
    this.#limits = options.limits;
    this.#random = options.random;
    this.#unixAt = options.unixAt;
    this.#identity = options.identity;
    this.#publication = options.publication;
    this.#emit = options.emit;
    this.#realm = options.realm;
    this.#run = options.run;
    this.#beaconAt = options.now;
  }

  nextDeadline(): Millis {
    return this.#beaconAt;
  }

  configure({ realm }: RegistrySettings): void {
    this.#realm = realm;
  }

  /** The wall clock, as a whole number that does not fall behind what has been announced: a clock may be set back. */
  time(now: Millis): UnixMillis {
    const wall = Math.min(MAX_UNIX_MILLIS, Math.max(0, Math.round(this.#unixAt(now))));
    return Math.max(wall, this.#lastSent);
  }

  /** There are new ears. */
  soon(now: Millis): void {
    const at = Math.max(now, this.#lastBeaconAt + this.#limits.announceMillis);
    this.#beaconAt = Math.min(this.#beaconAt, at);
  }

  advance(now: Millis): void {
    if (now < this.#beaconAt) return;
    const { beaconMillis } = this.#limits;
    // Jitter: several registries started by one power cut do not speak at once for ever.
    const jitter = this.#random.below(Math.floor(beaconMillis / 5)) - beaconMillis / 10;
    this.#lastBeaconAt = now;
    this.#beaconAt = now + beaconMillis + jitter;
    this.#announce({ ...this.#facts(now), type: "beacon", realm: this.#realm, run: this.#run });
  }

  bye(now: Millis, { reason, backIn }: Farewell): void {
    const expected = backIn === undefined ? {} : { backIn };
    this.#announce({ ...this.#facts(now), type: "bye", reason, ...expected });
  }

  #facts(now: Millis): Pick<Announcement, "epoch" | "seq" | "sent"> {
    const { epoch, seq } = this.#publication;
    this.#lastSent = Math.max(this.time(now), this.#lastSent + 1);
    return { epoch, seq, sent: this.#lastSent };
  }

  #announce(announcement: Announcement): void {
    const { publicKey, sign } = this.#identity;
    this.#emit({ type: "announce", bytes: encodeAnnouncement(announcement, publicKey, sign) });
  }
}
