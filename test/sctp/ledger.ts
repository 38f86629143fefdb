import assert from "node:assert/strict";
import type { AssociationId, SctpEvent } from "../../src/sctp/index.ts";
import type { SeededRandom } from "./random.ts";

const STREAMS = 6;

/** One message that an endpoint took to send. Its PPID is its number, so that it is known wherever it arrives. */
interface Entry {
  readonly bytes: Uint8Array;
  readonly from: Session;
  readonly stream: number;
  /** Its place among those of its stream and session. */
  readonly index: number;
  delivered: boolean;
}

/**
 * An association as one side has it, from its beginning or restart to its end or restart. What one session sends
 * reaches one session of the other side, or, if that ends too early, the first part of it does.
 */
class Session {
  readonly owner: string;
  /** Messages sent, by stream. */
  readonly sent: Entry[][] = Array.from({ length: STREAMS }, () => []);
  /** How many have arrived, by stream. */
  readonly arrived: number[] = Array.from({ length: STREAMS }, () => 0);
  /** Where its messages come from. */
  source: Session | undefined;

  constructor(owner: string) {
    this.owner = owner;
  }
}

/** Every message of a conversation, and what became of it: each at most once, in order, whole, and to one session. */
export class Ledger {
  /** How often each event was told, to see that conversations have them all. */
  readonly events = new Map<SctpEvent["type"], number>();
  readonly #entries: Entry[] = [];

  /** The next message to send: its number, stream and bytes. */
  draw(random: SeededRandom): { ppid: number; stream: number; bytes: Uint8Array } {
    const long = random.oneIn(10);
    const bytes = random.bytes(1 + random.below(long ? 65_536 : 300));
    return { ppid: this.#entries.length, stream: random.below(STREAMS), bytes };
  }

  sent(from: Session, stream: number, bytes: Uint8Array): void {
    const queue = from.sent[stream];
    assert.ok(queue !== undefined);
    const entry: Entry = { bytes, from, stream, index: queue.length, delivered: false };
    queue.push(entry);
    this.#entries.push(entry);
  }

  arrived(at: Session, stream: number, ppid: number, bytes: Uint8Array): void {
    const entry = this.#entries[ppid];
    assert.ok(entry !== undefined, `message ${ppid} was never sent`);
    assert.ok(!entry.delivered, `message ${ppid} was delivered twice`);
    entry.delivered = true;
    assert.notEqual(entry.from.owner, at.owner, "a message came back to its sender");
    assert.equal(stream, entry.stream, `message ${ppid} came in another stream`);
    assert.ok(Buffer.from(bytes).equals(entry.bytes), `message ${ppid} was changed`);
    at.source ??= entry.from;
    assert.equal(entry.from, at.source, `message ${ppid} is of another session`);
    assert.equal(entry.index, at.arrived[stream], `message ${ppid} is out of order in stream ${stream}`);
    at.arrived[stream] = entry.index + 1;
  }

  told(type: SctpEvent["type"]): void {
    this.events.set(type, (this.events.get(type) ?? 0) + 1);
  }

  get delivered(): number {
    return this.#entries.filter((entry) => entry.delivered).length;
  }

  get count(): number {
    return this.#entries.length;
  }
}

type Ending = "closed" | "lost" | "aborted by us";

/** One association as the events of one endpoint tell it; checks their order. */
export class Course {
  session: Session;
  up = false;
  restarts = 0;
  ending: Ending | undefined;
  /** Why it was lost. */
  detail = "";
  readonly #owner: string;
  readonly #ledger: Ledger;
  #suspect = false;

  constructor(owner: string, ledger: Ledger) {
    this.#owner = owner;
    this.#ledger = ledger;
    this.session = new Session(owner);
  }

  take(event: SctpEvent): void {
    this.#ledger.told(event.type);
    assert.equal(this.ending, undefined, `${this.#owner}: ${event.type} after ${this.ending}`);
    if (event.type === "up") assert.ok(!this.up, `${this.#owner}: up twice`);
    else if (event.type !== "lost") assert.ok(this.up, `${this.#owner}: ${event.type} before it was up`);
    switch (event.type) {
      case "up":
        this.up = true;
        break;
      case "message":
        this.#ledger.arrived(this.session, event.stream, event.ppid, event.bytes);
        break;
      case "suspect":
        assert.ok(!this.#suspect, `${this.#owner}: suspect twice`);
        this.#suspect = true;
        break;
      case "recovered":
        assert.ok(this.#suspect, `${this.#owner}: recovered from nothing`);
        this.#suspect = false;
        break;
      case "moved":
      case "writable":
        break;
      case "restarted":
        this.restarts += 1;
        this.session = new Session(this.#owner);
        break;
      case "closed":
        this.ending = "closed";
        this.#assertAllDelivered();
        break;
      case "lost":
        this.ending = "lost";
        this.detail = `${event.reason}: ${event.detail}`;
        break;
    }
  }

  /** RFC 9260 §9.2: SHUTDOWN goes out only after everything was acknowledged, and what was acknowledged is there. */
  #assertAllDelivered(): void {
    for (const entry of this.session.sent.flat()) {
      assert.ok(entry.delivered, `${this.#owner}: closed though a message of its had not arrived`);
    }
  }
}

export type Courses = Map<AssociationId, Course>;
