import type { Millis, Random } from "../../src/base/clock.ts";
import type { ChatEvent, ChatOutput } from "../../src/chat/events.ts";
import type { FileRequest } from "../../src/chat/files/requests.ts";
import type { Pins } from "../../src/chat/pins.ts";
import type { ChatSettings } from "../../src/chat/settings.ts";
import { entry, Mp2Client, type Person, seeded } from "./mp2-client.ts";

interface End {
  readonly node: Mp2Client;
  readonly connection: number;
  /** Nothing arrives before what was sent before it. */
  arrivesAt: Millis;
  isClosed: boolean;
}

interface Wire {
  readonly ends: readonly [End, End];
  /** What is sent is lost without a word. */
  isDead: boolean;
}

interface Task {
  readonly at: Millis;
  readonly order: number;
  readonly run: () => void;
}

/** Several chat cores on one virtual clock, joined by connections that a test may delay, cut and freeze. */
export class ChatNet {
  readonly random: Random;
  readonly nodes: Mp2Client[];
  now: Millis = 0;
  /** Whether somebody may connect to somebody. */
  mayConnect: (from: Person, to: Person) => boolean = () => true;
  delay: () => Millis = () => 1;
  /** Called with each piece before it is sent. */
  onSend: (wire: Wire, bytes: Uint8Array) => void = () => undefined;
  /** What a core asks of its disk for files; dropped where a test has none. */
  onFile: (node: Mp2Client, request: FileRequest) => void = () => undefined;
  dials = 0;
  readonly wires: Wire[] = [];
  #tasks: Task[] = [];
  /** Dials that were given up. */
  readonly #cancelled = new Set<string>();
  #order = 0;
  #restarts = 0;
  #accepted = 0;

  /** All are online and have each other in their rosters. */
  constructor(people: readonly Person[], seed = 1) {
    this.random = seeded(seed);
    this.nodes = people.map((person, index) => {
      const others = people.filter((other) => other !== person).map((other) => entry(other));
      return new Mp2Client({ person, random: seeded(seed * 31 + index) }).online(...others);
    });
    for (const node of this.nodes) node.now = 0;
  }

  node(person: Person): Mp2Client {
    const found = this.nodes.find((node) => node.person === person);
    if (found === undefined) throw new Error(person.nick);
    return found;
  }

  /** Connections that both sides hold open. */
  get open(): readonly Wire[] {
    return this.wires.filter(({ ends }) => ends.every(({ isClosed }) => !isClosed));
  }

