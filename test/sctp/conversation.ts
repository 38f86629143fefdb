import assert from "node:assert/strict";
import type { SctpSettings } from "../../src/sctp/index.ts";
import { Ledger } from "./ledger.ts";
import { type Conditions, Network } from "./pair.ts";
import { SeededRandom } from "./random.ts";
import { Speaker } from "./speaker.ts";

const ADDRESSES = ["10.0.0.2", "10.0.0.1"] as const;
/** All that is drawn to happen begins within this time. */
const STAGE_MILLIS = 4_000;
/** After it, both ends have had time to find out how things stand: T1, T2, T3 and the shutdown guard are over. */
const SETTLED_MILLIS = 100_000;

/** What happens to a conversation besides loss, duplication and reordering. */
type Incident =
  | "nothing"
  | "parted"
  | "parted for long"
  | "frozen"
  | "frozen for long"
  | "moved"
  | "connected anew"
  | "aborted"
  | "restarted";

const INCIDENTS: readonly [Incident, ...Incident[]] = [
  "nothing",
  "nothing",
  "parted",
  "parted for long",
  "frozen",
  "frozen for long",
  "moved",
  "connected anew",
  "aborted",
  "restarted",
  "restarted",
];

/** These leave an association alone, so it must end by agreement. */
const CALM: ReadonlySet<Incident> = new Set(["nothing", "parted", "frozen"]);

/** A conversation of two endpoints that its seed determines altogether. */
export class Conversation {
  readonly network: Network;
  readonly ledger = new Ledger();
  /** One, or two at any times. */
  readonly incidents: readonly Incident[];
  /** An end that was not agreed upon though nothing had happened; the loss of all farewells can do that. */
  surprise: string | undefined;
  readonly #random: SeededRandom;
  readonly #settings: Partial<SctpSettings>;
  readonly #speakers: Speaker[] = [];
  readonly #begun: number;

  constructor(seed: number) {
    const random = new SeededRandom(seed);
    this.#random = random;
    this.network = new Network(seed + 1, drawConditions(random));
    this.network.wrapping = true;
    this.#begun = this.network.now;
    this.#settings = { maxQueuedBytes: random.pick([2_000, 70_000, 262_144]) };
    this.incidents = Array.from({ length: random.oneIn(3) ? 2 : 1 }, () => random.pick(INCIDENTS));
    for (const side of [0, 1])
      this.#join(side, ADDRESSES[side] ?? "", random.below(random.pick([1, 20, 60, 200])));
  }

