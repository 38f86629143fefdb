import type { Millis, Random, UnixMillis } from "../../base/clock.ts";
import { Deadlines } from "../../base/deadlines.ts";
import { safeFileName } from "../../base/file-name.ts";
import type { Fingerprint } from "../../base/fingerprint.ts";
import { KeyedBuckets, type Rate } from "../../base/tokens.ts";
import type { FileMessage, FileOffer, TransferId } from "../../wire/mp2-files.ts";
import { drawMessageId } from "../../wire/mp2-values.ts";
import type { Allowance } from "../allowance.ts";
import type { Archiving } from "../archiving.ts";
import type { Source } from "../events.ts";
import type { KnownPeers } from "../known-peers.ts";
import type { Peer } from "../notices.ts";
import type { Trusted } from "../trust.ts";
import type { FileDeadline, FileHost } from "./host.ts";
import { Receiving } from "./receiving.ts";
import type { FileEvent, FileRequest, IncomingStream } from "./requests.ts";
import { Sending } from "./sending.ts";
import {
  type AcceptFiles,
  FILE_BOUNDS,
  isOver,
  type Transfer,
  type TransferAction,
  type TransferChange,
  type TransferRecord,
  type TransferWhy,
} from "./transfer.ts";

/** New offers of one peer: a folder of files at once, then what a person could look at. */
const OFFER_RATE: Rate = { perSecond: 0.5, burst: 40 };

export interface FilesSettings {
  /** Whose files are taken without a question, and up to which size in bytes. */
  readonly accept: AcceptFiles;
  readonly acceptBytes: number;
}

export interface FilesOptions {
  readonly settings: FilesSettings;
  readonly random: Random;
  readonly unixAt: (at: Millis) => UnixMillis;
  readonly peers: KnownPeers;
  readonly trusted: Trusted;
  readonly allowance: Allowance;
  readonly archiving: Archiving;
  readonly kept: readonly TransferRecord[];
  readonly ask: (request: FileRequest) => void;
  readonly tell: (transfer: Transfer, change: TransferChange) => void;
  /** On a link that is up, with somebody who takes files; false: there is none. */
  readonly say: (to: Fingerprint, message: FileMessage) => boolean;
  /** Makes a link, if it can be; {@link Files.linkUp} follows. */
  readonly seek: (now: Millis, to: Fingerprint) => void;
}

type File = Sending | Receiving;

/** All files of the user, in both directions: whose turn it is, who may offer what, and what is kept. */
export class Files {
  readonly #options: FilesOptions;
  readonly #host: FileHost;
  readonly #deadlines = new Deadlines<TransferId, FileDeadline>();
  readonly #offers = new KeyedBuckets(OFFER_RATE, 1_024);
  /** In the order in which they began. */
  readonly #sending = new Map<TransferId, Sending>();
  readonly #receiving = new Map<TransferId, Receiving>();
  /** Sent to nobody: told once, and kept for this run. */
  readonly #stillborn: Transfer[] = [];
  /** Where those were online with whom something is open. */
  readonly #places = new Map<Fingerprint, string>();
  #isLeaving = false;

