import type { Millis } from "../base/clock.ts";
import { Deadlines } from "../base/deadlines.ts";
import { TokenBucket } from "../base/tokens.ts";
import {
  type AckState,
  CHAT,
  CHAT_FRAME_BYTES,
  type CloseReason,
  type Greeting,
  MAX_ACK_IDS,
  type Msg,
} from "../wire/mp2-chat.ts";
import type { FileMessage } from "../wire/mp2-files.ts";
import { encodeFrame, FrameReader } from "../wire/mp2-frames.ts";
import type { Capability, MessageId, Notice } from "../wire/mp2-values.ts";
import type { Nickname } from "../wire/nickname.ts";
import { LINK_TIMES, LINK_WINDOW, TYPING_RATE } from "./link-limits.ts";

/** What we can do. */
const CAPABILITIES: ReadonlySet<Capability> = new Set(["rooms", "files"]);

/**
 * One TLS connection of chat, from its handshake to its end. docs/protocol-mp2.md, "Chat".
 *
 *     greeting ── both have greeted, both are accepted ──> up ── close, silence, fault ──> over
 *         └───────── close, no greeting in time, anything else than a greeting ─────────────^
 *
 * Who dialled greets at once. Who was called greets when it accepts the other, and only then does either send more: so
 * nothing is sent to somebody who will not have it, and nothing has to be kept for somebody who is not known yet.
 */

export type LinkEnd =
  /** It said why. */
  | { readonly by: "peer"; readonly reason: CloseReason }
  /** We did. */
  | { readonly by: "us"; readonly reason: CloseReason }
  /** It did not greet, or did not answer, in time. */
  | { readonly by: "silence" }
  /** The connection ended or broke without a word. */
  | { readonly by: "network" };

export type LinkOutput =
  | { readonly type: "send"; readonly bytes: Uint8Array }
  /** Nothing more from us; what was sent shall still go out. */
  | { readonly type: "end" }
  /** At once: nobody is there to read. */
  | { readonly type: "destroy" }
  /** Who it says it is: to be judged, then {@link Mp2Link.accept} or {@link Mp2Link.close}. */
  | { readonly type: "greeted"; readonly nick: Nickname }
  /** To be answered by {@link Mp2Link.acknowledge}. */
  | { readonly type: "msg"; readonly message: Msg }
  | { readonly type: "ack"; readonly ids: readonly MessageId[]; readonly state: AckState }
  | { readonly type: "typing"; readonly active: boolean }
  | { readonly type: "file"; readonly message: FileMessage }
  /** The last; after it the link does nothing. */
  | { readonly type: "over"; readonly end: LinkEnd };

type State =
  | { readonly type: "greeting"; readonly heard: boolean }
  | { readonly type: "up" }
  | { readonly type: "over" };

type DeadlineName = "greeting" | "ping" | "dead" | "typing";

/** Calls `emit` from within its own calls only. */
export class Mp2Link {
  readonly #nick: () => Nickname;
  readonly #emit: (output: LinkOutput) => void;
  readonly #isDialled: boolean;
  readonly #reader = new FrameReader(CHAT_FRAME_BYTES);
  readonly #deadlines = new Deadlines<"link", DeadlineName>();
  readonly #typingRate: TokenBucket;
  #state: State = { type: "greeting", heard: false };
  /** Of the other side, by its greeting. */
  #capabilities: ReadonlySet<Capability> = new Set();
  /** Sent and not acknowledged. */
  readonly #unacknowledged = new Set<MessageId>();
  #tokens = 0;
  #isTyping = false;

  /** `dialled`: by us. */
  constructor(options: {
    readonly now: Millis;
    readonly dialled: boolean;
    readonly nick: () => Nickname;
    readonly emit: (output: LinkOutput) => void;
  }) {
    this.#nick = options.nick;
    this.#emit = options.emit;
    this.#isDialled = options.dialled;
    this.#typingRate = new TokenBucket(TYPING_RATE, options.now);
    this.#deadlines.set("link", "greeting", options.now + LINK_TIMES.greeting);
    if (options.dialled) this.#greet();
  }

  get isUp(): boolean {
    return this.#state.type === "up";
  }

  get takesFiles(): boolean {
    return this.#capabilities.has("files");
  }

  get isOver(): boolean {
    return this.#state.type === "over";
  }

  /** Bytes of a frame that is not complete yet. */
  get pending(): number {
    return this.#reader.pending;
  }

  /** How many more messages may be sent now. */
  get room(): number {
    return this.#state.type === "up" ? LINK_WINDOW - this.#unacknowledged.size : 0;
  }

  nextDeadline(): Millis | undefined {
    return this.#deadlines.next();
  }

