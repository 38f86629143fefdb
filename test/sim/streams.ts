import type { Millis } from "../../src/base/clock.ts";
import type { Fingerprint } from "../../src/base/fingerprint.ts";
import type { SeededRandom } from "../sctp/random.ts";
import type { Network, Place } from "./network.ts";
import type { Schedule } from "./schedule.ts";

/** What TLS has proved to one side when its handshake is done. */
export interface Secured {
  readonly address: string;
  readonly port: number;
  readonly fingerprint: Fingerprint;
  readonly protocol: string;
  /** From the exporter: equal on both sides. */
  readonly keys: { readonly fromClient: Uint8Array; readonly fromServer: Uint8Array };
}

/** One side of a connection, as its host hears of it. */
export interface StreamEvents {
  received(bytes: Uint8Array): void;
  ended(): void;
  closed(): void;
}

export type Listener = (secured: Secured, end: StreamEnd) => StreamEvents;

/** TCP gives a segment that nobody acknowledges up after this; shorter here than in a kernel, to see it happen. */
const GIVE_UP_MILLIS: Millis = 20_000;
/** Between two attempts to get a segment through. */
const RETRY_MILLIS: Millis = 200;
/** From one side's end to the other's: as `TlsChannel` bounds it. */
const LINGER_MILLIS: Millis = 5_000;
/** A SYN that nobody answers. */
const CONNECT_MILLIS: Millis = 3_000;

/**
 * TLS connections over TCP, as far as a core can see them: bytes in order and once, however bad the network; a peer that
 * has crashed resets, one that is cut off is silent until somebody gives up.
 */
export class Streams {
  readonly #schedule: Schedule;
  readonly #network: Network;
  readonly #random: SeededRandom;
  readonly #listeners = new Map<string, { readonly fingerprint: Fingerprint; readonly listener: Listener }>();
  readonly #ends = new Set<StreamEnd>();

  constructor(schedule: Schedule, network: Network, random: SeededRandom) {
    this.#schedule = schedule;
    this.#network = network;
    this.#random = random;
  }

  /** Connections that at least one side holds. */
  get size(): number {
    return this.#ends.size;
  }

