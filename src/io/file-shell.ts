import type { FileHandle } from "node:fs/promises";
import { basename } from "node:path";
import type { TLSSocket } from "node:tls";
import { errorText } from "../base/errors.ts";
import { safeFileName } from "../base/file-name.ts";
import type { Fingerprint } from "../base/fingerprint.ts";
import type { FileEnd, FileEvent, FileRequest, IncomingStream } from "../chat/files/requests.ts";
import type { TransferId } from "../wire/mp2-files.ts";
import {
  discardPart,
  folderError,
  isFull,
  openPart,
  type Part,
  readPart,
  savedName,
  savePart,
} from "./file-parts.ts";
import { FileReceiving, readFileData } from "./file-receiving.ts";
import { type DialFile, FileSending, openSource, stampOf } from "./file-sending.ts";
import { STREAM_TIMES, type StreamTimes } from "./file-times.ts";

/** Connections that have not said which file they bring. */
const MAX_UNNAMED = 16;
/** Parts whose hash is remembered between two connections. */
const MAX_PARTS = 64;

export interface FileShellOptions {
  /** Where files go that come. */
  readonly folder: string;
  readonly dial: DialFile;
  readonly onEvent: (event: FileEvent) => void;
  readonly onTrouble: (text: string) => void;
  /** Whether whoever has that key may connect. */
  readonly expects: (from: Fingerprint) => boolean;
  /** Other times than {@link STREAM_TIMES}. */
  readonly times?: StreamTimes;
  readonly arrives: (from: Fingerprint, id: TransferId, offset: number) => IncomingStream | undefined;
}

/** Something that is being done for one file, and how to end it. */
interface Job {
  isStopped: boolean;
  stop: () => void;
  /** Nothing of it touches the disk any more. */
  done: Promise<unknown>;
}

/** Disk and connections of files, for the core that decides. */
export class FileShell {
  readonly #options: FileShellOptions;
  readonly #times: StreamTimes;
  readonly #jobs = new Map<TransferId, Job>();
  /** Hashes of what is there of those that may come, so that a broken connection costs no second reading. */
  readonly #parts = new Map<TransferId, Part>();
  readonly #unnamed = new Set<TLSSocket>();
  #isClosed = false;

  constructor(options: FileShellOptions) {
    this.#options = options;
    this.#times = options.times ?? STREAM_TIMES;
  }

