import type { Hash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import type { TLSSocket } from "node:tls";
import type { Millis } from "../base/clock.ts";
import { FILE_FRAME_BYTES, FILE_STREAM, type FileData } from "../wire/mp2-files.ts";
import type { StreamTimes } from "./file-times.ts";

/** Written at once. */
const WRITE_BYTES = 1_024 * 1_024;
/** Came and is not written: the connection rests beyond it. */
const MAX_UNWRITTEN_BYTES = 4 * WRITE_BYTES;
const HEADER_BYTES = 4;

/** Cuts one frame off the beginning; undefined: not complete yet; "fault": none of ours. */
function cutFrame(bytes: Buffer): { readonly frame: Buffer; readonly rest: Buffer } | "fault" | undefined {
  if (bytes.length < HEADER_BYTES) return undefined;
  const length = bytes.readUInt32BE(0);
  if (length === 0 || length > FILE_FRAME_BYTES) return "fault";
  const end = HEADER_BYTES + length;
  return bytes.length < end
    ? undefined
    : { frame: bytes.subarray(HEADER_BYTES, end), rest: bytes.subarray(end) };
}

/** The first words of a connection that brings a file: which, and from where on. Undefined where they do not come. */
export function readFileData(
  socket: TLSSocket,
  times: StreamTimes,
): Promise<{ readonly data: FileData; readonly rest: Buffer } | undefined> {
  return new Promise((resolve) => {
    let came = Buffer.alloc(0);
    const settle = (found: { data: FileData; rest: Buffer } | undefined): void => {
      clearTimeout(timer);
      for (const event of ["data", "close"] as const) socket.removeAllListeners(event);
      socket.pause();
      if (found === undefined) socket.destroy();
      resolve(found);
    };
    const timer = setTimeout(() => settle(undefined), times.first);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => settle(undefined));
    socket.on("data", (bytes: Buffer) => {
      came = Buffer.concat([came, bytes]);
      const cut = cutFrame(came);
      if (cut === undefined) return;
      const decoded = cut === "fault" ? undefined : FILE_STREAM.decode(cut.frame);
      if (cut !== "fault" && decoded?.ok === true && decoded.value.type === "fileData")
        settle({ data: decoded.value, rest: cut.rest });
      else settle(undefined);
    });
  });
}

/** How the bytes of a file ended: "whole" is verified. */
export type ReceivingEnd =
  | { readonly type: "whole" | "broken" | "corrupt" }
  | { readonly type: "failed"; readonly error: unknown };

/** One file on its way in: bytes to disk and through the hash, in order, with the network waiting for the disk. */
export class FileReceiving {
  readonly #socket: TLSSocket;
  readonly #handle: FileHandle;
  readonly #hash: Hash;
  readonly #size: number;
  readonly #times: StreamTimes;
  readonly #onProgress: (bytes: number) => void;
  /** Bytes of the file: come, and on disk. */
  #came: number;
  #written: number;
  #chunks: Buffer[] = [];
  #chunkBytes = 0;
  #isWriting = false;
  /** What follows the last byte. */
  #trailer = Buffer.alloc(0);
  /** The other side ends, or the connection is gone. */
  #isOver = false;
  #failure: unknown;
  #resolve: ((end: ReceivingEnd) => void) | undefined;
  #watch: NodeJS.Timeout | undefined;

  constructor(options: {
    readonly socket: TLSSocket;
    readonly handle: FileHandle;
    /** Of the first `offset` bytes, which are there; it goes on. */
    readonly hash: Hash;
    readonly offset: number;
    readonly size: number;
    readonly times: StreamTimes;
    readonly onProgress: (bytes: number) => void;
  }) {
    this.#socket = options.socket;
    this.#handle = options.handle;
    this.#hash = options.hash;
    this.#size = options.size;
    this.#times = options.times;
    this.#onProgress = options.onProgress;
    this.#came = options.offset;
    this.#written = options.offset;
  }

  /** Bytes on disk; the hash is theirs unless writing has failed. */
  get written(): number {
    return this.#written;
  }

