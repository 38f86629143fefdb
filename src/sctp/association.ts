import type { Millis } from "../base/clock.ts";
import type { AssociationStatus, LivenessLimits, LostReason, Path, SendResult } from "./api.ts";
import { Closing } from "./closing.ts";
import { REPORT_LIMIT } from "./constants.ts";
import type { CookieContents } from "./cookie.ts";
import { describeCauses } from "./decode/causes.ts";
import type { Chunk, InitChunk } from "./decode/chunks.ts";
import {
  CAUSE,
  type Cause,
  encodeAbort,
  encodeCookieAck,
  encodeError,
  encodeHeartbeatAck,
  encodeShutdownAck,
} from "./encode.ts";
import type { Failure } from "./failure.ts";
import type { AssociationHost, TimerName } from "./host.ts";
import { Link, type Names } from "./link.ts";
import { Liveness } from "./liveness/liveness.ts";
import { PathChange } from "./liveness/path-change.ts";
import { peerOf, sendInit, sendSetUpAgain, takeInitAck } from "./opening.ts";
import { isPeerLeaving, isSettingUp, isSupervised, mayReceive, maySend } from "./state.ts";
import { type Peer, Transfer } from "./transfer.ts";

/**
 * One association: takes the chunks of packets that the endpoint found to be its own, and its timers, and hands them to
 * its parts. After each call from outside it has sent what may leave (`#finish`).
 */
export class Association {
  /** Its names and its state, for the endpoint to read. */
  readonly link: Link;
  readonly #transfer: Transfer;
  readonly #liveness: Liveness;
  /** From the first word of either side about the end. */
  #closing: Closing | undefined;
  /** From the first packet that came from elsewhere. */
  #pathChange: PathChange | undefined;

  /** One that we begin: call `begin` next. Or one that a cookie proves: call `accept` next. */
  constructor(host: AssociationHost, names: Names) {
    this.link = new Link(host, this, names);
    this.#transfer = new Transfer(this.link);
    this.#liveness = new Liveness(this.link);
  }

  status(): AssociationStatus {
    const { id, path, remotePort, roundTrip, sentBytes, receivedBytes, heartbeats } = this.link;
    // A peer may answer what was never asked.
    const answers = Math.min(this.link.answers, heartbeats);
    const tally = { sentBytes, receivedBytes, heartbeats, answers };
    const { suspect, limits: liveness } = this.#liveness;
    const { queuedBytes } = this.#transfer;
    return { id, path, remotePort, suspect, liveness, rttMillis: roundTrip.smoothed, queuedBytes, tally };
  }

  // Calls of the user.

  begin(now: Millis): void {
    sendInit(this.link, now);
  }

  send(now: Millis, stream: number, ppid: number, bytes: Uint8Array): SendResult {
    const { state } = this.link;
    const closing = this.#closing?.isAsked === true || state.name === "shutdown-received";
    if (closing || !(maySend(state) || isSettingUp(state))) return "no-association";
    const result = this.#transfer.queue({ stream, ppid, bytes });
    this.#finish(now);
    return result;
  }

  close(now: Millis): void {
    const closing = this.#closingPart();
    if (closing.isAsked) return;
    closing.ask(now);
    this.#finish(now);
  }

  /** §9.1 */
  abort(text: string): void {
    this.#sendAbort({ code: CAUSE.userAbort, bytes: Buffer.from(text).subarray(0, REPORT_LIMIT) });
    this.#end();
  }

  probe(now: Millis): void {
    if (!isSupervised(this.link.state)) return;
    this.#liveness.probe(now);
    this.#finish(now);
  }

  watch(now: Millis, limits: LivenessLimits | undefined): void {
    this.#liveness.watch(now, limits);
  }

  /** New settings count from now. */
  reconsider(now: Millis): void {
    this.#liveness.reconsider(now);
  }

  // What the endpoint found out.

  /** A COOKIE ECHO proved the peer (§5.1 D), or INITs collided (§5.2.4 B, D): up, if it was not. */
  accept(now: Millis, cookie: CookieContents, initiatedBy: "us" | "peer"): void {
    if (!isSettingUp(this.link.state)) {
      this.link.add(encodeCookieAck());
      return;
    }
    if (this.link.peerTag !== cookie.peerTag) this.#meet(peerOf(cookie));
    this.link.step({ type: "cookie-echo" });
    this.link.add(encodeCookieAck());
    this.#up(now, initiatedBy);
  }

  /** §5.2.4 A: the peer lost its state and came back with new tags. False when the state does not allow it. */
  restart(now: Millis, path: Path, cookie: CookieContents): boolean {
    const link = this.link;
    if (link.step({ type: "restart" }) === undefined) return false;
    this.#liveness.sign(now, true);
    // The same peer, though it may now speak to another address of ours.
    link.path = path;
    link.clearTimers();
    link.localTag = cookie.localTag;
    link.localTsn = cookie.localTsn;
    link.roundTrip.reset();
    this.#pathChange = undefined;
    // The peer has forgotten everything, so there is nothing to go on with.
    this.#transfer.release();
    this.#meet(peerOf(cookie));
    link.add(encodeCookieAck());
    this.#liveness.start(now);
    link.host.emit({ type: "restarted", id: this.link.id });
    this.#closing?.proceed(now);
    return true;
  }

