import type { Millis, Random } from "../base/clock.ts";
import type { Deadlines } from "../base/deadlines.ts";
import { equalInConstantTime } from "../base/hash.ts";
import type {
  AssociationId,
  AssociationStatus,
  LostReason,
  Path,
  SctpEvent,
  SctpSettings,
  SendResult,
} from "./api.ts";
import {
  DATA_RETRANSMITS,
  INIT_RETRANSMITS,
  RECEIVE_WINDOW,
  REPORT_LIMIT,
  SACK_DELAY,
  SHUTDOWN_GUARD,
  SHUTDOWN_RETRANSMITS,
  STREAMS,
} from "./constants.ts";
import type { CookieContents } from "./cookie.ts";
import { describeCauses } from "./decode/causes.ts";
import type { Chunk, DataChunk, InitChunk, SackChunk } from "./decode/chunks.ts";
import {
  CAUSE,
  type Cause,
  type EncodedChunk,
  encodeAbort,
  encodeCookieAck,
  encodeCookieEcho,
  encodeError,
  encodeHeartbeat,
  encodeHeartbeatAck,
  encodeInit,
  encodePacket,
  encodeShutdown,
  encodeShutdownAck,
  encodeShutdownComplete,
} from "./encode.ts";
import { RoundTrip } from "./rto.ts";
import { Reception } from "./rx/reception.ts";
import { isSupervised, mayReceive, maySend, next, type State, type Transition } from "./state.ts";
import { Supervision } from "./supervision.ts";
import { Outbox } from "./tx/outbox.ts";
import { queuedCost } from "./tx/send-queue.ts";
import { Transmission } from "./tx/transmission.ts";

/** Every timer of an association. */
export type TimerName =
  /** T1-init and T1-cookie (§5.1): INIT or COOKIE ECHO again. */
  | "t1"
  /** T2-shutdown (§9.2): SHUTDOWN or SHUTDOWN ACK again. */
  | "t2"
  /** T3-rtx (§6.3): DATA again. */
  | "t3"
  /** T5-shutdown-guard (§9.2): closing has taken too long. */
  | "guard"
  /** A SACK was delayed (§6.2). */
  | "sack"
  /** Look after the peer: see Supervision. */
  | "look";

/** What the endpoint lends to its associations. */
export interface AssociationHost {
  readonly localPort: number;
  readonly random: Random;
  readonly timers: Deadlines<Association, TimerName>;
  readonly settings: SctpSettings;
  /** How long the endpoint has let time pass before `now` in which it did not run. */
  readonly stalled: Millis;
  transmit(path: Path, bytes: Uint8Array): void;
  emit(event: SctpEvent): void;
  count(name: string): void;
  /** The association is over: forget its tags and address. */
  forget(association: Association): void;
}

const HEARTBEAT_INFO = 16;
const NONCE_AT = 8;
const SACK_SIZE = 16;

/**
 * One association: takes the chunks of packets that the endpoint found to be its own, and its timers. After each
 * call from outside it has sent what may leave (`#finish`).
 */
export class Association {
  readonly id: AssociationId;
  path: Path;
  readonly remotePort: number;
  localTag: number;
  /** 0 until the peer has told it. */
  peerTag = 0;
  readonly #host: AssociationHost;
  readonly #outbox: Outbox;
  #state: State;
  #localTsn: number;
  #outboundStreams = STREAMS;
  #tx: Transmission;
  #rx: Reception | undefined;
  #roundTrip = new RoundTrip();
  #supervision: Supervision | undefined;
  readonly #nonce: Uint8Array;
  /** The user has closed; carried out when the state allows. */
  #closing = false;
  /** T3 expiries since the last SACK. */
  #unanswered = 0;

  /** An association that we begin: call `begin` next. Or one that a cookie proves: call `accept` next. */
  constructor(
    host: AssociationHost,
    id: AssociationId,
    path: Path,
    remotePort: number,
    tag: number,
    tsn: number,
  ) {
    this.#host = host;
    this.id = id;
    this.path = path;
    this.remotePort = remotePort;
    this.localTag = tag;
    this.#localTsn = tsn;
    this.#state = { name: "cookie-wait", sendings: 1 };
    this.#nonce = host.random.bytes(HEARTBEAT_INFO - NONCE_AT);
    this.#tx = new Transmission(tsn);
    this.#outbox = new Outbox((chunks) => this.#transmit(this.peerTag, chunks));
  }

