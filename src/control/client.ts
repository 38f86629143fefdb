/**
 * The only door to the registry: a typed client of the control socket. It speaks node-ipc's frames with node-ipc's own
 * codec, but not through its client class, which costs every command 20 ms of loading TLS and UDP and would connect
 * again by itself (docs/decisions/0002-control-plane-node-ipc.md).
 */
import { createConnection, type Socket } from "node:net";
import type { FrameParser } from "node-ipc/parsers";
import type { Millis } from "../base/clock.ts";
import { errorCode, errorText } from "../base/errors.ts";
import { METHODS, type Method, type MethodName, type RequestOf, type ResultOf } from "./methods.ts";
import {
  asControlError,
  frameParser,
  MAX_REPLY_BYTES,
  MAX_REQUEST_BYTES,
  parseReply,
  REPLY_EVENT,
  REQUEST_EVENT,
} from "./wire.ts";

/**
 * - `not-running`: nobody listens on the socket, or there is none
 * - `not-permitted`: this user may not connect
 * - `closed`: the connection ended before the reply came
 * - `timeout`: the deadline passed
 * - `protocol`: what came back is not a reply
 */
export type ConnectionFailure = "not-running" | "not-permitted" | "closed" | "timeout" | "protocol";

/** The registry could not be asked. That it answered "no" is a ControlError instead. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";
  readonly reason: ConnectionFailure;

  constructor(reason: ConnectionFailure, message: string) {
    super(message);
    this.reason = reason;
  }
}

export const NOT_PERMITTED = "not permitted: join group multiproto (sudo usermod -aG multiproto $USER)";

const DEADLINE_MILLIS = 5_000;

export interface ControlClient {
  /** Throws ControlError when the registry refuses, {@link ConnectionError} when it cannot be asked. */
  request<Name extends MethodName>(
    method: Name,
    params: RequestOf<Name>,
    deadlineMillis?: Millis,
  ): Promise<ResultOf<Name>>;
  /** Requests that still wait fail with "closed". */
  close(): void;
}

/** Connects to the registry's socket at `path`. Throws {@link ConnectionError}. */
export async function connectControl(
  path: string,
  deadlineMillis: Millis = DEADLINE_MILLIS,
): Promise<ControlClient> {
  const socket = createConnection({ path });
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new ConnectionError("timeout", `no connection to ${path} within ${deadlineMillis} ms`));
    }, deadlineMillis);
    const settled = (settle: () => void) => {
      clearTimeout(timer);
      settle();
    };
    socket.once("connect", () => settled(resolve));
    socket.once("error", (error) => settled(() => reject(connectFailure(error, path))));
  });
  return new Client(socket);
}

function connectFailure(error: Error, path: string): ConnectionError {
  switch (errorCode(error)) {
    case "EACCES":
    case "EPERM":
      return new ConnectionError("not-permitted", NOT_PERMITTED);
    case "ENOENT":
      return new ConnectionError("not-running", `no registry: there is no socket ${path}`);
    case "ECONNREFUSED":
      return new ConnectionError("not-running", `no registry: nobody listens on ${path}`);
    default:
      return new ConnectionError("closed", `cannot connect to ${path}: ${errorText(error)}`);
  }
}

interface Waiting {
  readonly method: Method<unknown, unknown>;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

class Client implements ControlClient {
  readonly #socket: Socket;
  readonly #incoming: FrameParser = frameParser(MAX_REPLY_BYTES);
  readonly #outgoing: FrameParser = frameParser(MAX_REQUEST_BYTES);
  readonly #waiting = new Map<number, Waiting>();
  #buffer = "";
  #lastId = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding("utf8");
    socket.on("data", (chunk: string) => this.#read(chunk));
    socket.on("error", () => {}); // "close" follows and says the same
    socket.on("close", () => this.#fail(new ConnectionError("closed", "the registry closed the connection")));
  }

  request<Name extends MethodName>(
    name: Name,
    params: RequestOf<Name>,
    deadlineMillis: Millis = DEADLINE_MILLIS,
  ): Promise<ResultOf<Name>> {
    if (this.#socket.destroyed) {
      return Promise.reject(new ConnectionError("closed", "the registry closed the connection"));
    }
    this.#lastId += 1;
    const id = this.#lastId;
    const answer = new Promise<unknown>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(
          new ConnectionError("timeout", `the registry did not answer "${name}" within ${deadlineMillis} ms`),
        );
      }, deadlineMillis);
      this.#waiting.set(id, { method: METHODS[name] as Method<unknown, unknown>, resolve, reject, timer });
    });
    this.#socket.write(this.#outgoing.encode(REQUEST_EVENT, { id, method: name, params }));
    // The method's own parser made the result, so it has the method's result type.
    return answer as Promise<ResultOf<Name>>;
  }

  close(): void {
    this.#socket.destroy();
    this.#fail(new ConnectionError("closed", "the connection was closed"));
  }

  #read(chunk: string): void {
    try {
      this.#buffer = this.#incoming.read(this.#buffer, chunk, (frame) => {
        if (frame.type === REPLY_EVENT) this.#settle(frame.data);
      });
    } catch (error) {
      this.#socket.destroy();
      this.#fail(new ConnectionError("protocol", `not a registry's answer: ${errorText(error)}`));
    }
  }

  #settle(data: unknown): void {
    const reply = parseReply(data, "reply");
    const waiting = this.#waiting.get(reply.id);
    if (waiting === undefined) return;
    this.#waiting.delete(reply.id);
    clearTimeout(waiting.timer);
    if (!reply.ok) {
      waiting.reject(asControlError(reply.error));
      return;
    }
    try {
      waiting.resolve(waiting.method.parseResult(reply.result, "result"));
    } catch (error) {
      waiting.reject(new ConnectionError("protocol", `not a registry's answer: ${errorText(error)}`));
    }
  }

  #fail(error: ConnectionError): void {
    for (const waiting of this.#waiting.values()) {
      clearTimeout(waiting.timer);
      waiting.reject(error);
    }
    this.#waiting.clear();
  }
}