  /** §9.2 and §5.2.4 A: whoever sets up anew while we wait for SHUTDOWN COMPLETE is reminded of it. */
  remindOfShutdown(now: Millis, cause: Cause | undefined): void {
    this.link.add(encodeShutdownAck());
    if (cause !== undefined) this.link.add(encodeError(cause));
    this.#finish(now);
  }

  /** Chunks of a packet with our tag from our peer's port, but over another path. */
  strayed(now: Millis, path: Path, chunks: readonly Chunk[]): void {
    const link = this.link;
    if (!isSupervised(link.state)) {
      link.host.count("wrong-path");
      return;
    }
    this.#pathChange ??= new PathChange(link);
    const roundTrip = this.#pathChange.strayed(now, path, chunks);
    if (roundTrip === undefined || !link.host.move(this, path)) return;
    link.path = path;
    link.roundTrip.reset();
    link.roundTrip.measure(roundTrip);
    link.host.emit({ type: "moved", id: this.link.id, path });
    // The HEARTBEAT ACK has had its effect; the rest of its packet is taken as any other.
    this.receive(
      now,
      path,
      chunks.filter((chunk) => chunk.type !== "heartbeat-ack"),
    );
  }

  /** Chunks of a packet with our tag from our peer's address. `size`: of the packet, in bytes, where it counts. */
  receive(now: Millis, path: Path, chunks: readonly Chunk[], size = 0): void {
    this.link.receivedBytes += size;
    let data = false;
    for (const chunk of chunks) {
      data ||= chunk.type === "data" || chunk.type === "i-data";
      const goOn = this.#take(now, path, chunk);
      if (this.link.state.name === "closed") return;
      if (!goOn) break;
    }
    if (data) this.#acknowledgeData(now);
    this.#liveness.sign(now, !isPeerLeaving(this.link.state));
    this.#finish(now);
  }

  expire(now: Millis, timer: TimerName): void {
    switch (timer) {
      case "t1":
        this.#endIf(sendSetUpAgain(this.link, now));
        break;
      case "t2": {
        const outcome = this.#closing?.sendAgain(now);
        if (outcome === "closed") this.#closed();
        else this.#endIf(outcome);
        break;
      }
      case "t3":
        this.#endIf(this.#transfer.sendAgain());
        break;
      case "guard":
        this.#endIf({ reason: "timeout", detail: "closing took too long" });
        break;
      case "sack":
        this.#transfer.addSack();
        break;
      case "look":
        this.#look(now);
        break;
    }
    if (this.link.state.name !== "closed") this.#finish(now);
  }

  /** One of its parts, or the endpoint, has found a reason to end it. */
  fail(failure: Failure): void {
    this.#endIf(failure);
  }

  // Chunks. Each answers whether the rest of the packet is to be looked at.

  #take(now: Millis, path: Path, chunk: Chunk): boolean {
    switch (chunk.type) {
      case "data":
      case "i-data":
        return !mayReceive(this.link.state) || this.#endIf(this.#transfer.takeData(chunk));
      case "sack":
        return !maySend(this.link.state) || this.#endIf(this.#transfer.takeSack(now, chunk));
      case "heartbeat":
        this.#answerHeartbeat(path, chunk.info);
        return true;
      case "heartbeat-ack":
        this.#liveness.answered(now, chunk.info);
        return true;
      case "init-ack":
        return this.#takeInitAck(now, chunk);
      case "cookie-ack":
        if (this.link.step({ type: "cookie-ack" }) !== undefined) this.#up(now, "us");
        return true;
      case "abort":
        this.#takeAbort(chunk.reflected, chunk.causes);
        return false;
      case "error":
        return this.#takeError(chunk.causes);
      case "shutdown":
        return this.#takeShutdown(now, chunk.cumulativeTsn);
      case "shutdown-ack":
        if (!this.#closingPart().takeShutdownAck()) return true;
        this.#closed();
        return false;
      case "shutdown-complete":
        if (this.link.step({ type: "shutdown-complete" }) !== undefined) this.#closed();
        return true;
      case "unknown":
        return this.#takeUnknown(chunk.id, chunk.whole);
      case "init":
      case "cookie-echo":
        // Only as the first chunk of a packet, which the endpoint looks at (§6.10, §5.1 D).
        return false;
    }
  }