  perform(request: FileRequest): void {
    const { id } = request;
    switch (request.type) {
      case "inspect":
        this.#begin(id, () => this.#inspect(id, request.path));
        return;
      case "prepare":
        this.#begin(id, (job) => this.#prepare(request, job));
        return;
      case "stream": {
        const { dial } = this.#options;
        const onProgress = (bytes: number): void => this.#progress(id, bytes);
        const sending = new FileSending(request, dial, { times: this.#times, onProgress });
        this.#begin(id, async (job) => {
          job.stop = () => sending.stop();
          return job.isStopped ? undefined : { type: "ended", id, how: await sending.run() };
        });
        return;
      }
      case "stop":
        this.#stop(id);
        return;
      case "discard":
        this.#begin(id, async () => {
          this.#parts.delete(id);
          await discardPart(request.folder, id);
          return undefined;
        });
    }
  }

  /** A connection for a file, of whoever has proved that key. */
  accept(socket: TLSSocket, from: Fingerprint): void {
    if (this.#isClosed || this.#unnamed.size >= MAX_UNNAMED || !this.#options.expects(from)) {
      socket.destroy();
      return;
    }
    this.#unnamed.add(socket);
    void readFileData(socket, this.#times).then((named) => {
      this.#unnamed.delete(socket);
      if (named === undefined) return;
      const { id, offset } = named.data;
      const stream = this.#options.arrives(from, id, offset);
      if (stream === undefined) socket.destroy();
      else this.#begin(id, (job) => this.#receive(id, stream, { socket, rest: named.rest }, job));
    });
  }

  /** Breaks off everything. */
  close(): void {
    this.#isClosed = true;
    for (const id of [...this.#jobs.keys()]) this.#stop(id);
    for (const socket of this.#unnamed) socket.destroy();
  }

  /** One thing at a time is done for a file, after what was begun before; what was stopped tells nothing any more. */
  #begin(id: TransferId, work: (job: Job) => Promise<FileEvent | undefined>): void {
    this.#stop(id);
    const before = this.#jobs.get(id)?.done ?? Promise.resolve();
    const job: Job = { isStopped: this.#isClosed, stop: () => {}, done: before };
    this.#jobs.set(id, job);
    job.done = before
      .then(() => work(job))
      .catch((error: unknown): FileEvent => {
        this.#options.onTrouble(errorText(error));
        return { type: "ended", id, how: "broken" };
      })
      .then((event) => {
        if (this.#jobs.get(id) === job) this.#jobs.delete(id);
        if (!job.isStopped && event !== undefined) this.#options.onEvent(event);
      });
  }

  #stop(id: TransferId): void {
    const job = this.#jobs.get(id);
    if (job === undefined) return;
    job.isStopped = true;
    job.stop();
  }

  #progress(id: TransferId, bytes: number): void {
    if (this.#jobs.get(id)?.isStopped === false) this.#options.onEvent({ type: "progress", id, bytes });
  }

  async #inspect(id: TransferId, path: string): Promise<FileEvent> {
    const source = await openSource(path);
    if (typeof source === "string") return { type: "ended", id, how: source };
    await source.handle.close();
    const { stat } = source;
    const name = safeFileName(basename(path));
    return { type: "inspected", id, name, size: Number(stat.size), stamp: stampOf(stat) };
  }

  async #prepare(
    { id, folder = this.#options.folder, size, anew }: Extract<FileRequest, { type: "prepare" }>,
    job: Job,
  ): Promise<FileEvent> {
    let handle: FileHandle | undefined;
    try {
      handle = await openPart(folder, id, size);
      const path = await savedName(handle, folder, id);
      if (path !== undefined) return { type: "saved", id, path };
      if (anew) await handle.truncate(0);
      const known = anew ? undefined : this.#parts.get(id);
      const isKnown = known !== undefined && known.bytes === (await handle.stat()).size;
      const part = isKnown ? known : await readPart(handle, () => job.isStopped);
      if (!job.isStopped) this.#remember(id, part);
      return { type: "prepared", id, folder, offset: part.bytes };
    } catch (error) {
      return this.#failed(id, folder, error);
    } finally {
      await handle?.close();
    }
  }

  async #receive(
    id: TransferId,
    { folder, name, size, offset }: IncomingStream,
    { socket, rest }: { readonly socket: TLSSocket; readonly rest: Buffer },
    job: Job,
  ): Promise<FileEvent> {
    job.stop = () => socket.destroy();
    const part = this.#parts.get(id);
    this.#parts.delete(id);
    let handle: FileHandle | undefined;
    try {
      handle = await openPart(folder, id, size);
      const isThere = part?.bytes === offset && (await handle.stat()).size === offset;
      if (part === undefined || !isThere || job.isStopped) {
        socket.destroy();
        return { type: "ended", id, how: "broken" };
      }
      const times = this.#times;
      const onProgress = (bytes: number): void => this.#progress(id, bytes);
      const receiving = new FileReceiving({
        socket,
        handle,
        hash: part.hash,
        offset,
        size,
        times,
        onProgress,
      });
      job.stop = () => receiving.stop();
      const end = await receiving.run(rest);
      if (end.type === "failed") {
        // What is there must be what was written, without a part of a write.
        await handle.truncate(receiving.written);
        return this.#failed(id, folder, end.error);
      }
      if (end.type === "broken") this.#remember(id, { bytes: receiving.written, hash: part.hash });
      if (end.type !== "whole") return { type: "ended", id, how: end.type };
      return { type: "saved", id, path: await savePart(handle, folder, id, name) };
    } catch (error) {
      return this.#failed(id, folder, error);
    } finally {
      if (handle === undefined) socket.destroy();
      await handle?.close();
    }
  }

  #remember(id: TransferId, part: Part): void {
    const [oldest] = this.#parts.keys();
    if (this.#parts.size >= MAX_PARTS && oldest !== undefined) this.#parts.delete(oldest);
    this.#parts.set(id, part);
  }

  #failed(id: TransferId, folder: string, error: unknown): FileEvent {
    const how: FileEnd = isFull(error) ? "disk-full" : "storage";
    this.#options.onTrouble(folderError(folder, error).message);
    return { type: "ended", id, how };
  }
}
