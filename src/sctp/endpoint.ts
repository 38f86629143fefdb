import type { Millis, Random } from "../base/clock.ts";
import { DeadlineHeap } from "../base/deadline-heap.ts";
import { MisuseError } from "../base/errors.ts";
import type {
  AssociationId,
  AssociationStatus,
  InitPressure,
  LivenessLimits,
  Path,
  SctpCounters,
  SctpEndpoint,
  SctpEvent,
  SctpSettings,
  SendResult,
  Transmit,
} from "./api.ts";
import { Association } from "./association.ts";
import { KeepBudget, SendBudget } from "./budgets.ts";
import { STALL } from "./constants.ts";
import { type CounterName, noCounts } from "./counters.ts";
import type { Chunk } from "./decode/chunks.ts";
import { decodePacket, type Packet } from "./decode/packet.ts";
import { Directory, isSamePeerPath } from "./directory.ts";
import { Fifo } from "./fifo.ts";
import { Gate } from "./gate.ts";
import type { AssociationHost, TimerName } from "./host.ts";
import type { Names } from "./link.ts";
import { Crowd } from "./liveness/crowd.ts";
import { Responder } from "./responder.ts";
import { checkLimits, checkSettings } from "./settings.ts";
import { isSettingUp } from "./state.ts";

export interface SctpEndpointOptions {
  /** Our SCTP port; packets for any other are not ours and get no answer. */
  readonly localPort: number;
  readonly settings: SctpSettings;
  readonly random: Random;
  readonly now: Millis;
}

/** One SCTP endpoint (RFC 9260), without I/O: see {@link SctpEndpoint} for the contract. */
export function createSctpEndpoint(options: SctpEndpointOptions): SctpEndpoint {
  return new Endpoint(options);
}

class Endpoint implements SctpEndpoint, AssociationHost {
  readonly localPort: number;
  readonly random: Random;
  readonly timers = new DeadlineHeap<Association, TimerName>();
  readonly queued: SendBudget;
  readonly kept: KeepBudget;
  readonly crowd = new Crowd();
  settings: SctpSettings;
  stalled: Millis = 0;
  readonly #directory = new Directory();
  readonly #gate: Gate;
  readonly #responder: Responder;
  readonly #transmits = new Fifo<Transmit>();
  readonly #events = new Fifo<SctpEvent>();
  readonly #counters = noCounts();
  #nextId: AssociationId = 1;
  #lastCall: Millis;
  /** A stall goes on until what was due then has been done. */
  #isLate = false;

  constructor(options: SctpEndpointOptions) {
    const { now } = options;
    this.localPort = options.localPort;
    this.settings = checkSettings(options.settings);
    this.queued = new SendBudget(this.settings.maxHeldBytes);
    this.kept = new KeepBudget(this.settings.maxHeldBytes);
    this.random = options.random;
    this.#gate = new Gate(now);
    const create = (names: Omit<Names, "id">): Association => this.#create(names);
    this.#responder = new Responder({ host: this, directory: this.#directory, now, create });
    this.#lastCall = now;
  }

  // The endpoint's own face.

  receive(now: Millis, path: Path, bytes: Uint8Array): void {
    this.#observe(now);
    const refusal = this.#gate.turnsAway(now, path.address, bytes, this.#isKnown);
    const packet = refusal ?? decodePacket(bytes, this.localPort);
    if (typeof packet === "string") this.count(packet);
    else this.#dispatch(now, path, packet, bytes.length);
    this.queued.callWaiters();
  }

  advance(now: Millis): void {
    this.#observe(now);
    for (let due = this.timers.due(now); due !== undefined; due = this.timers.due(now)) {
      due.owner.expire(now, due.name);
    }
    this.#gate.flood.review(now);
    this.queued.callWaiters();
  }