  /** Each end that is held, for messages of failed checks. */
  describe(): readonly string[] {
    return [...this.#ends].map((end) => end.describe());
  }

  listen(place: Place, fingerprint: Fingerprint, listener: Listener): void {
    this.#listeners.set(nameOf(place), { fingerprint, listener });
  }

  /** The host has crashed, or closed: nobody listens, and its connections are gone as a kernel ends them. */
  release(place: Place): void {
    this.#listeners.delete(nameOf(place));
    for (const end of [...this.#ends])
      if (end.host === place.address && end.owner === place.port) end.destroy();
  }

  /** `opened` makes what hears of the connection; `failed` is called instead when there is none. */
  connect(dialling: {
    readonly from: Place;
    readonly fingerprint: Fingerprint;
    readonly to: Place;
    readonly protocol: string;
    readonly opened: Listener;
    readonly failed: (failure: "refused" | "timeout") => void;
  }): void {
    const { from, to } = dialling;
    if (!this.#network.reaches(from.address, to.address)) {
      this.#schedule.after(CONNECT_MILLIS, () => dialling.failed("timeout"));
      return;
    }
    // Three one-way trips of TCP, three of TLS.
    const trips = Array.from({ length: 6 }, () => this.#network.delay());
    this.#schedule.after(
      trips.reduce((sum, trip) => sum + trip, 0),
      () => this.#meet(dialling),
    );
  }

  #meet(dialling: Parameters<Streams["connect"]>[0]): void {
    const { from, to, fingerprint, protocol, opened, failed } = dialling;
    const listening = this.#listeners.get(nameOf(to));
    if (listening === undefined || !this.#network.reaches(from.address, to.address)) {
      failed("refused");
      return;
    }
    const keys = { fromClient: this.#random.bytes(32), fromServer: this.#random.bytes(32) };
    const [client, server] = [this.#end(from, to), this.#end(to, from)];
    client.pair(server);
    server.pair(client);
    const place = { address: to.address, port: to.port, protocol, keys };
    client.open(opened({ ...place, fingerprint: listening.fingerprint }, client));
    server.open(
      listening.listener({ ...place, address: from.address, port: from.port, fingerprint }, server),
    );
  }

  #end(local: Place, remote: Place): StreamEnd {
    const end: StreamEnd = new StreamEnd(this.#schedule, this.#network, local, remote, () =>
      this.#ends.delete(end),
    );
    this.#ends.add(end);
    return end;
  }
}

/** What is on its way in one direction. */
type Segment = { readonly type: "bytes"; readonly bytes: Uint8Array } | { readonly type: "end" | "reset" };

/** One side of a connection: what its host does with it. */
export class StreamEnd {
  readonly host: string;
  readonly owner: number;
  readonly #remote: string;
  readonly #schedule: Schedule;
  readonly #network: Network;
  readonly #gone: () => void;
  #other: StreamEnd | undefined;
  #events: StreamEvents | undefined;
  readonly #early: Segment[] = [];
  readonly #waiting: Segment[] = [];
  #isBusy = false;
  #stuckSince: Millis | undefined;
  #state:
    | { readonly name: "open"; readonly sent: boolean; readonly heard: boolean }
    | { readonly name: "closed" } = {
    name: "open",
    sent: false,
    heard: false,
  };

  constructor(schedule: Schedule, network: Network, local: Place, remote: Place, gone: () => void) {
    this.#schedule = schedule;
    this.#network = network;
    this.host = local.address;
    this.owner = local.port;
    this.#remote = remote.address;
    this.#gone = gone;
  }

  describe(): string {
    return `${this.host}:${this.owner} with ${this.#remote}: ${JSON.stringify(this.#state)}, ${this.#waiting.length} waiting`;
  }

  pair(other: StreamEnd): void {
    this.#other = other;
  }

  open(events: StreamEvents): void {
    this.#events = events;
    for (const segment of this.#early.splice(0)) this.take(segment);
  }

  send(bytes: Uint8Array): void {
    if (this.#state.name === "open" && !this.#state.sent) this.#queue({ type: "bytes", bytes });
  }

  /** No more from this side. */
  end(): void {
    if (this.#state.name !== "open" || this.#state.sent) return;
    this.#state = { ...this.#state, sent: true };
    this.#queue({ type: "end" });
    this.#schedule.after(LINGER_MILLIS, () => this.destroy());
  }

  /** Gone at once; the other side hears of it when the network carries it. */
  destroy(): void {
    if (this.#state.name === "closed") return;
    this.#queue({ type: "reset" });
    this.#close();
  }

  /** From the network. */
  take(segment: Segment): void {
    if (this.#state.name === "closed") return;
    if (this.#events === undefined) this.#early.push(segment);
    else if (segment.type === "bytes") this.#events.received(segment.bytes);
    else if (segment.type === "reset") this.#close();
    else {
      this.#state = { ...this.#state, heard: true };
      this.#schedule.after(LINGER_MILLIS, () => this.destroy());
      this.#events.ended();
      this.#closeIfDone();
    }
  }

  #closeIfDone(): void {
    if (this.#state.name === "open" && this.#state.sent && this.#state.heard && this.#waiting.length === 0)
      this.#close();
  }

  #close(): void {
    this.#state = { name: "closed" };
    this.#gone();
    const events = this.#events;
    this.#schedule.after(0, () => events?.closed());
  }

  #queue(segment: Segment): void {
    this.#waiting.push(segment);
    if (!this.#isBusy) this.#carry();
  }

  /** One segment after the other, each until it gets through. */
  #carry(): void {
    const [segment] = this.#waiting;
    this.#isBusy = segment !== undefined;
    if (segment === undefined) {
      this.#closeIfDone();
      return;
    }
    const { now } = this.#schedule;
    if (!this.#network.reaches(this.host, this.#remote)) {
      this.#stuckSince ??= now;
      if (now - this.#stuckSince >= GIVE_UP_MILLIS) this.#giveUp();
      else this.#schedule.after(RETRY_MILLIS, () => this.#carry());
      return;
    }
    this.#stuckSince = undefined;
    this.#schedule.after(this.#network.delay(), () => {
      this.#waiting.shift();
      this.#other?.take(segment);
      this.#carry();
    });
  }

  #giveUp(): void {
    this.#waiting.length = 0;
    this.#isBusy = false;
    if (this.#state.name === "open") this.#close();
  }
}

function nameOf({ address, port }: Place): string {
  return `${address} ${port}`;
}
