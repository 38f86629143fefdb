import type { Millis, UnixMillis } from "../base/clock.ts";
import { ed25519Spki, verifyEd25519 } from "../base/ed25519.ts";
import { type Fingerprint, fingerprintOfSpki } from "../base/fingerprint.ts";
import { TokenBucket } from "../base/tokens.ts";
import { type Announcement, decodeAnnouncement } from "../wire/mp2-announcement.ts";
import { ANNOUNCEMENT_RATE, BOUNDS, STRANGE_ANNOUNCEMENT_RATE } from "./bounds.ts";

export type Heard =
  | { readonly type: "known"; readonly fingerprint: Fingerprint; readonly announcement: Announcement }
  /** Of a key that nobody waits for. `announcement`: it was verified, because somebody wanted to know. */
  | {
      readonly type: "unknown";
      readonly fingerprint: Fingerprint;
      readonly announcement: Announcement | undefined;
    };

/**
 * Beacons and byes. Those of keys that we know are verified, each once and none that is older than what that registry said
 * before; those of other keys only while somebody is curious: docs/protocol-mp2.md, "Announcements".
 */
export class Announcements {
  readonly #isKnown: (fingerprint: Fingerprint) => boolean;
  readonly #floors = new Map<Fingerprint, UnixMillis>();
  readonly #rate: TokenBucket;
  readonly #strangers: TokenBucket;

  constructor(isKnown: (fingerprint: Fingerprint) => boolean) {
    this.#isKnown = isKnown;
    this.#rate = new TokenBucket(ANNOUNCEMENT_RATE, 0);
    this.#strangers = new TokenBucket(STRANGE_ANNOUNCEMENT_RATE, 0);
  }

  /** What a datagram says, if it says anything new. `curious`: about those whom we do not know, too. */
  take(now: Millis, bytes: Uint8Array, curious: boolean): Heard | undefined {
    let stranger: Fingerprint | undefined;
    const decoded = decodeAnnouncement(bytes, (publicKey, signed, signature) => {
      const whose = fingerprintOfSpki(ed25519Spki(publicKey));
      if (!this.#isKnown(whose)) stranger = whose;
      const isWorthIt = stranger === undefined ? this.#rate.take(now) : curious && this.#strangers.take(now);
      return isWorthIt && verifyEd25519(publicKey, signed, signature);
    });
    if (stranger !== undefined) {
      const announcement = decoded.ok ? decoded.value.announcement : undefined;
      return { type: "unknown", fingerprint: stranger, announcement };
    }
    if (!decoded.ok) return undefined;
    const { announcement, fingerprint } = decoded.value;
    if (announcement.sent <= (this.#floors.get(fingerprint) ?? -1)) return undefined;
    this.floor(fingerprint, announcement.sent);
    return { type: "known", fingerprint, announcement };
  }

  /** The registry said, over a connection that proves its key, that its clock is there. */
  floor(fingerprint: Fingerprint, time: UnixMillis): void {
    const before = this.#floors.get(fingerprint) ?? -1;
    this.#floors.delete(fingerprint);
    this.#floors.set(fingerprint, Math.max(before, time));
    for (const oldest of this.#floors.keys()) {
      if (this.#floors.size <= BOUNDS.announcers) return;
      this.#floors.delete(oldest);
    }
  }
}