  #acknowledgeData(now: Millis): void {
    if (!mayReceive(this.link.state)) return;
    const crossing = this.#closing?.crossedByData() === true;
    this.#transfer.packetEnds(now, crossing);
    if (crossing) this.#closing?.sendShutdown(now);
  }

  /** §8.3: to where it came from. */
  #answerHeartbeat(path: Path, info: Uint8Array): void {
    if (this.link.state.name === "cookie-wait") return;
    const answer = encodeHeartbeatAck(info);
    if (path.local === this.link.path.local) this.link.add(answer);
    else this.link.transmit([answer], this.link.peerTag, path);
  }

  #takeInitAck(now: Millis, init: InitChunk): boolean {
    const outcome = takeInitAck(this.link, now, init);
    if (outcome === undefined) return true;
    if ("reason" in outcome) return this.#endIf(outcome);
    this.#meet(outcome);
    return true;
  }

  /** §9.1. A peer that has asked for the end and forgotten us: of the agreed end only its last word was lost. */
  #takeAbort(reflected: boolean, causes: readonly Cause[]): void {
    if (reflected && this.link.state.name === "shutdown-ack-sent") this.#closed();
    else this.#lost("aborted", describeCauses(causes) || "no reason given");
  }

  /** §5.2.6 (2): no second try from here; who wants one connects again. Other errors change nothing. */
  #takeError(causes: readonly Cause[]): boolean {
    const stale = causes.some((cause) => cause.code === CAUSE.staleCookie);
    if (!stale || this.link.state.name !== "cookie-echoed") return true;
    this.#lost("unreachable", "the peer found our cookie stale");
    return false;
  }

  #takeShutdown(now: Millis, cumulativeTsn: number): boolean {
    if (maySend(this.link.state) && !this.#endIf(this.#transfer.takeShutdown(now, cumulativeTsn)))
      return false;
    this.#closingPart().takeShutdown(now);
    return true;
  }

  /** §3.2: the two highest bits say whether to go on with the packet, and whether to report. */
  #takeUnknown(id: number, whole: Uint8Array): boolean {
    this.link.host.count("unknown-chunk");
    if ((id & 0x40) !== 0 && this.link.state.name !== "cookie-wait") {
      this.link.add(encodeError({ code: CAUSE.unrecognisedChunk, bytes: whole.subarray(0, REPORT_LIMIT) }));
    }
    return (id & 0x80) !== 0;
  }

  // What follows from them.

  #meet(peer: Peer): void {
    this.link.peerTag = peer.tag;
    this.#transfer.meet(peer);
  }

  #up(now: Millis, initiatedBy: "us" | "peer"): void {
    this.link.clearTimer("t1");
    this.link.roundTrip.reset();
    this.#liveness.start(now);
    const { id, path, remotePort } = this.link;
    this.link.host.emit({ type: "up", id, path, remotePort, initiatedBy });
    this.#closing?.proceed(now);
  }

  #closingPart(): Closing {
    this.#closing ??= new Closing(this.link, this.#transfer);
    return this.#closing;
  }

  #look(now: Millis): void {
    if (!isSupervised(this.link.state)) {
      this.#liveness.stop();
      return;
    }
    const silence = this.#liveness.limits.lostAfterMillis;
    if (!this.#liveness.look(now)) {
      const detail = `no sign of life for ${Math.round(silence)} ms`;
      this.#endIf({ reason: "timeout", detail, silentMillis: this.#liveness.silence(now) });
    }
  }

  /** Sends what may leave now. */
  #finish(now: Millis): void {
    this.#closing?.drain(now);
    if (maySend(this.link.state)) this.#transfer.send(now);
    this.link.flush();
  }

  // The way out.

  /** True unless there is a failure, which ends the association; the peer is told if it may still be there. */
  #endIf(failure: Failure | undefined): boolean {
    if (failure === undefined) return true;
    const { reason, detail, silentMillis } = failure;
    const text = Buffer.from(detail);
    if (reason === "protocol-violation") {
      this.link.host.count("protocol-violation");
      this.#sendAbort(failure.cause ?? { code: CAUSE.protocolViolation, bytes: text });
    } else if (reason === "timeout") this.#sendAbort({ code: CAUSE.userAbort, bytes: text });
    else if (reason === "overload") this.#sendAbort({ code: CAUSE.outOfResource, bytes: NOTHING });
    this.#lost(reason, detail, silentMillis);
    return false;
  }

  #sendAbort(cause: Cause): void {
    // Before the peer's tag is known there is nobody to tell.
    if (this.link.peerTag !== 0) this.link.transmit([encodeAbort(false, cause)]);
  }

  #lost(reason: LostReason, detail: string, silentMillis?: Millis): void {
    this.#end();
    const silent = silentMillis === undefined ? {} : { silentMillis };
    this.link.host.emit({ type: "lost", id: this.link.id, reason, detail, ...silent });
  }

  #closed(): void {
    this.#end();
    this.link.host.emit({ type: "closed", id: this.link.id });
  }

  #end(): void {
    this.link.step({ type: "end" });
    this.#liveness.stop();
    this.link.clearTimers();
    this.#transfer.release();
    this.link.host.forget(this);
  }
}

const NOTHING = new Uint8Array(0);
