import type { Millis } from "../../base/clock.ts";
import type { Path } from "../api.ts";
import { VALIDATION_PAUSE } from "../constants.ts";
import type { Chunk } from "../decode/chunks.ts";
import type { Link } from "../link.ts";
import { decodeInfo, heartbeatWith } from "./heartbeat-info.ts";

/**
 * A peer whose address changes: a NAT gave it another outer port (RFC 6951 §5.4), or it roamed to another network.
 * Packets with our v-tag from elsewhere are not taken; they only make us send a HEARTBEAT with a fresh nonce there. Its
 * answer from there proves that the peer has our tag *and* receives at that address (the path verification of RFC 9260
 * §5.4), and the association goes on over the new path. Nobody who merely forges a source address gets that far, and
 * what we send is no larger than what came in.
 *
 * Whoever reads the traffic can pose as the peer here, as it can in all of SCTP: what protects against that is
 * the encryption above.
 */
export class PathChange {
  readonly #link: Link;
  #candidate: Candidate | undefined;

  constructor(link: Link) {
    this.#link = link;
  }

  /**
   * A packet of ours came from `path`, which is not the association's. When it proves that this is the peer's path now,
   * the round-trip time there; otherwise the packet is to be dropped.
   */
  strayed(now: Millis, path: Path, chunks: readonly Chunk[]): Millis | undefined {
    this.#link.host.count("wrong-path");
    if (path.via !== this.#link.path.via) return undefined;
    for (const chunk of chunks) {
      const sentAt = chunk.type === "heartbeat-ack" ? this.#proof(path, chunk.info) : undefined;
      if (sentAt === undefined) continue;
      this.#candidate = undefined;
      return this.#link.running(now) - sentAt;
    }
    this.#challenge(now, path);
    return undefined;
  }

  #challenge(now: Millis, path: Path): void {
    const since = this.#candidate?.since;
    if (since !== undefined && now - since < VALIDATION_PAUSE) return;
    const nonce = this.#link.host.random.below(2 ** 32);
    const sentAt = this.#link.running(now);
    this.#candidate = { path, nonce, since: now, sentAt };
    this.#link.transmit([heartbeatWith({ sentAt, nonce })], this.#link.peerTag, path);
  }

  /** When the challenge was sent that `info` answers. */
  #proof(path: Path, info: Uint8Array): Millis | undefined {
    const candidate = this.#candidate;
    const heartbeat = decodeInfo(info);
    const answers =
      candidate?.path.address === path.address &&
      candidate.path.outerPort === path.outerPort &&
      candidate.nonce === heartbeat?.nonce;
    // Our own note of it: what comes back may have been altered.
    return answers ? candidate.sentAt : undefined;
  }
}

/** Where the peer may be, and the challenge that was sent there. */
interface Candidate {
  readonly path: Path;
  readonly nonce: number;
  readonly since: Millis;
  /** Running time. */
  readonly sentAt: Millis;
}
