import type { Millis } from "../../base/clock.ts";
import type { FileMessage, FileRefusal, OfferedName } from "../../wire/mp2-files.ts";
import type { Source } from "../events.ts";
import type { FileHost } from "./host.ts";
import { KeptTransfer, type Shown } from "./kept-transfer.ts";
import { Meter } from "./meter.ts";
import type { FileEnd, FileEvent } from "./requests.ts";
import type { Transfer, TransferRecord, TransferState, TransferWhy } from "./transfer.ts";

/** Between two attempts: doubled each time, with jitter, up to the last; begun anew when bytes have passed. */
const AGAIN_MILLIS = { first: 500, last: 30_000 } as const;
/** A receiver that has all of it may have to read a large part again before it knows; asking costs a frame. */
const CONFIRM_MILLIS: Millis = 5_000;

/**
 * One file of ours, from the command to its end. Who sends drives: it offers again after whatever broke, and the answer
 * says where to go on.
 *
 *     inspecting ─> offering ─> pending ─> accepted ─> running ─> sent ─> over (done)
 *                      ^           │           ^          │         │
 *                      └───────────┴─ the link │  broken  │         │ (asked again)
 *                      └────────────── after a while ─────┴─────────┘
 *
 * "paused" is reached from all but the first and the last, and left to "offering". All transitions are here.
 */
type State =
  | { readonly type: "inspecting" }
  | { readonly type: "offering" }
  /** The other side knows of it. */
  | { readonly type: "pending" }
  | { readonly type: "accepted"; readonly offset: number }
  | { readonly type: "running"; readonly meter: Meter }
  | { readonly type: "sent" }
  | { readonly type: "paused"; readonly by: "here" | "there" }
  | {
      readonly type: "over";
      readonly how: "done" | "refused" | "failed" | "cancelled";
      readonly why: TransferWhy | undefined;
    };

export class Sending {
  readonly #host: FileHost;
  readonly #kept: KeptTransfer;
  #state: State;
  /** What the state has to say was not said, or may not have come over. */
  #isUntold = false;
  #attempts = 0;

  /** With a record of the archive: as it was. */
  constructor(host: FileHost, record: TransferRecord, isNew: boolean) {
    this.#host = host;
    this.#kept = new KeptTransfer(host, record, () => this.#shown);
    this.#state = isNew ? { type: "inspecting" } : stateOf(record);
    this.#isUntold = this.#state.type === "offering";
    if (isNew) host.ask({ type: "inspect", id: record.id, path: record.path });
  }

  get record(): TransferRecord {
    return this.#kept.record;
  }

  get isOver(): boolean {
    return this.#state.type === "over";
  }

  get isRunning(): boolean {
    return this.#state.type === "running";
  }

  /** It could run. */
  get isAccepted(): boolean {
    return this.#state.type === "accepted";
  }

  /** There is something to say, for which a link is wanted. */
  get isUntold(): boolean {
    return this.#isUntold;
  }

  get transfer(): Transfer {
    return this.#kept.transfer;
  }

