import assert from "node:assert/strict";
import type { AssociationId, SctpEvent } from "../../src/sctp/index.ts";
import { Course, type Courses, type Ledger } from "./ledger.ts";
import type { Host } from "./pair.ts";

/** One side: a process with an endpoint, that sends what it has to say as fast as it may. */
export class Speaker {
  readonly host: Host;
  readonly courses: Courses = new Map();
  readonly name: string;
  /** Which of the two it is. */
  readonly side: number;
  current: AssociationId | undefined;
  left: number;
  gone = false;
  /** The endpoint has said "full" and not yet "writable". */
  full = false;
  /** Called when it is worth another try. */
  onWritable: () => void = () => {};
  readonly #ledger: Ledger;

  constructor(side: number, name: string, host: Host, ledger: Ledger, messages: number) {
    this.side = side;
    this.name = name;
    this.host = host;
    this.left = messages;
    this.#ledger = ledger;
    host.onEvent = (event) => this.#take(event);
  }

  course(id: AssociationId): Course {
    let course = this.courses.get(id);
    if (course === undefined) {
      course = new Course(this.name, this.#ledger);
      this.courses.set(id, course);
    }
    return course;
  }

  #take(event: SctpEvent): void {
    assert.ok(!this.gone, `${this.name}: ${event.type} from a dead process`);
    this.course(event.id).take(event);
    if (event.type === "up") this.current = event.id;
    if (event.type === "writable") assert.ok(this.full, `${this.name}: writable though it was not full`);
    // What was queued is forgotten with the peer's restart, and with the association.
    if (["writable", "restarted", "lost", "closed"].includes(event.type)) {
      const wasFull = this.full;
      this.full = false;
      if (wasFull) this.onWritable();
    }
  }

  /** Associations that its endpoint still has. */
  alive(): AssociationId[] {
    return [...this.courses.keys()].filter((id) => this.host.endpoint.status(id) !== undefined);
  }
}
