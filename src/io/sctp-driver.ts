import type { Clock } from "../base/clock.ts";
import type {
  AssociationId,
  InitPressure,
  LivenessLimits,
  Path,
  SctpEndpoint,
  SctpEvent,
  SctpSettings,
  SendResult,
  Transmit,
} from "../sctp/api.ts";
import { Alarm } from "./alarm.ts";

/** A way for SCTP packets to travel: UDP encapsulation or raw IP. Errors of single packets are the transport's own. */
export interface SctpTransport {
  readonly via: Path["via"];
  /** It may keep the packet until {@link flush}, which follows in the same turn of the event loop. */
  send(path: Path, bytes: Uint8Array): void;
  flush?(): void;
  /** From now on this share of INITs (0 to 1) is enough, drawn by lot; where it cannot choose, all are delivered. */
  thinInits?(share: number): void;
  close(): Promise<void>;
}

/**
 * Where a transport delivers what it receives; `bytes` may change once that returns. `isBurst`: it has come together with
 * others.
 */
export type PacketSink = (path: Path, bytes: Uint8Array, isBurst?: boolean) => void;

/**
 * How late a deadline of the core may be met, so that those of many associations share a wake-up: heartbeats of 20,000
 * leave 40 at a time. Far below the shortest of the core's timers (61 ms between two probes of a suspect).
 */
const GRACE_MILLIS = 20;
/** Packets that time has made due and that leave in a row; then what has come in meanwhile is read. */
const DUE_PACKETS_A_TURN = 8;

export interface SctpDriverOptions {
  readonly endpoint: SctpEndpoint;
  readonly clock: Clock;
  readonly onEvent: (event: SctpEvent) => void;
  /** A flood of INITs has begun, has become another or is over; the transports have been told. */
  readonly onInitPressure?: (pressure: InitPressure) => void;
}

/**
 * Runs one SCTP endpoint core on the real clock over any number of transports. Holds no protocol decision: packets and
 * calls go in, what the core wants sent goes out, events go to `onEvent`, never from inside a caller's own call.
 *
 * Reading comes before asking. Probes are sent a few at a time, their answers are read in between, and time does not
 * go on for the core before all are out. Otherwise a host with too little time overflows its sockets with the answers
 * to its own probes, takes its peers for silent, and probes them all the more. So late, the core's rule for a process
 * that did not run holds instead: nobody is lost for it.
 */
export class SctpDriver {
  readonly #endpoint: SctpEndpoint;
  readonly #clock: Clock;
  readonly #onEvent: (event: SctpEvent) => void;
  readonly #onInitPressure: ((pressure: InitPressure) => void) | undefined;
  readonly #transports = new Map<Path["via"], SctpTransport>();
  readonly #alarm: Alarm;
  /** What time has made due and is not sent yet, from `#dueSent` on. */
  readonly #due: Transmit[] = [];
  #dueSent = 0;
  #pressure: InitPressure;
  #turn: NodeJS.Immediate | undefined;
  #pumping = false;
  #pumpAsked = false;

  constructor(options: SctpDriverOptions) {
    this.#endpoint = options.endpoint;
    this.#clock = options.clock;
    this.#onEvent = options.onEvent;
    this.#onInitPressure = options.onInitPressure;
    this.#pressure = options.endpoint.initPressure();
    this.#alarm = new Alarm(options.clock, () => this.#advance(), GRACE_MILLIS);
  }

  /** Adds a transport; give its packets to {@link receive}. */
  attach(transport: SctpTransport): void {
    this.#transports.set(transport.via, transport);
  }

  has(via: Path["via"]): boolean {
    return this.#transports.has(via);
  }

  readonly receive: PacketSink = (path, bytes, isBurst = false) => {
    this.#endpoint.receive(this.#clock.now(), path, bytes);
    if (isBurst) this.#pumpSoon();
    else this.#pump();
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

  /** Limits for this association alone, from now on; undefined: the endpoint's again. */
  watch(id: AssociationId, limits: LivenessLimits | undefined): void {
    this.#endpoint.watch(this.#clock.now(), id, limits);
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
    clearImmediate(this.#turn);
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
    this.#heedInitPressure();
    if (this.#transports.size > 0 && this.#due.length === 0) this.#alarm.set(this.#endpoint.nextDeadline());
  }

  #heedInitPressure(): void {
    const pressure = this.#endpoint.initPressure();
    if (pressure === this.#pressure) return;
    this.#pressure = pressure;
    for (const transport of this.#transports.values()) transport.thinInits?.(pressure.share);
    this.#onInitPressure?.(pressure);
  }

  #transmitAll(): boolean {
    let any = false;
    for (let out = this.#endpoint.pollTransmit(); out !== undefined; out = this.#endpoint.pollTransmit()) {
      any = true;
      this.#transmit(out);
    }
    if (any) this.#flush();
    return any;
  }

  #transmit({ path, bytes }: Transmit): void {
    this.#transports.get(path.via)?.send(path, bytes);
  }

  #flush(): void {
    for (const transport of this.#transports.values()) transport.flush?.();
  }

  #advance(): void {
    // Too early: the alarm is set anew when all is sent.
    if (this.#due.length > 0) return;
    this.#endpoint.advance(this.#clock.now());
    for (let out = this.#endpoint.pollTransmit(); out !== undefined; out = this.#endpoint.pollTransmit()) {
      this.#due.push(out);
    }
    this.#sendDue();
  }

  #sendDue(): void {
    const end = Math.min(this.#due.length, this.#dueSent + DUE_PACKETS_A_TURN);
    for (const out of this.#due.slice(this.#dueSent, end)) this.#transmit(out);
    this.#flush();
    this.#dueSent = end;
    if (end < this.#due.length) this.#turn = setImmediate(() => this.#sendDue());
    else {
      this.#due.length = 0;
      this.#dueSent = 0;
    }
    this.#pump();
  }
}
