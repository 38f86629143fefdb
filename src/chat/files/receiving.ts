import type { Millis } from "../../base/clock.ts";
import type { FileCancellation, FileMessage, FileRefusal } from "../../wire/mp2-files.ts";
import type { FileHost } from "./host.ts";
import { KeptTransfer, type Shown } from "./kept-transfer.ts";
import { Meter } from "./meter.ts";
import type { FileEnd, FileEvent, IncomingStream } from "./requests.ts";
import type { Transfer, TransferRecord, TransferState, TransferWhy } from "./transfer.ts";

/**
 * One file of theirs, from its offer to its end. What is there is counted on disk, never in the archive, so that a kill
 * between the two cannot make them differ.
 *
 *     asking ──accept──> preparing ──> ready ──connection──> running ──> over (done)
 *        ^ cannot be ────────┘  ^                               │
 *                               └── broken, or offered again ───┘
 *
 * "resting" is accepted as the archive has it, before the sender has come back. "paused" is left to "preparing". All
 * transitions are here.
 */
type State =
  | { readonly type: "asking"; readonly why: TransferWhy | undefined }
  | { readonly type: "resting" }
  | { readonly type: "preparing" }
  | { readonly type: "ready"; readonly offset: number }
  | { readonly type: "running"; readonly meter: Meter; readonly from: number }
  | { readonly type: "paused"; readonly why: "here" | "disk-full" | "storage" }
  | {
      readonly type: "over";
      readonly how: "done" | "refused" | "failed" | "cancelled";
      readonly why: TransferWhy | undefined;
    };

export class Receiving {
  readonly #host: FileHost;
  readonly #kept: KeptTransfer;
  #state: State;
  #isUntold = false;
  /** The sender says so. */
  #isPausedThere = false;
  /** It is there, and the archive does not know yet. */
  #isStoring = false;

  constructor(host: FileHost, record: TransferRecord) {
    this.#host = host;
    this.#kept = new KeptTransfer(host, record, () => this.#shown);
    this.#state = stateOf(record);
  }

  get record(): TransferRecord {
    return this.#kept.record;
  }

  get isOver(): boolean {
    return this.#state.type === "over";
  }

  get isAsking(): boolean {
    return this.#state.type === "asking";
  }

  get isRunning(): boolean {
    return this.#state.type === "running";
  }

  get isUntold(): boolean {
    return this.#isUntold;
  }

  /** Its bytes may come. */
  get isReady(): boolean {
    return this.#state.type === "ready";
  }

  get transfer(): Transfer {
    return this.#kept.transfer;
  }