  run(rest: Buffer): Promise<ReceivingEnd> {
    return new Promise((resolve) => {
      this.#resolve = resolve;
      this.#watch = this.#startWatch();
      const over = (): void => {
        this.#isOver = true;
        this.#proceed();
      };
      this.#socket.on("end", over);
      this.#socket.on("close", over);
      this.#socket.on("data", (bytes: Buffer) => this.#take(bytes));
      if (rest.length > 0) this.#take(rest);
      if (this.#socket.destroyed) over();
      else this.#socket.resume();
    });
  }

  /** Breaks it off; what came is written. */
  stop(): void {
    this.#isOver = true;
    this.#socket.destroy();
    this.#proceed();
  }

  #take(bytes: Buffer): void {
    if (this.#isOver) return;
    const part = bytes.subarray(0, this.#size - this.#came);
    if (part.length > 0) {
      this.#hash.update(part);
      this.#came += part.length;
      this.#chunks.push(part);
      this.#chunkBytes += part.length;
    }
    if (part.length < bytes.length) {
      this.#trailer = Buffer.concat([this.#trailer, bytes.subarray(part.length)]);
      if (this.#isTooLong) this.#isOver = true;
    }
    if (this.#chunkBytes > MAX_UNWRITTEN_BYTES) this.#socket.pause();
    this.#proceed();
  }

  /** Writes what there is, then sees whether that was all. */
  #proceed(): void {
    if (this.#isWriting || this.#resolve === undefined) return;
    const isLast = this.#isOver || this.#came === this.#size;
    if (this.#failure === undefined && (this.#chunkBytes >= WRITE_BYTES || (isLast && this.#chunkBytes > 0)))
      void this.#write();
    else if (this.#failure !== undefined || this.#isOver || this.#trailerEnd !== undefined) this.#finish();
  }

  async #write(): Promise<void> {
    const chunks = this.#chunks;
    let left = this.#chunkBytes;
    this.#chunks = [];
    this.#chunkBytes = 0;
    this.#isWriting = true;
    try {
      for (let at = 0; left > 0; ) {
        const { bytesWritten } = await this.#handle.writev(chunks.slice(at), this.#written);
        this.#written += bytesWritten;
        left -= bytesWritten;
        if (left > 0) at = skip(chunks, at, bytesWritten);
      }
    } catch (error) {
      this.#failure = error;
    }
    this.#isWriting = false;
    if (this.#socket.isPaused() && this.#chunkBytes <= WRITE_BYTES) this.#socket.resume();
    this.#proceed();
  }

  /** More than a last frame follows: that is not what was offered. */
  get #isTooLong(): boolean {
    return this.#trailer.length > HEADER_BYTES + FILE_FRAME_BYTES;
  }

  /** The last frame: its hash is the file's, or not. Undefined: not complete. */
  get #trailerEnd(): "whole" | "corrupt" | undefined {
    const cut = this.#came === this.#size ? cutFrame(this.#trailer) : undefined;
    if (cut === undefined) return undefined;
    const decoded = cut === "fault" || cut.rest.length > 0 ? undefined : FILE_STREAM.decode(cut.frame);
    if (decoded?.ok !== true || decoded.value.type !== "fileEnd") return "corrupt";
    return decoded.value.sha256 === this.#hash.copy().digest("hex") ? "whole" : "corrupt";
  }

  #finish(): void {
    const resolve = this.#resolve;
    this.#resolve = undefined;
    clearInterval(this.#watch);
    this.#onProgress(this.#written);
    if (this.#failure !== undefined) resolve?.({ type: "failed", error: this.#failure });
    else resolve?.({ type: this.#trailerEnd ?? (this.#isTooLong ? "corrupt" : "broken") });
    if (this.#trailerEnd === "whole") this.#socket.end();
    else this.#socket.destroy();
  }

  /** Tells how far it has come, and gives up on a connection that brings nothing. */
  #startWatch(): NodeJS.Timeout {
    let before = this.#came;
    let still: Millis = 0;
    return setInterval(() => {
      still = this.#came === before && !this.#isWriting ? still + this.#times.progress : 0;
      if (this.#came !== before) this.#onProgress(this.#written);
      before = this.#came;
      if (still >= this.#times.stall) this.stop();
    }, this.#times.progress);
  }
}

/** Cuts `bytes` off the chunks from `at` on; where the rest begins. */
function skip(chunks: Buffer[], at: number, bytes: number): number {
  let left = bytes;
  let index = at;
  for (let chunk = chunks[index]; chunk !== undefined && left >= chunk.length; chunk = chunks[index]) {
    left -= chunk.length;
    index += 1;
  }
  const cut = chunks[index];
  if (cut !== undefined && left > 0) chunks[index] = cut.subarray(left);
  return index;
}
