import type { Hash } from "node:crypto";
import type { BigIntStats } from "node:fs";
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import type { TLSSocket } from "node:tls";
import type { Millis } from "../base/clock.ts";
import { errorCode } from "../base/errors.ts";
import type { FileEnd, OutgoingStream } from "../chat/files/requests.ts";
import { FILE_STREAM, type FileHash } from "../wire/mp2-files.ts";
import { encodeFrame } from "../wire/mp2-frames.ts";
import type { FileDestination } from "./chat-channels.ts";
import { hashStart } from "./file-parts.ts";
import type { StreamTimes } from "./file-times.ts";

/** Read at once, and written at once: large enough that calls do not count, small enough that chat does not wait. */
const CHUNK_BYTES = 256 * 1_024;
/** Read and not yet taken by the network. */
const CHUNKS = 4;
/** After our last byte, until the other side ends, too. */
const LINGER_MILLIS: Millis = 5_000;

export type DialFile = (
  to: FileDestination,
  onOpen: (socket: TLSSocket) => void,
  onFailed: () => void,
) => () => void;

/** What tells a file from another one that stands in its place, or from itself after a change. */
export function stampOf({ dev, ino, size, mtimeNs }: BigIntStats): string {
  return `${dev} ${ino} ${size} ${mtimeNs}`;
}

/** Opens a file to be sent; how it ended where it cannot be. */
export async function openSource(
  path: string,
): Promise<
  | { readonly handle: FileHandle; readonly stat: BigIntStats }
  | Extract<FileEnd, "not-found" | "not-a-file" | "unreadable">
> {
  let handle: FileHandle | undefined;
  try {
    // Non-blocking: opening a FIFO without a writer would hang.
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = await handle.stat({ bigint: true });
    if (stat.isFile() && stat.size <= BigInt(Number.MAX_SAFE_INTEGER)) return { handle, stat };
    await handle.close();
    return "not-a-file";
  } catch (error) {
    await handle?.close();
    const code = errorCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") return "not-found";
    return code === "EISDIR" ? "not-a-file" : "unreadable";
  }
}

/** One file on its way out. */
export class FileSending {
  readonly #request: OutgoingStream;
  readonly #dial: DialFile;
  readonly #times: StreamTimes;
  readonly #onProgress: (bytes: number) => void;
  #socket: TLSSocket | undefined;
  #isStopped = false;
  /** Bytes of the file that the network has taken. */
  #taken: number;
  #free: Buffer[] = [];
  #made = 0;
  /** Waits for a free chunk, or for the end. */
  #wake: (() => void) | undefined;
  #cancelDial: (() => void) | undefined;

  constructor(
    request: OutgoingStream,
    dial: DialFile,
    { times, onProgress }: { times: StreamTimes; onProgress: (bytes: number) => void },
  ) {
    this.#times = times;
    this.#request = request;
    this.#dial = dial;
    this.#onProgress = onProgress;
    this.#taken = request.offset;
  }

  /** From the file's opening to the connection's end. */
  async run(): Promise<FileEnd> {
    const source = await openSource(this.#request.path);
    if (typeof source === "string") return source;
    const { handle, stat } = source;
    try {
      if (stampOf(stat) !== this.#request.stamp) return "changed";
      const hash = await hashStart(handle, this.#request.offset, () => this.#isStopped);
      const socket = await this.#connect();
      return socket === undefined ? "broken" : await this.#pour(socket, handle, hash);
    } catch (error) {
      return errorCode(error).startsWith("E") ? "unreadable" : "broken";
    } finally {
      await handle.close();
    }
  }

  /** Breaks it off. */
  stop(): void {
    this.#isStopped = true;
    this.#cancelDial?.();
    this.#socket?.destroy();
    this.#wake?.();
  }

  #connect(): Promise<TLSSocket | undefined> {
    if (this.#isStopped) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.#wake = () => resolve(undefined);
      this.#cancelDial = this.#dial(this.#request, resolve, () => resolve(undefined));
    });
  }

  async #pour(socket: TLSSocket, handle: FileHandle, hash: Hash): Promise<FileEnd> {
    this.#socket = socket;
    const stop = (): void => this.stop();
    socket.on("error", stop);
    socket.on("close", stop);
    // Nothing is said on this connection in return; a FIN alone is the other side's end.
    socket.on("data", stop);
    const watch = this.#watch();
    try {
      const { id, offset, size } = this.#request;
      socket.write(encodeFrame(FILE_STREAM.encode({ type: "fileData", id, offset })));
      for (let at = offset; at < size; ) {
        const got = await this.#read(socket, handle, hash, at);
        if (got === undefined) return "broken";
        if (got === 0) return "changed";
        at += got;
      }
      if (stampOf(await handle.stat({ bigint: true })) !== this.#request.stamp) return "changed";
      return await this.#end(socket, hash.digest("hex") as FileHash);
    } finally {
      clearInterval(watch);
      socket.removeListener("close", stop);
      if (!socket.writableFinished) socket.destroy();
      else {
        const linger = setTimeout(() => socket.destroy(), LINGER_MILLIS);
        socket.on("close", () => clearTimeout(linger));
        socket.on("end", () => socket.destroy());
      }
    }
  }

  /** Reads the next chunk and sends it; undefined when the connection is gone. */
  async #read(socket: TLSSocket, handle: FileHandle, hash: Hash, at: number): Promise<number | undefined> {
    const chunk = await this.#chunk();
    if (chunk === undefined) return undefined;
    const { bytesRead } = await handle.read(chunk, 0, Math.min(CHUNK_BYTES, this.#request.size - at), at);
    if (this.#isStopped) return undefined;
    const bytes = chunk.subarray(0, bytesRead);
    hash.update(bytes);
    socket.write(bytes, () => {
      this.#taken += bytesRead;
      this.#free.push(chunk);
      this.#wake?.();
    });
    return bytesRead;
  }

  /** One that the network has done with. */
  async #chunk(): Promise<Buffer | undefined> {
    while (!this.#isStopped) {
      const free = this.#free.pop();
      if (free !== undefined) return free;
      if (this.#made < CHUNKS) {
        this.#made += 1;
        return Buffer.allocUnsafeSlow(CHUNK_BYTES);
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return undefined;
  }

  #end(socket: TLSSocket, sha256: FileHash): Promise<FileEnd> {
    return new Promise((resolve) => {
      if (this.#isStopped) resolve("broken");
      this.#wake = () => resolve("broken");
      socket.end(encodeFrame(FILE_STREAM.encode({ type: "fileEnd", sha256 })), () => {
        resolve(socket.writableFinished ? "sent" : "broken");
      });
    });
  }

  /** Tells how far it has come, and gives up on a connection that takes nothing. */
  #watch(): NodeJS.Timeout {
    let before = this.#taken;
    let still: Millis = 0;
    return setInterval(() => {
      still = this.#taken === before ? still + this.#times.progress : 0;
      if (this.#taken !== before) this.#onProgress(this.#taken);
      before = this.#taken;
      if (still >= this.#times.stall) this.stop();
    }, this.#times.progress);
  }
}