  linkUp(now: Millis): void {
    // What was said on an earlier link may be lost with it.
    if (this.#isWaiting || this.#state.type === "accepted") this.#isUntold = true;
    this.speak(now);
  }

  /** Says what is to be said, if a link is up; else one is wanted. */
  speak(now: Millis): void {
    if (!this.#isUntold) return;
    const message = this.#message();
    this.#isUntold = message !== undefined && !this.#host.say(now, this.record.fingerprint, message);
  }

  /** The link was lost: the answer may be lost with it. */
  linkDown(): void {
    if (this.#isWaiting) this.#isUntold = true;
  }

  said(now: Millis, message: FileMessage): void {
    if (this.#state.type === "over") {
      // It asks for a file that it will not get; "done" it need not be told.
      if (message.type === "fileAccept" && this.#state.how !== "done") this.#sayCancel(now);
      return;
    }
    switch (message.type) {
      case "filePending":
        if (this.#state.type === "offering") this.#state = { type: "pending" };
        return;
      case "fileAccept":
        this.#accepted(message.offset);
        return;
      case "fileRefuse":
        if (message.reason === "busy") this.#turnedAway(now);
        else
          this.#finish(now, message.reason === "declined" ? "refused" : "failed", REFUSALS[message.reason]);
        return;
      case "filePause":
        this.#pausedThere(now);
        return;
      case "fileDone":
        this.#kept.bytes = this.record.size;
        this.#finish(now, "done", undefined);
        return;
      default:
    }
  }

  /** A place to send to, and its turn. */
  run(now: Millis, { address, port }: Source): void {
    if (this.#state.type !== "accepted") return;
    const { offset } = this.#state;
    const { id, fingerprint, path, stamp, size } = this.record;
    this.#kept.bytes = offset;
    this.#state = { type: "running", meter: new Meter(now, offset) };
    this.#host.ask({ type: "stream", id, address, port, fingerprint, path, stamp, size, offset });
    this.#kept.tell("started");
  }

  handle(now: Millis, event: FileEvent): void {
    if (event.type === "inspected") this.#inspected(now, event);
    else if (event.type === "progress") this.#progress(now, event.bytes);
    else if (event.type === "ended") this.#ended(now, event.how);
  }

  due(now: Millis): void {
    const { type } = this.#state;
    if (type === "offering" || type === "sent") {
      this.#isUntold = true;
      this.speak(now);
      if (type === "sent") this.#confirmLater(now);
    }
  }

  pause(now: Millis): boolean {
    const { type } = this.#state;
    if (type === "over" || type === "inspecting" || type === "sent") return false;
    if (type === "paused" && this.#state.by === "here") return false;
    this.#stop();
    this.#state = { type: "paused", by: "here" };
    this.#kept.save(now, "paused", "here");
    this.#kept.tell("paused");
    this.#isUntold = true;
    this.speak(now);
    return true;
  }

  resume(now: Millis): boolean {
    if (this.#state.type !== "paused" || this.#state.by !== "here") return false;
    this.#kept.save(now, "offered", undefined);
    this.#offer(now);
    this.#kept.tell("resumed");
    return true;
  }

  cancel(now: Millis): boolean {
    if (this.#state.type === "over") return false;
    this.#finish(now, "cancelled", "cancelled");
    this.#isUntold = true;
    this.speak(now);
    return true;
  }

  /** Without a word to the other side: nobody is there who could be meant. */
  fail(now: Millis, why: TransferWhy): void {
    if (this.#state.type !== "over") this.#finish(now, "failed", why);
  }

  /** The next word is the other side's. */
  get #isWaiting(): boolean {
    const state = this.#state;
    if (state.type === "paused") return state.by === "there";
    return state.type === "offering" || state.type === "pending" || state.type === "sent";
  }

  get #shown(): Shown {
    const state = this.#state;
    const why = state.type === "paused" ? state.by : state.type === "over" ? state.why : undefined;
    const bytesPerSecond = state.type === "running" ? state.meter.bytesPerSecond : 0;
    return { state: this.#shownState, why, bytesPerSecond };
  }

  get #shownState(): TransferState {
    const state = this.#state;
    switch (state.type) {
      case "inspecting":
      case "offering":
      case "pending":
        return this.#kept.bytes > 0 ? "waiting" : "offered";
      case "accepted":
        return "waiting";
      case "sent":
        return "running";
      case "over":
        return state.how;
      default:
        return state.type;
    }
  }

  #inspected(now: Millis, event: Extract<FileEvent, { type: "inspected" }>): void {
    if (this.#state.type !== "inspecting") return;
    const { name, size, stamp } = event;
    this.#kept.change({ name, size, stamp });
    this.#state = { type: "offering" };
    this.#kept.save(now, this.record.state, this.record.why, (later) => {
      if (this.#state.type !== "offering") return;
      this.#isUntold = true;
      this.speak(later);
    });
    this.#kept.tell("offered");
  }

  #accepted(offset: number): void {
    const { type } = this.#state;
    if (type === "inspecting" || type === "running" || offset > this.record.size) return;
    if (type === "paused" && this.#state.by === "here") return;
    this.#host.deadlines.clearAll(this.record.id);
    this.#isUntold = false;
    this.#kept.bytes = offset;
    this.#state = { type: "accepted", offset };
    if (type === "offering" || type === "pending") this.#kept.tell("accepted");
    else if (type === "paused") this.#kept.tell("resumed");
  }

  #pausedThere(now: Millis): void {
    const { type } = this.#state;
    if (type === "inspecting" || type === "paused") return;
    this.#stop();
    this.#state = { type: "paused", by: "there" };
    this.#isUntold = false;
    this.#kept.save(now, "offered", undefined);
    this.#kept.tell("paused");
  }

  #progress(now: Millis, bytes: number): void {
    if (this.#state.type !== "running") return;
    this.#kept.bytes = bytes;
    this.#attempts = 0;
    this.#state.meter.passed(now, bytes);
    this.#kept.tell("progress");
  }

  #ended(now: Millis, how: FileEnd): void {
    const { type } = this.#state;
    if (type !== "running" && type !== "inspecting") return;
    if (how === "sent") {
      this.#state = { type: "sent" };
      this.#confirmLater(now);
    } else if (how === "broken") this.#againLater(now);
    else {
      this.#finish(now, "failed", how === "corrupt" || how === "disk-full" ? "other" : how);
      this.#isUntold = type === "running";
      this.speak(now);
    }
  }

  /** It has been offered too much: later. */
  #turnedAway(now: Millis): void {
    if (this.#state.type === "offering" || this.#state.type === "pending") this.#againLater(now);
  }

  #againLater(now: Millis): void {
    const pause = Math.min(AGAIN_MILLIS.first * 2 ** this.#attempts, AGAIN_MILLIS.last);
    this.#attempts += 1;
    this.#state = { type: "offering" };
    const jitter = 0.5 + this.#host.fraction() / 2;
    this.#host.deadlines.set(this.record.id, "again", now + pause * jitter);
    this.#kept.tell("interrupted");
  }

  #confirmLater(now: Millis): void {
    if (this.#state.type === "sent")
      this.#host.deadlines.set(this.record.id, "confirm", now + CONFIRM_MILLIS);
  }

  #offer(now: Millis): void {
    this.#state = { type: "offering" };
    this.#isUntold = true;
    this.speak(now);
  }

  #message(): FileMessage | undefined {
    const { id, name, size, time } = this.record;
    switch (this.#state.type) {
      case "offering":
      case "pending":
      case "accepted":
      case "sent":
        return { type: "fileOffer", id, name: name as OfferedName, size, time };
      case "paused":
        if (this.#state.by === "here") return { type: "filePause", id };
        return { type: "fileOffer", id, name: name as OfferedName, size, time };
      case "over":
        return { type: "fileCancel", id, reason: CANCELLATIONS[this.#state.why ?? "other"] ?? "other" };
      default:
        return undefined;
    }
  }

  #sayCancel(now: Millis): void {
    this.#isUntold = true;
    this.speak(now);
  }

  #finish(now: Millis, how: "done" | "refused" | "failed" | "cancelled", why: TransferWhy | undefined): void {
    const wasInspecting = this.#state.type === "inspecting";
    this.#stop();
    this.#state = { type: "over", how, why };
    this.#isUntold = false;
    const tell = (): void => this.#kept.tell(how);
    // What nobody has been offered is nothing to keep.
    if (wasInspecting) tell();
    else this.#kept.save(now, how, why, tell);
  }

  #stop(): void {
    this.#host.deadlines.clearAll(this.record.id);
    if (this.#state.type === "running") this.#host.ask({ type: "stop", id: this.record.id });
  }
}

function stateOf({ state, why }: TransferRecord): State {
  if (state === "done" || state === "refused" || state === "failed" || state === "cancelled")
    return { type: "over", how: state, why };
  return state === "paused" ? { type: "paused", by: "here" } : { type: "offering" };
}

const REFUSALS: Readonly<Record<FileRefusal, TransferWhy>> = {
  declined: "declined",
  busy: "too-many",
  corrupt: "corrupt",
  storage: "storage",
  other: "other",
};

const CANCELLATIONS: Readonly<
  Partial<Record<TransferWhy, Extract<FileMessage, { type: "fileCancel" }>["reason"]>>
> = {
  cancelled: "cancelled",
  changed: "changed",
  unreadable: "unreadable",
  "not-found": "unreadable",
  "not-a-file": "changed",
};