  /** Says what is to be said, if a link is up; else one is wanted. */
  speak(now: Millis): void {
    if (!this.#isUntold) return;
    this.#isUntold = !this.#host.say(now, this.record.fingerprint, this.#message());
  }

  said(now: Millis, message: FileMessage): void {
    switch (message.type) {
      case "fileOffer":
        this.#offeredAgain(now);
        return;
      case "filePause":
        if (this.#state.type === "over" || this.#isPausedThere) return;
        this.#isPausedThere = true;
        this.#kept.tell("paused");
        return;
      case "fileCancel":
        if (this.#state.type !== "over") this.#cancelledThere(now, message.reason);
        return;
      default:
    }
  }

  /** Its connection has come; undefined: it may not. */
  arrive(now: Millis, offset: number): IncomingStream | undefined {
    if (this.#state.type !== "ready" || this.#state.offset !== offset) return undefined;
    const wasPaused = this.#isPausedThere;
    this.#isPausedThere = false;
    this.#isUntold = false;
    this.#state = { type: "running", meter: new Meter(now, offset), from: offset };
    this.#kept.tell(wasPaused ? "resumed" : "started");
    const { path: folder, name, size } = this.record;
    return { folder, name, size, offset };
  }

  handle(now: Millis, event: FileEvent): void {
    const { type } = this.#state;
    if (event.type === "prepared" && type === "preparing") this.#prepared(now, event);
    else if (event.type === "progress" && this.#state.type === "running") {
      this.#kept.bytes = event.bytes;
      this.#state.meter.passed(now, event.bytes);
      this.#kept.tell("progress");
    } else if (event.type === "saved" && (type === "running" || type === "preparing"))
      this.#saved(now, event.path);
    else if (event.type === "ended" && (type === "running" || type === "preparing"))
      this.#ended(now, event.how);
  }

  accept(): boolean {
    if (this.#state.type !== "asking") return false;
    this.#prepare(false);
    return true;
  }

  refuse(now: Millis): boolean {
    if (this.#state.type === "over") return false;
    const isNew = this.#state.type === "asking";
    this.#finish(now, isNew ? "refused" : "cancelled", isNew ? "declined" : "cancelled");
    return true;
  }

  pause(now: Millis): boolean {
    const { type } = this.#state;
    if (type === "over" || type === "asking" || type === "paused") return false;
    this.#pause(now, "here");
    return true;
  }

  resume(now: Millis): boolean {
    if (this.#state.type !== "paused") return false;
    this.#kept.save(now, "accepted", undefined);
    this.#prepare(false);
    this.#kept.tell("resumed");
    return true;
  }

  get #why(): TransferWhy | undefined {
    const state = this.#state;
    if (state.type === "asking" || state.type === "paused" || state.type === "over") return state.why;
    return this.#isPausedThere ? "there" : undefined;
  }

  get #shown(): Shown {
    const bytesPerSecond = this.#state.type === "running" ? this.#state.meter.bytesPerSecond : 0;
    return { state: this.#shownState, why: this.#why, bytesPerSecond };
  }

  get #shownState(): TransferState {
    const state = this.#state;
    if (state.type === "asking") return "offered";
    if (state.type === "over") return state.how;
    if (state.type === "running") return "running";
    return state.type === "paused" || this.#isPausedThere ? "paused" : "waiting";
  }

  #prepare(anew: boolean): void {
    const { id, path, name, size } = this.record;
    this.#state = { type: "preparing" };
    this.#host.ask({ type: "prepare", id, folder: path === "" ? undefined : path, name, size, anew });
  }

  #prepared(now: Millis, { folder, offset }: Extract<FileEvent, { type: "prepared" }>): void {
    this.#kept.bytes = offset;
    if (this.record.state === "accepted" && this.record.path === folder) {
      this.#ready(now, offset);
      return;
    }
    const isFirst = this.record.state === "offered";
    this.#kept.change({ path: folder });
    // Stored first: what the sender is told must be true after a kill.
    this.#kept.save(now, "accepted", undefined, (later) => {
      if (this.#state.type === "preparing") this.#ready(later, offset);
    });
    if (isFirst) this.#kept.tell("accepted");
  }

  #ready(now: Millis, offset: number): void {
    this.#state = { type: "ready", offset };
    this.#isUntold = true;
    this.speak(now);
  }

  /** Its sender has lost the answer, or the connection, or itself. */
  #offeredAgain(now: Millis): void {
    const wasPausedThere = this.#isPausedThere;
    this.#isPausedThere = false;
    if (this.#state.type === "resting") this.#prepare(false);
    if (wasPausedThere && this.#state.type !== "over" && this.#state.type !== "paused")
      this.#kept.tell("resumed");
    this.#isUntold = true;
    this.speak(now);
  }

  #cancelledThere(now: Millis, reason: FileCancellation): void {
    if (reason === "cancelled") this.#finish(now, "cancelled", "there");
    else this.#finish(now, "failed", CANCELLATIONS[reason]);
    this.#isUntold = false;
  }

  #saved(now: Millis, path: string): void {
    this.#kept.bytes = this.record.size;
    const folder = this.record.path;
    this.#state = { type: "over", how: "done", why: undefined };
    this.#kept.change({ path });
    this.#isStoring = true;
    this.#kept.save(now, "done", undefined, (later) => {
      this.#isStoring = false;
      // Now that it is known to be there, its part may go and its sender may forget it.
      this.#host.ask({ type: "discard", id: this.record.id, folder });
      this.#isUntold = true;
      this.speak(later);
      this.#kept.tell("done");
    });
  }

  #ended(now: Millis, how: FileEnd): void {
    const state = this.#state;
    if (how === "corrupt") {
      // What was there before may be damaged, by a power cut for example: once more, from the beginning.
      if (state.type === "running" && state.from > 0) this.#prepare(true);
      else this.#finish(now, "failed", "corrupt");
    } else if (how === "disk-full" || how === "storage") {
      if (this.record.state === "offered") {
        this.#state = { type: "asking", why: how };
        this.#kept.tell("not-accepted");
      } else this.#pause(now, how);
    } else {
      this.#prepare(false);
      this.#kept.tell("interrupted");
    }
  }

  #pause(now: Millis, why: "here" | "disk-full" | "storage"): void {
    this.#stop();
    this.#state = { type: "paused", why };
    this.#kept.save(now, "paused", why);
    this.#kept.tell("paused");
    this.#isUntold = true;
    this.speak(now);
  }

  #finish(now: Millis, how: "refused" | "failed" | "cancelled", why: TransferWhy | undefined): void {
    this.#stop();
    const { id, path: folder } = this.record;
    if (folder !== "") this.#host.ask({ type: "discard", id, folder });
    this.#state = { type: "over", how, why };
    this.#kept.save(now, how, why);
    this.#kept.tell(how);
    this.#isUntold = true;
    this.speak(now);
  }

  #stop(): void {
    const { type } = this.#state;
    if (type === "running" || type === "preparing") this.#host.ask({ type: "stop", id: this.record.id });
  }

  #message(): FileMessage {
    const { id } = this.record;
    const state = this.#state;
    if (state.type === "ready") return { type: "fileAccept", id, offset: state.offset };
    if (state.type === "paused") return { type: "filePause", id };
    if (state.type !== "over" || this.#isStoring) return { type: "filePending", id };
    if (state.how === "done") return { type: "fileDone", id };
    return { type: "fileRefuse", id, reason: REFUSALS[state.why ?? "other"] ?? "other" };
  }
}

function stateOf({ state, why }: TransferRecord): State {
  switch (state) {
    case "offered":
      return { type: "asking", why: undefined };
    case "accepted":
      return { type: "resting" };
    case "paused":
      return { type: "paused", why: why === "disk-full" || why === "storage" ? why : "here" };
    default:
      return { type: "over", how: state, why };
  }
}

const REFUSALS: Readonly<Partial<Record<TransferWhy, FileRefusal>>> = {
  declined: "declined",
  cancelled: "declined",
  "too-many": "busy",
  corrupt: "corrupt",
  storage: "storage",
};

const CANCELLATIONS: Readonly<Record<FileCancellation, TransferWhy>> = {
  cancelled: "there",
  changed: "changed",
  unreadable: "unreadable",
  unknown: "unknown",
  other: "other",
};
