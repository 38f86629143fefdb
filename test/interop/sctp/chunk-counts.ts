/** Counts the chunks of SCTP packets by type (RFC 9260 §3.2), for what the API does not tell: heartbeats, I-DATA. */
export class ChunkCounts {
  readonly #counts = new Map<string, number>();

  add(direction: "in" | "out", packet: Uint8Array): void {
    const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
    for (let at = COMMON_HEADER; at + CHUNK_HEADER <= packet.length; ) {
      const key = `${direction}-${NAMES[view.getUint8(at)] ?? "other"}`;
      this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
      at += Math.max(CHUNK_HEADER, (view.getUint16(at + 2) + 3) & ~3);
    }
  }

  /** Of a direction and a name, as "in-heartbeat". */
  of(key: string): number {
    return this.#counts.get(key) ?? 0;
  }

  toString(): string {
    return JSON.stringify(Object.fromEntries(this.#counts));
  }
}

const COMMON_HEADER = 12;
const CHUNK_HEADER = 4;
const NAMES: Readonly<Record<number, string>> = {
  0: "data",
  4: "heartbeat",
  5: "heartbeat-ack",
  64: "i-data",
};
