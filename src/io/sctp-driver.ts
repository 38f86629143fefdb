import type { Clock } from "../base/clock.ts";
import type { AssociationId, Path, SctpEndpoint, SctpEvent, SctpSettings, SendResult } from "../sctp/api.ts";
import { Alarm } from "./alarm.ts";

/** A way for SCTP packets to travel: UDP encapsulation or raw IP. Errors of single packets are the transport's own. */
export interface SctpTransport {
  readonly via: Path["via"];
  send(path: Path, bytes: Uint8Array): void;
  close(): Promise<void>;
}

/** Where a transport delivers what it receives. */
export type PacketSink = (path: Path, bytes: Uint8Array) => void;

/**
 * How late a deadline of the core may be met, so that those of many associations share a wake-up: heartbeats of 20,000
 * leave 20 at a time. Far below the shortest of the core's timers (a SACK's 150 ms).
 */
const GRACE_MILLIS = 10;

/**
 * Runs one SCTP endpoint core on the real clock over any number of transports. Holds no protocol decision: packets and
 * calls go in, what the core wants sent goes out, events go to `onEvent`, never from inside a caller's own call.
 */
export class SctpDriver {
  readonly #endpoint: SctpEndpoint;
  readonly #clock: Clock;
  readonly #onEvent: (event: SctpEvent) => void;
  readonly #transports = new Map<Path["via"], SctpTransport>();
  readonly #alarm: Alarm;
  #pumping = false;
  #pumpAsked = false;

  constructor(options: { endpoint: SctpEndpoint; clock: Clock; onEvent: (event: SctpEvent) => void }) {
    this.#endpoint = options.endpoint;
    this.#clock = options.clock;
    this.#onEvent = options.onEvent;
    const advance = (): void => {
      this.#endpoint.advance(this.#clock.now());
      this.#pump();
    };
    this.#alarm = new Alarm(options.clock, advance, GRACE_MILLIS);
  }

  /** Adds a transport; give its packets to {@link receive}. */
  attach(transport: SctpTransport): void {
    this.#transports.set(transport.via, transport);
  }

  has(via: Path["via"]): boolean {
    return this.#transports.has(via);
  }

  readonly receive: PacketSink = (path, bytes) => {
    this.#endpoint.receive(this.#clock.now(), path, bytes);
    this.#pump();
  };

  connect(path: Path, remotePort: number): AssociationId {
    const id = this.#endpoint.connect(this.#clock.now(), path, remotePort);
    this.#pumpSoon();
    return id;
  }

  send(id: AssociationId, stream: number, ppid: number, bytes: Uint8Array): SendResult {
    const result = this.#endpoint.send(this.#clock.now(), id, stream, ppid, bytes);
    this.#pumpSoon();
    return result;
  }

  /** Graceful end; "closed" or "lost" follows. */
  shutdown(id: AssociationId): void {
    this.#endpoint.close(this.#clock.now(), id);
    this.#pumpSoon();
  }

  abort(id: AssociationId, reason: string): void {
    this.#endpoint.abort(this.#clock.now(), id, reason);
    this.#pumpSoon();
  }

  probe(id: AssociationId): void {
    this.#endpoint.probe(this.#clock.now(), id);
    this.#pumpSoon();
  }

  configure(settings: SctpSettings): void {
    this.#endpoint.configure(settings);
    this.#pumpSoon();
  }

  status(id: AssociationId): ReturnType<SctpEndpoint["status"]> {
    return this.#endpoint.status(id);
  }

  counters(): ReturnType<SctpEndpoint["counters"]> {
    return this.#endpoint.counters();
  }

  /** Stops the timer and closes the transports; associations are not told (shut them down first). */
  async close(): Promise<void> {
    this.#alarm.clear();
    const transports = [...this.#transports.values()];
    this.#transports.clear();
    await Promise.all(transports.map((transport) => transport.close()));
  }

  #pumpSoon(): void {
    if (this.#pumping || this.#pumpAsked) return;
    this.#pumpAsked = true;
    queueMicrotask(() => {
      this.#pumpAsked = false;
      this.#pump();
    });
  }

  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      for (let busy = true; busy; ) {
        busy = this.#transmitAll();
        const event = this.#endpoint.pollEvent();
        if (event !== undefined) {
          busy = true;
          this.#onEvent(event);
        }
      }
    } finally {
      this.#pumping = false;
    }
    if (this.#transports.size > 0) this.#alarm.set(this.#endpoint.nextDeadline());
  }

  #transmitAll(): boolean {
    let any = false;
    for (let out = this.#endpoint.pollTransmit(); out !== undefined; out = this.#endpoint.pollTransmit()) {
      any = true;
      this.#transports.get(out.path.via)?.send(out.path, out.bytes);
    }
    return any;
  }
}
