import type { Millis } from "../base/clock.ts";
import type { AssociationId, AssociationStatus, LostReason, Path, SendResult } from "./api.ts";
import {
  INIT_RETRANSMITS,
  RECEIVE_WINDOW,
  REPORT_LIMIT,
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
  encodeHeartbeatAck,
  encodeInit,
  encodePacket,
  encodeShutdown,
  encodeShutdownAck,
  encodeShutdownComplete,
} from "./encode.ts";
import type { AssociationHost, TimerName } from "./host.ts";
import { Liveness } from "./liveness.ts";
import { RoundTrip } from "./rto.ts";
import {
  isPeerLeaving,
  isSupervised,
  mayReceive,
  maySend,
  next,
  type State,
  type Transition,
} from "./state.ts";
import { type Peer, Transfer } from "./transfer.ts";
import { Outbox } from "./tx/outbox.ts";

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
  readonly #roundTrip = new RoundTrip();
  readonly #transfer: Transfer;
  readonly #liveness: Liveness;
  /** The user has closed; carried out when the state allows. */
  #closing = false;

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
    this.#outbox = new Outbox((chunks) => this.#transmit(this.peerTag, chunks));
    this.#transfer = new Transfer(host, this, this.#outbox, this.#roundTrip, tsn);
    this.#liveness = new Liveness(host, this, this.#outbox, this.#roundTrip);
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
      suspect: this.#liveness.suspect,
      rttMillis: this.#roundTrip.smoothed,
      queuedBytes: this.#transfer.queuedBytes,
    };
  }

  // Calls of the user.

  begin(now: Millis): void {
    this.#sendInit(now);
  }

  send(now: Millis, stream: number, ppid: number, bytes: Uint8Array): SendResult {
    const closing = this.#closing || this.#state.name === "shutdown-received";
    if (closing || !(maySend(this.#state) || this.isSettingUp)) return "no-association";
    const result = this.#transfer.queue(stream, ppid, bytes, this.#host.settings);
    this.#finish(now);
    return result;
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
    if (!isSupervised(this.#state)) return;
    this.#liveness.probe(now);
    this.#finish(now);
  }

  /** New settings count from now. */
  reconsider(now: Millis): void {
    if (isSupervised(this.#state)) this.#liveness.reconsider(now);
  }

  // What the endpoint found out.

  /** A COOKIE ECHO proved the peer (§5.1 D), or INITs collided (§5.2.4 B, D): up, if it was not. */
  accept(now: Millis, cookie: CookieContents, initiatedBy: "us" | "peer"): void {
    if (this.#state.name !== "cookie-wait" && this.#state.name !== "cookie-echoed") {
      this.#outbox.add(encodeCookieAck());
      return;
    }
    if (this.peerTag !== cookie.peerTag) this.#meet(peerOf(cookie));
    this.#step({ type: "cookie-echo" });
    this.#outbox.add(encodeCookieAck());
    this.#up(now, initiatedBy);
  }

  /** §5.2.4 A: the peer lost its state and came back with new tags. False when the state does not allow it. */
  restart(now: Millis, path: Path, cookie: CookieContents): boolean {
    if (this.#step({ type: "restart" }) === undefined) return false;
    this.#liveness.sign(now, true);
    // The same peer, though it may now speak to another address of ours.
    this.path = path;
    this.#host.timers.clearAll(this);
    this.localTag = cookie.localTag;
    this.#localTsn = cookie.localTsn;
    this.#transfer.startAnew(cookie.localTsn);
    this.#roundTrip.reset();
    this.#meet(peerOf(cookie));
    this.#outbox.add(encodeCookieAck());
    this.#liveness.start(now);
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
    this.#liveness.sign(now, !isPeerLeaving(this.#state));
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
        if (!this.#transfer.sendAgain()) this.#lose("timeout", "data were not acknowledged");
        break;
      case "guard":
        this.#lose("timeout", "closing took too long");
        break;
      case "sack":
        this.#transfer.addSack();
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
        this.#liveness.answered(now, chunk.info);
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
    if (!mayReceive(this.#state)) return true;
    return this.#unless(this.#transfer.takeData(chunk));
  }

  #takeSack(now: Millis, sack: SackChunk): boolean {
    if (!maySend(this.#state)) return true;
    return this.#unless(this.#transfer.takeSack(now, sack));
  }

  /** True unless there is a violation, which ends the association. */
  #unless(violation: string | undefined): boolean {
    if (violation !== undefined) this.#violated(violation);
    return violation === undefined;
  }

  #acknowledgeData(now: Millis): void {
    if (!mayReceive(this.#state)) return;
    const crossing = this.#step({ type: "data" }) !== undefined;
    this.#transfer.packetEnds(now, crossing);
    // §9.2: DATA that cross our SHUTDOWN are answered with it again, and T2 starts anew.
    if (crossing) this.#sendShutdown(now);
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

  #meet(peer: Peer): void {
    this.peerTag = peer.tag;
    this.#transfer.meet(peer);
  }

  #up(now: Millis, initiatedBy: "us" | "peer"): void {
    this.#host.timers.clear(this, "t1");
    this.#roundTrip.reset();
    this.#liveness.start(now);
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
    if (!this.#transfer.isDrained || this.#step({ type: "drained" }) === undefined) return;
    this.#host.timers.clear(this, "t3");
    if (this.#state.name === "shutdown-ack-sent") this.#sendShutdownAck(now);
    else this.#sendShutdown(now);
  }

  #sendShutdown(now: Millis): void {
    this.#outbox.add(encodeShutdown(this.#transfer.cumulativeTsn));
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

  #look(now: Millis): void {
    if (!isSupervised(this.#state) || this.#liveness.look(now)) return;
    this.#lose("timeout", `no sign of life for ${this.#host.settings.lostAfterMillis} ms`);
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

  /** Sends what may leave now. */
  #finish(now: Millis): void {
    this.#drain(now);
    if (maySend(this.#state)) this.#transfer.send(now);
    this.#outbox.flush();
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

function peerOf(cookie: CookieContents): Peer {
  return {
    tag: cookie.peerTag,
    window: cookie.peerWindow,
    inboundStreams: cookie.outboundStreams,
    initialTsn: cookie.peerTsn,
  };
}