  nextDeadline(): Millis | undefined {
    const [timer, review] = [this.timers.next(), this.#gate.flood.nextDeadline()];
    return review === undefined || (timer !== undefined && timer < review) ? timer : review;
  }

  pollTransmit(): Transmit | undefined {
    return this.#transmits.shift();
  }

  pollEvent(): SctpEvent | undefined {
    return this.#events.shift();
  }

  connect(now: Millis, path: Path, remotePort: number): AssociationId {
    this.#observe(now);
    this.#directory.byPeer(path, remotePort)?.abort("connecting anew");
    const localTag = this.#responder.freshTag();
    const localTsn = this.random.below(2 ** 32);
    const association = this.#create({ path, remotePort, localTag, localTsn });
    association.begin(now);
    return association.link.id;
  }

  send(now: Millis, id: AssociationId, stream: number, ppid: number, bytes: Uint8Array): SendResult {
    this.#observe(now);
    if (bytes.length === 0) throw new MisuseError("SCTP cannot send an empty message");
    return this.#directory.byId(id)?.send(now, stream, ppid, bytes) ?? "no-association";
  }

  close(now: Millis, id: AssociationId): void {
    this.#observe(now);
    this.#directory.byId(id)?.close(now);
  }

  abort(now: Millis, id: AssociationId, reason: string): void {
    this.#observe(now);
    this.#directory.byId(id)?.abort(reason);
    this.queued.callWaiters();
  }

  probe(now: Millis, id: AssociationId): void {
    this.#observe(now);
    this.#directory.byId(id)?.probe(now);
  }

  watch(now: Millis, id: AssociationId, limits: LivenessLimits | undefined): void {
    this.#observe(now);
    const checked = limits === undefined ? undefined : checkLimits(limits);
    this.#directory.byId(id)?.watch(now, checked);
  }

  status(id: AssociationId): AssociationStatus | undefined {
    return this.#directory.byId(id)?.status();
  }

  counters(): SctpCounters {
    return { ...this.#counters };
  }

  initPressure(): InitPressure {
    return this.#gate.flood.pressure;
  }

  configure(settings: SctpSettings): void {
    this.settings = checkSettings(settings);
    this.queued.limit = settings.maxHeldBytes;
    this.kept.limit = settings.maxHeldBytes;
    for (const association of this.#directory.all()) association.reconsider(this.#lastCall);
  }

  // What associations are lent.

  transmit(path: Path, bytes: Uint8Array): void {
    this.#transmits.push({ path, bytes });
  }

  emit(event: SctpEvent): void {
    this.#events.push(event);
  }

  count(name: CounterName): void {
    this.#counters[name] += 1;
  }

  move(association: Association, path: Path): boolean {
    return this.#directory.move(association, path);
  }

  forget(association: Association): void {
    this.#directory.remove(association);
    this.#responder.retire(association.link.localTag, this.#lastCall);
  }

  /**
   * The stall trap. When a deadline has passed by more than {@link STALL}, this process did not run (it was stopped,
   * swapped out, suspended): answers may wait unread in the sockets, so the time since the last call must not count
   * as the peers' silence. Running time, on which supervision runs, stands still for it. One subtraction, however
   * many associations there are.
   */
  #observe(now: Millis): void {
    const deadline = this.timers.next();
    const late = deadline !== undefined && now - deadline > STALL;
    if (late) this.stalled += Math.max(0, now - this.#lastCall);
    if (late && !this.#isLate) this.count("stalls");
    this.#isLate = late;
    this.#lastCall = now;
  }

  // Packets.

  readonly #isKnown = (tag: number): boolean => this.#directory.byTag(tag) !== undefined;

  /** Whose is it? §8.5 and, for what belongs to nobody, §8.4. */
  #dispatch(now: Millis, path: Path, packet: Packet, size: number): void {
    const { chunks, sourcePort, verificationTag } = packet;
    const [first] = chunks;
    if (chunks.some((chunk) => chunk.type === "init")) this.#responder.takeInit(now, path, packet);
    else if (first?.type === "cookie-echo") this.#responder.takeCookieEcho(now, path, packet, first.cookie);
    else {
      const association = this.#directory.byTag(verificationTag);
      if (association === undefined) this.#takeStranger(now, path, packet);
      else if (association.link.remotePort !== sourcePort) this.count("wrong-path");
      else if (isReflected(chunks)) this.#takeReflected(now, path, association, packet);
      else if (isSamePeerPath(association.link.path, path)) association.receive(now, path, chunks, size);
      else association.strayed(now, path, chunks);
    }
  }

  /** No association has the tag. It may be the peer's own, reflected (§8.5.1 B, C), wrong, or out of the blue. */
  #takeStranger(now: Millis, path: Path, packet: Packet): void {
    const association = this.#directory.byPeer(path, packet.sourcePort);
    if (association === undefined) this.#responder.answerOutOfTheBlue(path, packet);
    else if (isReflected(packet.chunks)) this.#takeReflected(now, path, association, packet);
    else if (packet.chunks[0]?.type === "shutdown-ack" && isSettingUp(association.link.state)) {
      // §8.5.1 E: the peer still waits for the end of an association that we have forgotten.
      this.#responder.answerOutOfTheBlue(path, packet);
    } else this.count("bad-tag");
  }

  /** The peer's own tag, from where the peer is. Before it has told one there is none to show: 0 is none. */
  #takeReflected(now: Millis, path: Path, association: Association, packet: Packet): void {
    const { peerTag } = association.link;
    const right = peerTag !== 0 && peerTag === packet.verificationTag;
    if (right && isSamePeerPath(association.link.path, path)) association.receive(now, path, packet.chunks);
    else this.count("bad-tag");
  }

  #create(names: Omit<Names, "id">): Association {
    const association = new Association(this, { ...names, id: this.#nextId });
    this.#nextId += 1;
    this.#directory.add(association);
    return association;
  }
}

/** The T bit: the sender did not know our tag and shows us its own. */
function isReflected(chunks: readonly Chunk[]): boolean {
  const [first] = chunks;
  return (first?.type === "abort" || first?.type === "shutdown-complete") && first.reflected;
}
