import assert from "node:assert/strict";
import type { Random } from "../../src/base/clock.ts";
import type { CounterName } from "../../src/sctp/counters.ts";
import { decodePacket, type Packet } from "../../src/sctp/decode/packet.ts";
import * as encode from "../../src/sctp/encode.ts";
import {
  createSctpEndpoint,
  DEFAULT_SCTP_SETTINGS,
  type Path,
  type SctpEndpoint,
  type SctpEvent,
  type SctpSettings,
} from "../../src/sctp/index.ts";
import { PORT } from "./pair.ts";
import { SeededRandom } from "./random.ts";
import { packet } from "./wire.ts";

/** One endpoint, and us as whoever talks to it, chunk by chunk. */
export class Target {
  now = 5_000;
  readonly endpoint: SctpEndpoint;
  readonly events: SctpEvent[] = [];
  readonly path: Path = { via: "udp", address: "10.0.0.9", outerPort: 4_000, local: "" };

  constructor(settings: Partial<SctpSettings> = {}, random: Random = new SeededRandom(1)) {
    this.endpoint = createSctpEndpoint({
      localPort: PORT,
      settings: { ...DEFAULT_SCTP_SETTINGS, ...settings },
      random,
      now: this.now,
    });
  }

  /** Sends chunks under a tag; returns the packets that come back, and where to. */
  hit(tag: number, chunks: Uint8Array | readonly Uint8Array[], path = this.path) {
    const bytes = packet(tag, chunks instanceof Uint8Array ? chunks : Buffer.concat(chunks));
    this.endpoint.receive(this.now, path, bytes);
    return this.drain();
  }

  drain(): { readonly packet: Packet; readonly bytes: Uint8Array; readonly path: Path }[] {
    const answers = [];
    for (let out = this.endpoint.pollTransmit(); out !== undefined; out = this.endpoint.pollTransmit()) {
      const decoded = decodePacket(out.bytes, PORT);
      assert.ok(typeof decoded !== "string", "we send what we would read");
      answers.push({ packet: decoded, bytes: out.bytes, path: out.path });
    }
    for (let event = this.endpoint.pollEvent(); event !== undefined; event = this.endpoint.pollEvent()) {
      this.events.push(event);
    }
    return answers;
  }

  pass(millis: number): ReturnType<Target["drain"]> {
    const until = this.now + millis;
    for (let at = this.endpoint.nextDeadline(); at !== undefined && at <= until; ) {
      this.now = Math.max(this.now, at);
      this.endpoint.advance(this.now);
      at = this.endpoint.nextDeadline();
    }
    this.now = until;
    return this.drain();
  }

  kinds(): string[] {
    return this.events.map((event) => event.type);
  }

  count(name: CounterName): number {
    return this.endpoint.counters()[name];
  }
}

export const OUR_TAG = 0x1111;
export const OUR_TSN = 1_000;
export const INIT = encode.encodeInit({
  tag: OUR_TAG,
  window: 100_000,
  outboundStreams: 10,
  inboundStreams: 10,
  initialTsn: OUR_TSN,
});

/** INIT, and what INIT ACK said. */
export function askCookie(target: Target, path = target.path, init: Uint8Array = INIT) {
  const [answer] = target.hit(0, init, path);
  const initAck = answer?.packet.chunks[0];
  assert.ok(initAck?.type === "init-ack" && initAck.cookie !== undefined);
  assert.equal(answer?.packet.verificationTag, OUR_TAG);
  const { tag, initialTsn: tsn, cookie, interleaves } = initAck;
  return { tag, tsn, cookie, interleaves, requestBytes: 12 + init.length, packetBytes: answer.bytes.length };
}

/** Up to established; returns the target's tag and first TSN. */
export function associate(target: Target): { tag: number; tsn: number } {
  const { tag, tsn, cookie } = askCookie(target);
  const [answer] = target.hit(tag, encode.encodeCookieEcho(cookie));
  assert.equal(answer?.packet.chunks[0]?.type, "cookie-ack");
  assert.deepEqual(target.kinds(), ["up"]);
  return { tag, tsn };
}

export function data(tsn: number, fields: Partial<encode.DataFields> = {}): Uint8Array {
  const whole = { stream: 0, ssn: 0, ppid: 0, begins: true, ends: true, bytes: Uint8Array.of(1) };
  return encode.encodeData({ tsn: tsn >>> 0, ...whole, ...fields });
}