  get localTsn(): number {
    return this.#localTsn;
  }

  get state(): State["name"] {
    return this.#state.name;
  }

  get isSettingUp(): boolean {
    return this.#state.name === "cookie-wait" || this.#state.name === "cookie-echoed";
  }

  status(): AssociationStatus {
    return {
      id: this.id,
      path: this.path,
      remotePort: this.remotePort,
      suspect: this.#supervision?.suspect ?? false,
      rttMillis: this.#roundTrip.smoothed,
      queuedBytes: this.#tx.queuedBytes,
    };
  }

  // Calls of the user.

  begin(now: Millis): void {
    this.#sendInit(now);
  }

  send(now: Millis, stream: number, ppid: number, bytes: Uint8Array): SendResult {
    const settings = this.#host.settings;
    if (this.#closing || !(maySend(this.#state) || this.isSettingUp)) return "no-association";
    if (this.#state.name === "shutdown-received") return "no-association";
    if (stream >= this.#outboundStreams) return "no-stream";
    if (bytes.length > settings.maxMessageBytes) return "too-large";
    // One message of any size always fits into an empty queue.
    const queued = this.#tx.queuedBytes;
    if (queued > 0 && queued + queuedCost(bytes) > settings.maxQueuedBytes) return "full";
    this.#tx.add(stream, ppid, bytes);
    this.#finish(now);
    return "queued";
  }

  close(now: Millis): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#closeIfAsked(now);
    this.#finish(now);
  }

  abort(text: string): void {
    this.#sendAbort({ code: CAUSE.userAbort, bytes: Buffer.from(text).subarray(0, REPORT_LIMIT) });
    this.#end();
  }

  probe(now: Millis): void {
    if (this.#supervision === undefined || !isSupervised(this.#state)) return;
    this.#supervision.ask(this.#running(now), this.#host.settings);
    this.#sendHeartbeat(now);
    this.#setLook();
    this.#finish(now);
  }

  /** New settings count from now. */
  reconsider(now: Millis): void {
    if (this.#supervision === undefined) return;
    this.#supervision.nextLook = this.#running(now);
    this.#setLook();
  }

  // What the endpoint found out.

  /** A COOKIE ECHO proved the peer (§5.1 D), or INITs collided (§5.2.4 B, D): up, if it was not. */
  accept(now: Millis, cookie: CookieContents, initiatedBy: "us" | "peer"): void {
    if (this.#state.name !== "cookie-wait" && this.#state.name !== "cookie-echoed") {
      this.#outbox.add(encodeCookieAck());
      return;
    }
    if (this.#rx === undefined || this.peerTag !== cookie.peerTag) this.#meet(peerOf(cookie));
    this.#step({ type: "cookie-echo" });
    this.#outbox.add(encodeCookieAck());
    this.#up(now, initiatedBy);
  }

  /** §5.2.4 A: the peer lost its state and came back with new tags. False when the state does not allow it. */
  restart(now: Millis, path: Path, cookie: CookieContents): boolean {
    if (this.#step({ type: "restart" }) === undefined) return false;
    this.#signOfLife(now);
    // The same peer, though it may now speak to another address of ours.
    this.path = path;
    this.#host.timers.clearAll(this);
    this.localTag = cookie.localTag;
    this.#localTsn = cookie.localTsn;
    this.#tx = new Transmission(cookie.localTsn);
    this.#roundTrip = new RoundTrip();
    this.#unanswered = 0;
    this.#meet(peerOf(cookie));
    this.#outbox.add(encodeCookieAck());
    this.#supervise(now);
    this.#host.emit({ type: "restarted", id: this.id });
    this.#closeIfAsked(now);
    return true;
  }

  /** §9.2 and §5.2.4 A: whoever sets up anew while we wait for SHUTDOWN COMPLETE is reminded of it. */
  remindOfShutdown(now: Millis, cause: Cause | undefined): void {
    this.#outbox.add(encodeShutdownAck());
    if (cause !== undefined) this.#outbox.add(encodeError(cause));
    this.#finish(now);
  }

  /** Chunks of a packet with our tag from our peer's address. */
  receive(now: Millis, chunks: readonly Chunk[]): void {
    let data = false;
    for (const chunk of chunks) {
      data ||= chunk.type === "data";
      const goOn = this.#take(now, chunk);
      if (this.#state.name === "closed") return;
      if (!goOn) break;
    }
    if (data) this.#acknowledgeData(now);
    this.#signOfLife(now);
    this.#finish(now);
  }

  expire(now: Millis, timer: TimerName): void {
    switch (timer) {
      case "t1":
        this.#sendSetUpAgain(now);
        break;
      case "t2":
        this.#sendShutdownAgain(now);
        break;
      case "t3":
        this.#sendDataAgain();
        break;
      case "guard":
        this.#lose("timeout", "closing took too long");
        break;
      case "sack":
        this.#addSack();
        break;
      case "look":
        this.#look(now);
        break;
    }
    if (this.#state.name !== "closed") this.#finish(now);
  }

  // Chunks. Each answers whether the rest of the packet is to be looked at.

  #take(now: Millis, chunk: Chunk): boolean {
    switch (chunk.type) {
      case "data":
        return this.#takeData(chunk);
      case "sack":
        return this.#takeSack(now, chunk);
      case "heartbeat":
        if (this.#state.name !== "cookie-wait") this.#outbox.add(encodeHeartbeatAck(chunk.info));
        return true;
      case "heartbeat-ack":
        this.#takeHeartbeatAck(now, chunk.info);
        return true;
      case "init-ack":
        return this.#takeInitAck(now, chunk);
      case "cookie-ack":
        if (this.#step({ type: "cookie-ack" }) !== undefined) this.#up(now, "us");
        return true;
      case "abort":
        this.#lost("aborted", describeCauses(chunk.causes) || "no reason given");
        return false;
      case "error":
        return this.#takeError(chunk.causes);
      case "shutdown":
        return this.#takeShutdown(now, chunk.cumulativeTsn);
      case "shutdown-ack":
        return this.#takeShutdownAck();
      case "shutdown-complete":
        if (this.#step({ type: "shutdown-complete" }) !== undefined) this.#closed();
        return true;
      case "unknown":
        return this.#takeUnknown(chunk.id, chunk.whole);
      case "init":
      case "cookie-echo":
        // Only as the first chunk of a packet, which the endpoint looks at (§6.10, §5.1 D).
        return false;
    }
  }

  #takeData(chunk: DataChunk): boolean {
    if (this.#rx === undefined || !mayReceive(this.#state)) return true;
    const outcome = this.#rx.data(chunk);
    if (outcome.type === "violation") {
      this.#violated(outcome.detail);
      return false;
    }
    if (outcome.type === "dropped") {
      this.#host.count("data-dropped");
      return true;
    }
    for (const message of outcome.messages) this.#host.emit({ type: "message", id: this.id, ...message });
    if (!outcome.exists) this.#outbox.add(encodeError(invalidStream(chunk.stream)));
    return true;
  }

  #acknowledgeData(now: Millis): void {
    if (this.#rx === undefined || !mayReceive(this.#state)) return;
    const urgent = this.#rx.packetEnds();
    if (this.#state.name === "shutdown-sent") {
      // §9.2: DATA that cross our SHUTDOWN are acknowledged at once, with SHUTDOWN again, and T2 starts anew.
      this.#step({ type: "data" });
      this.#addSack();
      this.#sendShutdown(now);
    } else if (urgent) this.#addSack();
    else if (this.#host.timers.at(this, "sack") === undefined) this.#set("sack", now + SACK_DELAY);
  }

  #takeSack(now: Millis, sack: SackChunk): boolean {
    if (!maySend(this.#state)) return true;
    const result = this.#tx.acknowledge(this.#running(now), sack);
    if (result.type === "violation") {
      this.#violated("SACK for data never sent");
      return false;
    }
    if (result.type === "old") return true;
    this.#unanswered = 0;
    if (result.roundTrip !== undefined) this.#roundTrip.measure(result.roundTrip);
    // §6.3.2 R2, R3.
    if (result.advanced) this.#host.timers.clear(this, "t3");
    return true;
  }

  #takeHeartbeatAck(now: Millis, info: Uint8Array): void {
    if (info.length !== HEARTBEAT_INFO || !equalInConstantTime(info.subarray(NONCE_AT), this.#nonce)) {
      this.#host.count("bad-heartbeat-ack");
      return;
    }
    const sentAt = new DataView(info.buffer, info.byteOffset, info.length).getFloat64(0);
    const roundTrip = this.#running(now) - sentAt;
    if (roundTrip >= 0 && roundTrip <= this.#host.settings.lostAfterMillis)
      this.#roundTrip.measure(roundTrip);
  }

  #takeInitAck(now: Millis, init: InitChunk): boolean {
    if (this.#state.name !== "cookie-wait") return true;
    if (
      init.tag === 0 ||
      init.outboundStreams === 0 ||
      init.inboundStreams === 0 ||
      init.cookie === undefined
    ) {
      this.peerTag = init.tag;
      this.#violated("INIT ACK lacks its tag, streams or cookie");
      return false;
    }
    this.#meet(init);
    const cookie = init.cookie.slice();
    this.#step({ type: "init-ack", cookie });
    this.#outbox.add(encodeCookieEcho(cookie));
    const [reported] = init.unrecognised;
    if (reported !== undefined) {
      this.#outbox.add(encodeError({ code: CAUSE.unrecognisedParameters, bytes: reported }));
    }
    this.#set("t1", now + this.#roundTrip.timeout);
    return true;
  }

  /** §5.2.6 (2): no second try from here; who wants one connects again. Other errors change nothing. */
  #takeError(causes: readonly Cause[]): boolean {
    const stale = causes.some((cause) => cause.code === CAUSE.staleCookie);
    if (!stale || this.#state.name !== "cookie-echoed") return true;
    this.#lost("unreachable", "the peer found our cookie stale");
    return false;
  }

  #takeShutdown(now: Millis, cumulativeTsn: number): boolean {
    if (this.#state.name === "shutdown-ack-sent") {
      this.#outbox.add(encodeShutdownAck());
      return true;
    }
    if (maySend(this.#state)) {
      // §9.2: it acknowledges as a SACK does; the window it does not tell is taken as open.
      const sack: SackChunk = { type: "sack", cumulativeTsn, window: RECEIVE_WINDOW, gaps: [] };
      if (!this.#takeSack(now, sack)) return false;
    }
    const state = this.#step({ type: "shutdown" });
    if (state?.name === "shutdown-ack-sent") this.#sendShutdownAck(now);
    if (state?.name === "shutdown-received") this.#set("guard", now + SHUTDOWN_GUARD);
    return true;
  }

  #takeShutdownAck(): boolean {
    if (this.#step({ type: "shutdown-ack" }) === undefined) return true;
    this.#outbox.flush();
    this.#transmit(this.peerTag, [encodeShutdownComplete(false)]);
    this.#closed();
    return false;
  }

  /** §3.2: the two highest bits say whether to go on with the packet, and whether to report. */
  #takeUnknown(id: number, whole: Uint8Array): boolean {
    this.#host.count("unknown-chunk");
    if ((id & 0x40) !== 0 && this.#state.name !== "cookie-wait") {
      this.#outbox.add(
        encodeError({ code: CAUSE.unrecognisedChunk, bytes: whole.subarray(0, REPORT_LIMIT) }),
      );
    }
    return (id & 0x80) !== 0;
  }

  // Set-up.

  /** What the peer told of itself in INIT, INIT ACK or, from there, in the cookie. */
  #meet(peer: Peer): void {
    this.peerTag = peer.tag;
    this.#outboundStreams = Math.min(STREAMS, peer.inboundStreams);
    this.#tx.open(peer.window, this.#outboundStreams);
    this.#rx = new Reception(peer.initialTsn, STREAMS, this.#host.settings.maxMessageBytes);
  }

  #up(now: Millis, initiatedBy: "us" | "peer"): void {
    this.#host.timers.clear(this, "t1");
    this.#roundTrip = new RoundTrip();
    this.#supervise(now);
    const { id, path, remotePort } = this;
    this.#host.emit({ type: "up", id, path, remotePort, initiatedBy });
    this.#closeIfAsked(now);
  }

  /** §8.5.1 A: INIT travels alone under tag 0. */
  #sendInit(now: Millis): void {
    const init = encodeInit({
      tag: this.localTag,
      window: RECEIVE_WINDOW,
      outboundStreams: STREAMS,
      inboundStreams: STREAMS,
      initialTsn: this.#localTsn,
    });
    this.#transmit(0, [init]);
    this.#set("t1", now + this.#roundTrip.timeout);
  }

  #sendSetUpAgain(now: Millis): void {
    if (!("sendings" in this.#state) || this.#state.sendings > INIT_RETRANSMITS) {
      const unanswered = this.#state.name === "cookie-echoed" ? "COOKIE ECHO" : "INIT";
      this.#lost("unreachable", `${unanswered} was not answered`);
      return;
    }
    this.#roundTrip.backOff();
    this.#step({ type: "sent-again" });
    if (this.#state.name !== "cookie-echoed") {
      this.#sendInit(now);
      return;
    }
    this.#outbox.add(encodeCookieEcho(this.#state.cookie));
    this.#set("t1", now + this.#roundTrip.timeout);
  }

  // Closing.

  #closeIfAsked(now: Millis): void {
    if (!this.#closing || this.#step({ type: "close" }) === undefined) return;
    this.#set("guard", now + SHUTDOWN_GUARD);
  }

  /** In shutdown-pending and shutdown-received: on with it once our data are acknowledged. */
  #drain(now: Millis): void {
    if (!this.#tx.isEmpty || this.#step({ type: "drained" }) === undefined) return;
    this.#host.timers.clear(this, "t3");
    if (this.#state.name === "shutdown-ack-sent") this.#sendShutdownAck(now);
    else this.#sendShutdown(now);
  }

  #sendShutdown(now: Millis): void {
    this.#outbox.add(encodeShutdown(this.#rx?.cumulativeTsn ?? 0));
    this.#set("t2", now + this.#roundTrip.timeout);
  }

  #sendShutdownAck(now: Millis): void {
    this.#outbox.add(encodeShutdownAck());
    this.#set("t2", now + this.#roundTrip.timeout);
  }

  #sendShutdownAgain(now: Millis): void {
    if (!("sendings" in this.#state) || this.#state.sendings > SHUTDOWN_RETRANSMITS) {
      // The peer asked to close and has everything: only its last word is missing.
      if (this.#state.name === "shutdown-ack-sent") this.#closed();
      else this.#lose("timeout", "SHUTDOWN was not answered");
      return;
    }
    this.#roundTrip.backOff();
    this.#step({ type: "sent-again" });
    if (this.#state.name === "shutdown-sent") this.#sendShutdown(now);
    else this.#sendShutdownAck(now);
  }

  // Data.

  #sendDataAgain(): void {
    this.#unanswered += 1;
    if (this.#unanswered > DATA_RETRANSMITS) {
      this.#lose("timeout", "data were not acknowledged");
      return;
    }
    this.#roundTrip.backOff();
    this.#tx.timeout();
  }

  #addSack(): void {
    if (this.#rx === undefined) return;
    this.#host.timers.clear(this, "sack");
    this.#outbox.add(this.#rx.sack());
  }

  // Supervision.

  #running(now: Millis): Millis {
    return now - this.#host.stalled;
  }

  #supervise(now: Millis): void {
    const pace = 1 - 0.2 * ((this.#nonce[0] ?? 0) / 255);
    this.#supervision = new Supervision(this.#running(now), this.#host.settings, pace);
    this.#setLook();
  }

  #setLook(): void {
    if (this.#supervision !== undefined) this.#set("look", this.#supervision.nextLook + this.#host.stalled);
  }

  #look(now: Millis): void {
    const supervision = this.#supervision;
    if (supervision === undefined || !isSupervised(this.#state)) return;
    const { settings } = this.#host;
    // The two clocks differ by a sum that may round: within a millisecond it is time.
    const running = Math.max(this.#running(now), supervision.nextLook);
    if (running - this.#running(now) < 1) {
      const within = this.#roundTrip.answerWithin(settings.heartbeatMillis / 4, settings.heartbeatMillis);
      const verdict = supervision.look(running, settings, within);
      if (verdict === "lost") {
        this.#lose("timeout", `no sign of life for ${settings.lostAfterMillis} ms`);
        return;
      }
      if (verdict === "suspect") this.#host.emit({ type: "suspect", id: this.id });
      if (verdict !== "wait") this.#sendHeartbeat(now);
    }
    this.#setLook();
  }

  #sendHeartbeat(now: Millis): void {
    const info = new Uint8Array(HEARTBEAT_INFO);
    new DataView(info.buffer).setFloat64(0, this.#running(now));
    info.set(this.#nonce, NONCE_AT);
    this.#outbox.add(encodeHeartbeat(info));
  }

  #signOfLife(now: Millis): void {
    if (this.#supervision?.sign(this.#running(now)) !== true) return;
    this.#host.emit({ type: "recovered", id: this.id, rttMillis: this.#roundTrip.smoothed ?? 0 });
  }

  // The way out.

  #step(transition: Transition): State | undefined {
    const state = next(this.#state, transition);
    if (state === undefined) return undefined;
    this.#state = state;
    return state;
  }

  #set(timer: TimerName, at: Millis): void {
    this.#host.timers.set(this, timer, at);
  }

  /** Sends what may leave now and keeps T3 running while anything is unacknowledged (§6.3.2 R1). */
  #finish(now: Millis): void {
    this.#drain(now);
    if (maySend(this.#state)) this.#sendData(now);
    this.#outbox.flush();
  }

  #sendData(now: Millis): void {
    const outbox = this.#outbox;
    for (;;) {
      const owed = this.#rx?.owesSack === true ? SACK_SIZE : 0;
      const chunk = this.#tx.take(this.#running(now), outbox.room - owed);
      if (chunk !== undefined) {
        if (owed > 0) this.#addSack();
        outbox.add(chunk);
      } else if (outbox.isEmpty) break;
      else outbox.flush();
    }
    if (this.#tx.hasUnacknowledged && this.#host.timers.at(this, "t3") === undefined) {
      this.#set("t3", now + this.#roundTrip.timeout);
    }
  }

  #transmit(tag: number, chunks: readonly EncodedChunk[]): void {
    this.#host.transmit(this.path, encodePacket(this.#host.localPort, this.remotePort, tag, chunks));
  }

  #sendAbort(cause: Cause): void {
    // Before the peer's tag is known there is nobody to tell.
    if (this.peerTag !== 0) this.#transmit(this.peerTag, [encodeAbort(false, cause)]);
  }

  #violated(detail: string): void {
    this.#host.count("protocol-violation");
    this.#sendAbort({ code: CAUSE.protocolViolation, bytes: Buffer.from(detail) });
    this.#lost("protocol-violation", detail);
  }

  /** We give the peer up, and tell it in case it lives and only one way is broken. */
  #lose(reason: LostReason, detail: string): void {
    this.#sendAbort({ code: CAUSE.userAbort, bytes: Buffer.from(detail) });
    this.#lost(reason, detail);
  }

  #lost(reason: LostReason, detail: string): void {
    this.#end();
    this.#host.emit({ type: "lost", id: this.id, reason, detail });
  }

  #closed(): void {
    this.#end();
    this.#host.emit({ type: "closed", id: this.id });
  }

  #end(): void {
    this.#step({ type: "end" });
    this.#host.timers.clearAll(this);
    this.#host.forget(this);
  }
}

interface Peer {
  readonly tag: number;
  readonly window: number;
  readonly inboundStreams: number;
  readonly initialTsn: number;
}

function peerOf(cookie: CookieContents): Peer {
  return {
    tag: cookie.peerTag,
    window: cookie.peerWindow,
    inboundStreams: cookie.outboundStreams,
    initialTsn: cookie.peerTsn,
  };
}

/** §3.3.10.1: `stream(16) reserved(16)`. */
function invalidStream(stream: number): Cause {
  return { code: CAUSE.invalidStream, bytes: Uint8Array.of(stream >> 8, stream & 0xff, 0, 0) };
}