  run(): void {
    this.#begin();
    for (const incident of this.incidents) this.#plan(incident);
    // What befell a conversation shows best in one that goes on.
    if (!this.#random.oneIn(this.#isCalm ? 4 : 2)) this.#planClose();
    this.network.run(this.#begun + 2 * STAGE_MILLIS + SETTLED_MILLIS);
    this.#assertAgreed();
    for (const speaker of this.#speakers) {
      for (const id of speaker.alive())
        this.#call(speaker, () => speaker.host.endpoint.close(this.network.now, id));
    }
    this.network.runFor(SETTLED_MILLIS);
    this.#assertOver();
  }

  get #isCalm(): boolean {
    return this.incidents.every((incident) => CALM.has(incident));
  }

  #join(side: number, address: string, messages: number): Speaker {
    const host = this.network.host(address, this.#settings);
    const name = `${address} (${this.#speakers.length})`;
    const speaker = new Speaker(side, name, host, this.ledger, messages);
    this.#speakers.push(speaker);
    return speaker;
  }

  /** The two that run now. */
  #pair(): [Speaker, Speaker] {
    const [one, two] = [0, 1].map((side) => this.#speakers.findLast((speaker) => speaker.side === side));
    assert.ok(one !== undefined && two !== undefined);
    return [one, two];
  }

  #call(speaker: Speaker, act: () => void): void {
    if (speaker.gone) return;
    // A process that is stopped does it when it runs again.
    if (speaker.host.frozen) this.network.at(this.network.now + 100, () => this.#call(speaker, act));
    else {
      act();
      this.network.drain(speaker.host);
    }
  }

  #sometime(act: () => void, from = 0): void {
    this.network.at(this.#begun + from + this.#random.below(STAGE_MILLIS - from), act);
  }

  #begin(): void {
    const [client, server] = this.#pair();
    this.#connect(client, server);
    // INITs that cross.
    if (this.#random.oneIn(3))
      this.network.at(this.network.now + this.#random.below(30), () => this.#connect(server, client));
    for (const speaker of [client, server]) this.#sometime(() => this.#speak(speaker));
  }

  #connect(from: Speaker, to: Speaker): void {
    this.#call(from, () => {
      // An association that is there would be replaced, which is another thing than a collision.
      if (from.alive().length > 0) return;
      const path = this.network.path(to.host);
      from.current = from.host.endpoint.connect(this.network.now, path, 10_001);
      from.course(from.current);
    });
  }

  /** Sends some, then more a little later; once refused it waits to be told. */
  #speak(speaker: Speaker): void {
    speaker.onWritable = () => this.network.at(this.network.now, () => this.#speak(speaker));
    this.#call(speaker, () => {
      const { now } = this.network;
      let result = "queued";
      for (
        let burst = 1 + this.#random.below(5);
        burst > 0 && speaker.left > 0 && result === "queued";
        burst -= 1
      ) {
        result = this.#sendOne(speaker);
      }
      speaker.full = result === "full";
      if (speaker.full || speaker.left === 0) return;
      this.network.at(now + 1 + this.#random.below(80), () => this.#speak(speaker));
    });
  }

  #sendOne(speaker: Speaker): string {
    const id = speaker.current;
    if (id === undefined) return "not yet";
    const { ppid, stream, bytes } = this.ledger.draw(this.#random);
    const result = speaker.host.endpoint.send(this.network.now, id, stream, ppid, bytes);
    // Once it is closing nothing more is taken.
    if (result === "no-association" && speaker.course(id).ending !== undefined) speaker.left = 0;
    if (result === "queued") {
      speaker.left -= 1;
      this.ledger.sent(speaker.course(id).session, stream, bytes);
    } else assert.ok(result === "full" || result === "no-association", result);
    return result;
  }

  #plan(incident: Incident): void {
    const { lostAfterMillis } = this.#pair()[0].host;
    const short = this.#random.below(0.4 * lostAfterMillis);
    const long = 1.5 * lostAfterMillis + this.#random.below(8_000);
    if (incident === "parted") this.#sometime(() => this.#part(short));
    else if (incident === "parted for long") this.#sometime(() => this.#part(long));
    else if (incident === "frozen") this.#sometime(() => this.#freeze(short));
    else if (incident === "frozen for long") this.#sometime(() => this.#freeze(long));
    else if (incident === "moved") this.#sometime(() => this.#move());
    else if (incident === "connected anew") this.#sometime(() => this.#connectAnew());
    else if (incident === "aborted") this.#sometime(() => this.#abort());
    else if (incident === "restarted") this.#sometime(() => this.#restart());
  }

  #part(millis: number): void {
    const [one, two] = this.#pair();
    const ways = this.#random.below(3);
    if (ways !== 0) this.network.part(one.host, two.host);
    if (ways !== 1) this.network.part(two.host, one.host);
    this.network.at(this.network.now + millis, () => this.network.heal());
  }

  #freeze(millis: number): void {
    const who = this.#random.below(3);
    for (const [index, { host }] of this.#pair().entries()) {
      if (who === index) continue;
      host.frozen = true;
      this.network.at(this.network.now + millis, () => {
        host.frozen = false;
      });
    }
  }

  #move(): void {
    const { host, side } = this.#random.pick(this.#pair());
    this.network.move(host, `10.0.${7 + side}.${1 + this.#random.below(200)}`);
  }

  /** As a client does that has given up waiting: the association that is there is aborted, and another begins. */
  #connectAnew(): void {
    const [client, server] = this.#pair();
    this.#call(client, () => {
      for (const id of client.alive()) {
        const isSame = client.host.endpoint.status(id)?.path.address === server.host.address;
        // One with an address that the peer has left is not replaced by itself.
        if (!isSame) client.host.endpoint.abort(this.network.now, id, "moved away");
        client.course(id).ending ??= "aborted by us";
      }
      client.full = false;
      client.current = client.host.endpoint.connect(this.network.now, this.network.path(server.host), 10_001);
      client.course(client.current);
    });
  }

  #abort(): void {
    const speaker = this.#random.pick(this.#pair());
    const [id] = speaker.alive();
    if (id === undefined) return;
    this.#call(speaker, () => {
      speaker.host.endpoint.abort(this.network.now, id, "enough");
      speaker.course(id).ending ??= "aborted by us";
      speaker.full = false;
    });
  }

  /** The process is killed, and another takes its address; it connects, or waits to be spoken to. */
  #restart(): void {
    const [one, two] = this.#random.oneIn(2) ? this.#pair() : this.#pair().reverse();
    assert.ok(one !== undefined && two !== undefined);
    one.gone = true;
    const reborn = this.#join(one.side, one.host.address, this.#random.below(20));
    const after = this.network.now + this.#random.below(500);
    if (this.#random.below(3) > 0) this.network.at(after, () => this.#connect(reborn, two));
    this.network.at(after, () => this.#speak(reborn));
  }

  /** From one side, or from both at nearly the same time; perhaps with messages on the way, perhaps before it is up. */
  #planClose(): void {
    const who = this.#random.below(3);
    const when = this.#random.below(STAGE_MILLIS);
    for (const [index, speaker] of this.#pair().entries()) {
      if (who === index) continue;
      this.network.at(this.#begun + when + this.#random.below(20), () => {
        const id = speaker.current;
        if (id !== undefined) this.#call(speaker, () => speaker.host.endpoint.close(this.network.now, id));
      });
    }
  }

  /** Both have the association, or neither has. */
  #assertAgreed(): void {
    const [one, two] = this.#pair();
    assert.equal(one.alive().length, two.alive().length, `one end is left\n${this.describe()}`);
    assert.ok(one.alive().length <= 1, `two associations with one peer\n${this.describe()}`);
    for (const { name, full, host, current = 0 } of [one, two]) {
      const isEmpty = host.endpoint.status(current)?.queuedBytes === 0;
      assert.ok(!(full && isEmpty), `${name} was not told that it may go on\n${this.describe()}`);
    }
  }

  #assertOver(): void {
    assert.ok(this.network.isQuiet(), `a timer is left\n${this.describe()}`);
    for (const speaker of this.#speakers) {
      if (speaker.gone) continue;
      for (const [id, course] of speaker.courses) {
        assert.equal(speaker.host.endpoint.status(id), undefined, `${speaker.name} has one left`);
        assert.ok(course.ending !== undefined, `${speaker.name}: no end was told\n${this.describe()}`);
        if (this.#isCalm && course.ending !== "closed") this.surprise = this.describe();
      }
    }
  }

  describe(): string {
    const told = this.#speakers.map(({ name, courses }) => {
      const each = [...courses].map(([id, { up, restarts, ending, detail }]) =>
        [`#${id}`, up ? "up" : "", restarts > 0 ? `restarted ${restarts}` : "", ending, detail].join(" "),
      );
      return `${name}: ${each.join("; ")}`;
    });
    const { delivered, count } = this.ledger;
    return [`${this.incidents.join(" and ")}, ${delivered} of ${count} messages`, ...told].join("\n");
  }
}

function drawConditions(random: SeededRandom): Conditions {
  const least = random.pick([0.1, 1, 20]);
  return {
    loss: random.pick([0, 0.02, 0.1, 0.15]),
    duplication: random.pick([0, 0.05, 0.2]),
    delay: [least, least + random.pick([0, 5, 50])],
  };
}