  constructor(options: FilesOptions) {
    this.#options = options;
    const { ask, tell, archiving, random, peers } = options;
    this.#host = {
      ...{ deadlines: this.#deadlines, ask, tell },
      fraction: () => random.below(1_001) / 1_000,
      nameOf: (fingerprint) => peers.holderOf(fingerprint)?.nickname,
      say: (now, to, message) => {
        if (options.say(to, message)) return true;
        if (!this.#isLeaving) options.seek(now, to);
        return false;
      },
      store: (now, record, done) => {
        archiving.put(now, { type: "transfer", record }, (later, outcome) => {
          if (outcome !== "failed") done?.(later);
        });
        if (isOver(record.state)) this.#forgetOldest(now);
      },
    };
    for (const record of options.kept) {
      if (record.direction === "out") this.#sending.set(record.id, new Sending(this.#host, record, false));
      else this.#receiving.set(record.id, new Receiving(this.#host, record));
    }
  }

  /** What faces show: all that is not over, and what was last; in the order in which they began. */
  list(): readonly Transfer[] {
    const all = [...this.#all()].map(({ transfer }) => transfer);
    const sorted = [...all, ...this.#stillborn].sort((a, b) => a.time - b.time);
    const over = sorted.filter(({ state }) => isOver(state));
    const shown = new Set(over.slice(-FILE_BOUNDS.overShown));
    return sorted.filter((transfer) => !isOver(transfer.state) || shown.has(transfer));
  }

  /** Offers a file to a nickname; notices with that id follow. `given`: chosen by another program; known: nothing. */
  send(now: Millis, to: string, path: string, given?: TransferId): TransferId {
    const id = given ?? drawMessageId(this.#options.random, this.#options.unixAt(now));
    if (this.#isKnown(id)) return id;
    const peer = this.#options.peers.find(to);
    const pinned = this.#options.trusted.find({ kind: "peer", name: to })?.fingerprint;
    const fingerprint = peer?.fingerprint ?? pinned;
    const why = this.#obstacle(peer, fingerprint);
    const begun = {
      ...{
        id,
        direction: "out" as const,
        peer: peer?.nickname ?? to,
        name: safeFileName(baseName(path)),
        size: 0,
      },
      ...{ time: Math.floor(this.#options.unixAt(now)), path, why: undefined },
    };
    if (why !== undefined || fingerprint === undefined) {
      const failed = { fingerprint, state: "failed", why: why ?? "unknown-name", bytes: 0 } as const;
      this.#failed({ ...begun, ...failed, bytesPerSecond: 0 });
      return id;
    }
    const record: TransferRecord = { ...begun, fingerprint, stamp: "", state: "offered" };
    this.#sending.set(id, new Sending(this.#host, record, true));
    return id;
  }

  /** False where that cannot be done with it. */
  change(now: Millis, id: TransferId, action: TransferAction): boolean {
    const file = this.#sending.get(id) ?? this.#receiving.get(id);
    if (file === undefined) return false;
    if (action === "pause") return file.pause(now);
    if (action === "resume") return file.resume(now);
    if (file instanceof Receiving) return action === "accept" ? file.accept() : file.refuse(now);
    return action === "cancel" && file.cancel(now);
  }

  /** Whether a link with that key is wanted. */
  wants(to: Fingerprint): boolean {
    for (const file of this.#all()) if (file.isUntold && file.record.fingerprint === to) return true;
    return false;
  }

  /** A link has come up. `takesFiles`: the other side says so. */
  linkUp(now: Millis, from: Fingerprint, takesFiles: boolean): void {
    for (const file of this.#of(from)) {
      if (!(file instanceof Sending)) file.speak(now);
      else if (takesFiles) file.linkUp(now);
      else file.fail(now, "not-supported");
    }
  }

  /** A link was lost, not closed in good order. */
  linkDown(from: Fingerprint): void {
    for (const file of this.#of(from)) if (file instanceof Sending) file.linkDown();
  }

  said(now: Millis, from: Fingerprint, message: FileMessage): void {
    const isReceivers = message.type !== "fileOffer" && message.type !== "fileCancel";
    const sending = isReceivers ? this.#sending.get(message.id) : undefined;
    const receiving = this.#receiving.get(message.id);
    if (sending?.record.fingerprint === from) sending.said(now, message);
    else if (receiving?.record.fingerprint === from) receiving.said(now, message);
    else if (message.type === "fileOffer") this.#offered(now, from, message);
    else if (message.type === "fileAccept")
      this.#options.say(from, { type: "fileCancel", id: message.id, reason: "unknown" });
    this.#schedule(now);
  }

  /** Whether somebody with that key may have a connection for a file. */
  expects(from: Fingerprint): boolean {
    const peer = this.#options.peers.holderOf(from);
    if (peer === undefined || isBarred(peer)) return false;
    return this.#of(from).some((file) => file instanceof Receiving && file.isReady);
  }

  /** The connection of that file has come: where its bytes go; undefined: nowhere. */
  arrive(now: Millis, from: Fingerprint, id: TransferId, offset: number): IncomingStream | undefined {
    const running = [...this.#receiving.values()].filter(({ isRunning }) => isRunning).length;
    if (running >= FILE_BOUNDS.receiving || !this.expects(from)) return undefined;
    const receiving = this.#receiving.get(id);
    return receiving?.record.fingerprint === from ? receiving.arrive(now, offset) : undefined;
  }

  /** Of the disk and the network. */
  handle(now: Millis, event: FileEvent): void {
    (this.#sending.get(event.id) ?? this.#receiving.get(event.id))?.handle(now, event);
    this.#schedule(now);
  }

  /** Roster or trusted keys have changed. */
  rosterChanged(now: Millis): void {
    for (const file of [...this.#all()].filter(isOpen)) {
      // Whoever is blocked gets nothing more and brings nothing more.
      if (this.#options.peers.holderOf(file.record.fingerprint)?.restriction !== "blocked") continue;
      if (file instanceof Sending) file.cancel(now);
      else file.refuse(now);
    }
    const open = new Set([...this.#all()].filter(isOpen).map(({ record }) => record.fingerprint));
    for (const fingerprint of this.#places.keys())
      if (!open.has(fingerprint)) this.#places.delete(fingerprint);
    for (const fingerprint of open) {
      const found = this.#placeOf(fingerprint);
      const place = found === undefined ? "" : `${found.address} ${found.port}`;
      if (place === (this.#places.get(fingerprint) ?? "")) continue;
      this.#places.set(fingerprint, place);
      // It is back, or another program of it: what it was told may be lost.
      if (place === "") continue;
      this.linkDown(fingerprint);
      if (this.wants(fingerprint)) this.#options.seek(now, fingerprint);
    }
    this.#schedule(now);
  }

  nextDeadline(): Millis | undefined {
    return this.#deadlines.next();
  }

  advance(now: Millis): void {
    for (let due = this.#deadlines.due(now); due !== undefined; due = this.#deadlines.due(now))
      this.#sending.get(due.key)?.due(now);
    this.#schedule(now);
  }

  /** All that runs is broken off; it goes on when the user is back. */
  leave(): void {
    this.#isLeaving = true;
    for (const file of this.#all())
      if (file.isRunning) this.#options.ask({ type: "stop", id: file.record.id });
  }

  #offered(now: Millis, from: Fingerprint, { id, name, size, time }: FileOffer): void {
    const asking = this.#of(from).filter((file) => file instanceof Receiving && file.isAsking).length;
    const open = [...this.#receiving.values()].filter(isOpen).length;
    const isFull = asking >= FILE_BOUNDS.offersPerPeer || open >= FILE_BOUNDS.open;
    const peer = this.#options.peers.holderOf(from);
    // An id is 16 random bytes: one that is another file's is no accident.
    if (this.#isKnown(id)) {
      this.#options.say(from, { type: "fileRefuse", id, reason: "other" });
      return;
    }
    if (isFull || peer === undefined || !this.#offers.take(from, now)) {
      this.#options.say(from, { type: "fileRefuse", id, reason: "busy" });
      return;
    }
    // Not heard, and not kept: it comes again as long as it is offered.
    if (peer.restriction !== undefined) {
      this.#options.say(from, { type: "filePending", id });
      return;
    }
    const record: TransferRecord = {
      ...{ id, direction: "in", fingerprint: from, peer: peer.nickname },
      ...{ name: safeFileName(name), size, time },
      ...{ path: "", stamp: "", state: "offered", why: undefined },
    };
    const receiving = new Receiving(this.#host, record);
    this.#receiving.set(id, receiving);
    // Stored first, as messages are: then it is told, and its sender hears that it has come.
    this.#host.store(now, record, (later) => {
      this.#options.tell(receiving.transfer, "offered");
      if (this.#isTaken(later, peer, size)) receiving.accept();
      else receiving.said(later, { type: "fileOffer", id, name, size, time });
    });
  }

  /** Without a question. */
  #isTaken(now: Millis, peer: Peer, size: number): boolean {
    const { accept, acceptBytes } = this.#options.settings;
    if (accept === "ask" || size > acceptBytes || peer.fingerprint === undefined) return false;
    return this.#isTrusted(peer) && this.#options.allowance.takesFile(now, peer.fingerprint, size);
  }

  #isTrusted({ nickname, fingerprint }: Peer): boolean {
    const { accept } = this.#options.settings;
    const trust = this.#options.trusted.judge({ kind: "peer", name: nickname }, fingerprint);
    if (trust === "verified" || accept === "verified") return trust === "verified";
    // A key is pinned by whoever comes first; that the user has taken a file of it says more.
    return (
      trust === "pinned" &&
      [...this.#receiving.values()].some(
        ({ record }) => record.state === "done" && record.fingerprint === fingerprint,
      )
    );
  }

  #obstacle(peer: Peer | undefined, fingerprint: Fingerprint | undefined): TransferWhy | undefined {
    if (peer?.trust === "changed") return "key-changed";
    if (peer?.restriction === "blocked") return "blocked-here";
    if (fingerprint === undefined) return peer === undefined ? "unknown-name" : "not-supported";
    const open = [...this.#sending.values()].filter(isOpen).length;
    return open >= FILE_BOUNDS.open ? "too-many" : undefined;
  }

  #failed(transfer: Transfer): void {
    this.#stillborn.push(transfer);
    if (this.#stillborn.length > FILE_BOUNDS.overShown) this.#stillborn.shift();
    this.#options.tell(transfer, "failed");
  }

  /** Whoever has waited longest and may run, runs. */
  #schedule(now: Millis): void {
    if (this.#isLeaving) return;
    const running = [...this.#sending.values()].filter(({ isRunning }) => isRunning);
    const peers = running.map(({ record }) => record.fingerprint);
    for (const file of this.#sending.values()) {
      if (peers.length >= FILE_BOUNDS.running) return;
      const { fingerprint } = file.record;
      if (
        !file.isAccepted ||
        peers.filter((peer) => peer === fingerprint).length >= FILE_BOUNDS.runningPerPeer
      )
        continue;
      const place = this.#placeOf(fingerprint);
      if (place === undefined) continue;
      file.run(now, place);
      peers.push(fingerprint);
    }
  }

  #placeOf(fingerprint: Fingerprint): Source | undefined {
    const peer = this.#options.peers.holderOf(fingerprint);
    return peer?.online === true && !isBarred(peer) ? peer : undefined;
  }

  #forgetOldest(now: Millis): void {
    const over = [...this.#all()].filter(({ isOver: has }) => has);
    if (over.length <= FILE_BOUNDS.over) return;
    const [oldest] = over.sort((a, b) => a.record.time - b.record.time);
    if (oldest === undefined) return;
    const { id } = oldest.record;
    this.#sending.delete(id);
    this.#receiving.delete(id);
    this.#options.archiving.put(now, { type: "transfer-forgotten", id });
  }

  #isKnown(id: TransferId): boolean {
    return this.#sending.has(id) || this.#receiving.has(id);
  }

  #of(fingerprint: Fingerprint): readonly File[] {
    return [...this.#all()].filter(({ record }) => record.fingerprint === fingerprint);
  }

  *#all(): Iterable<File> {
    yield* this.#sending.values();
    yield* this.#receiving.values();
  }
}

/** Nothing goes there and nothing is taken. */
function isBarred({ trust, restriction }: Peer): boolean {
  return trust === "changed" || restriction === "blocked";
}

function isOpen(file: File): boolean {
  return !file.isOver;
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