  /** The other side is who it should be. */
  accept(now: Millis): void {
    const state = this.#state;
    if (state.type !== "greeting" || !state.heard) return;
    if (!this.#isDialled) this.#greet();
    this.#state = { type: "up" };
    this.#deadlines.clear("link", "greeting");
    this.#watch(now);
  }

  /** Within {@link Mp2Link.room}; acknowledged, or to be sent again on another link. */
  send(now: Millis, message: Msg): void {
    if (this.#state.type !== "up") return;
    this.#unacknowledged.add(message.id);
    if (this.#unacknowledged.size === 1) this.#watch(now);
    this.#frame(message);
  }

  /** Tells what became of messages. */
  acknowledge(ids: readonly MessageId[], state: AckState): void {
    if (this.#state.type === "up") this.#acks(ids, state);
  }

  typing(active: boolean): void {
    if (this.#state.type === "up") this.#frame({ type: "typing", active });
  }

  /** Only to those who take files. */
  file(message: FileMessage): void {
    if (this.#state.type === "up" && this.takesFiles) this.#frame(message);
  }

  /** Asks for a sign of life now, as if an answer were owed. */
  probe(now: Millis): void {
    if (this.#state.type === "up" && this.#deadlines.at("link", "dead") === undefined) this.#ping(now);
  }

  /** Says why, and ends. */
  close(reason: CloseReason, text?: Notice): void {
    if (this.#state.type === "over") return;
    this.#frame({ type: "close", reason, ...(text === undefined ? {} : { text }) });
    this.#emit({ type: "end" });
    this.#over({ by: "us", reason });
  }

  /** Returns how many frames became complete. */
  received(now: Millis, bytes: Uint8Array): number {
    if (this.#state.type === "over") return 0;
    const { frames, fault } = this.#reader.push(bytes);
    if (frames.length > 0) this.#alive(now);
    for (const frame of frames) {
      this.#frameCame(now, frame);
      if (this.isOver) return frames.length;
    }
    if (fault !== undefined) this.close("protocol");
    return frames.length;
  }

  /** The other side sends nothing more, or the connection is closed. */
  ended(): void {
    if (this.#state.type === "over") return;
    this.#emit({ type: "end" });
    this.#over({ by: "network" });
  }

  advance(now: Millis): void {
    for (let due = this.#deadlines.due(now); due !== undefined; due = this.#deadlines.due(now)) {
      if (due.name === "typing") this.#showTyping(false);
      else if (due.name === "ping") this.#ping(now);
      // Whatever came while we were stopped is still to be read.
      else if (due.name === "dead" && now - due.at > LINK_TIMES.stall) this.#ping(now);
      else {
        this.#emit({ type: "destroy" });
        this.#over({ by: "silence" });
      }
    }
  }

  #frameCame(now: Millis, frame: Uint8Array): void {
    const decoded = CHAT.decode(frame);
    const state = this.#state;
    if (!decoded.ok) this.close("protocol");
    else if (decoded.value.type === "close") {
      this.#emit({ type: "end" });
      this.#over({ by: "peer", reason: decoded.value.reason });
    } else if (decoded.value.type === "greeting") this.#greeted(decoded.value);
    else if (state.type === "up") this.#said(now, decoded.value);
    else this.close("protocol");
  }

  #greeted({ nick, capabilities }: Greeting): void {
    const state = this.#state;
    if (state.type !== "greeting" || state.heard) {
      this.close("protocol");
      return;
    }
    this.#state = { type: "greeting", heard: true };
    this.#capabilities = capabilities;
    this.#emit({ type: "greeted", nick });
  }

  #said(now: Millis, value: Exclude<ChatFrame, { type: "greeting" | "close" }>): void {
    switch (value.type) {
      case "msg":
        this.#emit({ type: "msg", message: value });
        return;
      case "ack":
        for (const id of value.ids) this.#unacknowledged.delete(id);
        this.#emit({ type: "ack", ids: value.ids, state: value.state });
        this.#watch(now);
        return;
      case "typing":
        this.#typingCame(now, value.active);
        return;
      case "ping":
        this.#frame({ type: "pong", token: value.token });
        return;
      case "pong":
        return;
      default:
        this.#emit({ type: "file", message: value });
    }
  }

  #typingCame(now: Millis, active: boolean): void {
    if (active) this.#deadlines.set("link", "typing", now + LINK_TIMES.typing);
    if (active !== this.#isTyping && this.#typingRate.take(now)) this.#showTyping(active);
  }

  #showTyping(active: boolean): void {
    if (!active) this.#deadlines.clear("link", "typing");
    if (active === this.#isTyping) return;
    this.#isTyping = active;
    this.#emit({ type: "typing", active });
  }

  /** Something came: it lives. */
  #alive(now: Millis): void {
    this.#deadlines.clear("link", "dead");
    if (this.#state.type === "up") this.#watch(now);
  }

  #watch(now: Millis): void {
    if (this.#state.type !== "up" || this.#deadlines.at("link", "dead") !== undefined) return;
    const isOwing = this.#unacknowledged.size > 0;
    this.#deadlines.set("link", "ping", now + (isOwing ? LINK_TIMES.silence : LINK_TIMES.idlePing));
  }

  #ping(now: Millis): void {
    this.#tokens = (this.#tokens + 1) % 2 ** 32;
    this.#deadlines.clear("link", "ping");
    this.#deadlines.set("link", "dead", now + LINK_TIMES.pong);
    this.#frame({ type: "ping", token: this.#tokens });
  }

  #greet(): void {
    this.#frame({ type: "greeting", nick: this.#nick(), capabilities: CAPABILITIES });
  }

  #acks(ids: readonly MessageId[], state: AckState): void {
    for (let at = 0; at < ids.length; at += MAX_ACK_IDS) {
      this.#frame({ type: "ack", ids: ids.slice(at, at + MAX_ACK_IDS), state });
    }
  }

  #frame(value: ChatFrame): void {
    this.#emit({ type: "send", bytes: encodeFrame(CHAT.encode(value)) });
  }

  #over(end: LinkEnd): void {
    this.#showTyping(false);
    this.#state = { type: "over" };
    this.#deadlines.clearAll("link");
    this.#emit({ type: "over", end });
  }
}

type ChatFrame = Parameters<typeof CHAT.encode>[0];