  pass(time: Millis): void {
    const end = this.now + time;
    for (;;) {
      this.#pump();
      const task = this.#tasks.reduce<Task | undefined>(
        (first, other) => (first === undefined || isBefore(other, first) ? other : first),
        undefined,
      );
      const deadlines = this.nodes.map((node) => node.client.nextDeadline() ?? Infinity);
      const next = Math.min(task?.at ?? Infinity, ...deadlines);
      if (next > end) break;
      this.#moveTo(Math.max(this.now, next));
      if (task !== undefined && task.at <= this.now) {
        this.#tasks.splice(this.#tasks.indexOf(task), 1);
        task.run();
      } else for (const node of this.nodes) node.client.advance(this.now);
    }
    this.#moveTo(end);
  }

  /** The connection breaks: what is under way is lost, both sides hear of it. */
  cut(wire: Wire): void {
    if (wire.isDead) return;
    wire.isDead = true;
    for (const end of wire.ends) this.#close(end);
  }

  /** Nothing gets through any more, and nobody is told. */
  freeze(wire: Wire): void {
    wire.isDead = true;
  }

  /** Its process is killed, and another one goes on with the archive; the roster stays as it was. */
  restart(person: Person): Mp2Client {
    const former = this.node(person);
    for (const wire of this.wires)
      for (const end of wire.ends) {
        if (end.node !== former || end.isClosed) continue;
        end.isClosed = true;
        const [, other] = sides(wire, former, end.connection);
        this.#carry(wire, other, () => this.#close(other));
      }
    return this.replace(person, {}, former.pins);
  }

  /** It goes on with other settings. */
  replace(person: Person, settings: Partial<ChatSettings>, pins: Pins): Mp2Client {
    const former = this.node(person);
    this.#restarts += 1;
    const random = seeded(this.#restarts * 7_919);
    const node = new Mp2Client({ person, random, archive: former.archive, pins, ...settings });
    node.now = this.now;
    node.accepted = 1_000_000 * this.#restarts;
    this.nodes[this.nodes.indexOf(former)] = node;
    node.client.start(this.now);
    node.pass(0);
    const others = this.nodes.filter((other) => other !== node);
    node.joinRegistry([entry(person), ...others.map((other) => entry(other.person))]);
    return node;
  }

  later(after: Millis, run: () => void): void {
    this.#order += 1;
    this.#tasks.push({ at: this.now + after, order: this.#order, run });
  }

  #moveTo(now: Millis): void {
    this.now = now;
    for (const node of this.nodes) node.now = now;
  }

  #pump(): void {
    for (const node of this.nodes) {
      const outputs = node.drain();
      for (const out of outputs.filter(isNetwork)) this.#perform(node, out);
      const requests = outputs.flatMap((out) => (out.type === "file" ? [out.request] : []));
      node.keepOnly((out) => !isNetwork(out) && out.type !== "file");
      for (const request of requests) this.onFile(node, request);
    }
  }

  #perform(node: Mp2Client, out: NetworkOutput): void {
    if (out.type === "tls-dial") {
      this.#dial(node, out);
      return;
    }
    const wire = this.wires.find(({ ends }) => ends.some((end) => isOf(end, node, out.connection)));
    const [own, other] = wire === undefined ? [] : sides(wire, node, out.connection);
    if (wire === undefined && out.type === "tls-destroy")
      this.#cancelled.add(`${node.person.nick} ${out.connection}`);
    if (wire === undefined || own === undefined || other === undefined || own.isClosed) return;
    if (out.type === "tls-send") {
      this.onSend(wire, out.bytes);
      this.#carry(wire, other, () => other.node.client.received(this.now, other.connection, out.bytes));
    } else if (out.type === "tls-end") {
      // As a TLS channel does when the other side does not end in its turn.
      this.later(5_000, () => this.#close(own));
      this.#carry(wire, other, () => {
        this.#tell(other, { type: "tls-ended", connection: other.connection });
        this.#close(own);
        this.#close(other);
      });
    } else {
      own.isClosed = true;
      this.#carry(wire, other, () => this.#close(other));
    }
  }

  #dial(node: Mp2Client, dial: Extract<ChatOutput, { type: "tls-dial" }>): void {
    this.dials += 1;
    const target = this.nodes.find(({ person }) => person.address === dial.address);
    const { connection } = dial;
    const isPossible = target !== undefined && this.mayConnect(node.person, target.person);
    this.later(this.delay(), () => {
      if (this.#cancelled.has(`${node.person.nick} ${connection}`)) return;
      if (target === undefined || !isPossible || target.person.key !== dial.fingerprint) {
        const failure = isPossible ? "tls" : "timeout";
        node.handle({ type: "tls-failed", connection, failure, code: "TEST" });
        return;
      }
      this.#accepted += 1;
      const ends: [End, End] = [
        { node, connection, arrivesAt: 0, isClosed: false },
        { node: target, connection: this.#accepted, arrivesAt: 0, isClosed: false },
      ];
      const wire: Wire = { ends, isDead: false };
      this.wires.push(wire);
      this.#opened(ends[0], "ours", target.person);
      this.#carry(wire, ends[1], () => this.#opened(ends[1], "theirs", node.person));
    });
  }

  #opened({ node, connection }: End, initiative: "ours" | "theirs", peer: Person): void {
    const { address, key: fingerprint } = peer;
    const common = { address, port: 50_000, fingerprint, protocol: "mp2-chat" } as const;
    node.handle({ type: "tls-opened", connection, initiative, ...common });
  }

  #carry(wire: Wire, to: End, run: () => void): void {
    to.arrivesAt = Math.max(to.arrivesAt, this.now + this.delay());
    this.later(to.arrivesAt - this.now, () => {
      if (!wire.isDead && !to.isClosed) run();
    });
  }

  #close(end: End): void {
    if (end.isClosed) return;
    end.isClosed = true;
    this.#tell(end, { type: "tls-closed", connection: end.connection });
  }

  #tell({ node }: End, event: ChatEvent): void {
    node.handle(event);
  }
}

type NetworkOutput = Extract<ChatOutput, { type: "tls-dial" | "tls-send" | "tls-end" | "tls-destroy" }>;

function isNetwork(out: ChatOutput): out is NetworkOutput {
  return ["tls-dial", "tls-send", "tls-end", "tls-destroy"].includes(out.type);
}

function isBefore(left: Task, right: Task): boolean {
  return left.at < right.at || (left.at === right.at && left.order < right.order);
}

function isOf(end: End, node: Mp2Client, connection: number): boolean {
  return end.node === node && end.connection === connection;
}

function sides({ ends }: Wire, node: Mp2Client, connection: number): readonly [End, End] {
  return isOf(ends[0], node, connection) ? ends : [ends[1], ends[0]];
}
