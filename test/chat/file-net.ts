import type { Millis } from "../../src/base/clock.ts";
import type { FileEvent, FileRequest, OutgoingStream } from "../../src/chat/files/requests.ts";
import type { Transfer } from "../../src/chat/files/transfer.ts";
import type { TransferId } from "../../src/wire/mp2-files.ts";
import { ChatNet } from "./chat-net.ts";
import type { Mp2Client, Person } from "./mp2-client.ts";

/** What outlives a process: the files that it sends, parts, and what stands in the folder. */
export class Disk {
  readonly sources = new Map<string, { size: number; stamp: string }>();
  readonly parts = new Map<TransferId, number>();
  /** The part has its name, too. */
  readonly named = new Map<TransferId, string>();
  /** Names in the folder, in the order in which they came. */
  readonly folder: string[] = [];
  room = Infinity;
}

interface Stream {
  readonly id: TransferId;
  readonly sender: Mp2Client;
  readonly receiver: Mp2Client;
  isOver: boolean;
}

const STEP: Millis = 10;

/** Chat cores on one virtual clock with disks and connections for files, which a test may break. */
export class FileNet extends ChatNet {
  readonly disks = new Map<string, Disk>();
  readonly streams: Stream[] = [];
  /** Bytes a step. */
  speed = 1_000;
  /** The sender's hash will not be that of what came. */
  isCorrupt = false;
  /** Called with every event before the core has it; false: it is lost with its process. */
  onEvent: (node: Mp2Client, event: FileEvent) => boolean = () => true;

  constructor(people: readonly Person[], seed = 1) {
    super(people, seed);
    for (const { nick } of people) this.disks.set(nick, new Disk());
    this.onFile = (node, request) => this.#perform(node, request);
  }

  disk({ nick }: Person): Disk {
    const disk = this.disks.get(nick);
    if (disk === undefined) throw new Error(nick);
    return disk;
  }

  /** A file of that size, offered. */
  send(from: Person, to: Person, path: string, size = 10_000): TransferId {
    this.disk(from).sources.set(path, { size, stamp: "1" });
    return this.node(from).client.sendFile(this.now, to.nick, path);
  }

  file(person: Person, id: TransferId): Transfer | undefined {
    return this.node(person).client.files.find((file) => file.id === id);
  }

  state(person: Person, id: TransferId): string | undefined {
    const file = this.file(person, id);
    return file === undefined ? undefined : `${file.state}${file.why === undefined ? "" : ` ${file.why}`}`;
  }

  change(person: Person, id: TransferId, action: Parameters<Mp2Client["client"]["changeFile"]>[2]): boolean {
    return this.node(person).client.changeFile(this.now, id, action);
  }

  /** Everything that is being carried breaks off. */
  breakStreams(): void {
    for (const stream of this.streams) this.#broken(stream);
  }

  /** Kills a process, with what it was about to hear. */
  kill(person: Person): void {
    const former = this.node(person);
    for (const stream of this.streams)
      if (stream.sender === former || stream.receiver === former) this.#broken(stream);
    this.restart(person);
  }

  #perform(node: Mp2Client, request: FileRequest): void {
    const disk = this.disk(node.person);
    const { id } = request;
    switch (request.type) {
      case "inspect": {
        const source = disk.sources.get(request.path);
        const name = request.path.slice(1);
        if (source === undefined) this.#tell(node, { type: "ended", id, how: "not-found" });
        else this.#tell(node, { type: "inspected", id, name, ...source });
        return;
      }
      case "prepare": {
        const path = disk.named.get(id);
        if (path !== undefined) this.#tell(node, { type: "saved", id, path });
        else if (disk.room < request.size) this.#tell(node, { type: "ended", id, how: "disk-full" });
        else {
          if (request.anew) disk.parts.set(id, 0);
          const offset = disk.parts.get(id) ?? 0;
          disk.parts.set(id, offset);
          this.#tell(node, { type: "prepared", id, folder: "/in", offset });
        }
        return;
      }
      case "stream":
        this.later(this.delay(), () => this.#start(node, request));
        return;
      case "stop":
        for (const stream of this.streams) if (stream.id === id && !stream.isOver) this.#broken(stream, node);
        return;
      case "discard":
        disk.parts.delete(id);
        disk.named.delete(id);
    }
  }

  #start(sender: Mp2Client, { id, address, offset, size, path, stamp }: OutgoingStream): void {
    if (!this.nodes.includes(sender)) return;
    const receiver = this.nodes.find(({ person }) => person.address === address);
    const source = this.disk(sender.person).sources.get(path);
    if (source?.stamp !== stamp) {
      this.#tell(sender, { type: "ended", id, how: source === undefined ? "not-found" : "changed" });
      return;
    }
    const isOpen = receiver !== undefined && this.mayConnect(sender.person, receiver.person);
    const into = isOpen ? receiver.client.fileArrives(this.now, sender.person.key, id, offset) : undefined;
    if (receiver === undefined || into === undefined) {
      this.#tell(sender, { type: "ended", id, how: "broken" });
      return;
    }
    const stream: Stream = { id, sender, receiver, isOver: false };
    this.streams.push(stream);
    this.later(STEP, () => this.#step(stream, size));
  }

  #step(stream: Stream, size: number): void {
    if (stream.isOver) return;
    const { id, sender, receiver } = stream;
    const disk = this.disk(receiver.person);
    const bytes = Math.min(size, (disk.parts.get(id) ?? 0) + this.speed);
    disk.parts.set(id, bytes);
    if (bytes > disk.room) {
      stream.isOver = true;
      this.#tell(receiver, { type: "ended", id, how: "disk-full" });
      this.#tell(sender, { type: "ended", id, how: "broken" });
      return;
    }
    this.#tell(sender, { type: "progress", id, bytes });
    this.#tell(receiver, { type: "progress", id, bytes });
    if (bytes < size) {
      this.later(STEP, () => this.#step(stream, size));
      return;
    }
    stream.isOver = true;
    this.#tell(sender, { type: "ended", id, how: "sent" });
    if (this.isCorrupt) this.#tell(receiver, { type: "ended", id, how: "corrupt" });
    else {
      const path = `/in/${id}`;
      disk.folder.push(path);
      disk.named.set(id, path);
      this.#tell(receiver, { type: "saved", id, path });
    }
  }

  /** Both sides hear of it but the one that asked for it. */
  #broken(stream: Stream, asked?: Mp2Client): void {
    if (stream.isOver) return;
    stream.isOver = true;
    for (const node of [stream.sender, stream.receiver])
      if (node !== asked) this.#tell(node, { type: "ended", id: stream.id, how: "broken" });
  }

  #tell(node: Mp2Client, event: FileEvent): void {
    this.later(this.delay(), () => {
      if (this.nodes.includes(node) && this.onEvent(node, event)) node.handle({ type: "file", event });
    });
  }
}
