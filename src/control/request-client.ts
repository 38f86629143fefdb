/**
 * A client of a control socket, the registry's or that of a user's presence. It speaks node-ipc's frames with node-ipc's
 * own codec, but not through its client class, which costs every command 20 ms of loading TLS and UDP and would connect
 * again by itself (docs/decisions/0002-control-plane-node-ipc.md).
 */
import { createConnection, type Socket } from "node:net";
import type { FrameParser } from "node-ipc/parsers";
import type { Millis } from "../base/clock.ts";
import { errorCode, errorText } from "../base/errors.ts";
import type { Method } from "./method.ts";
import type { Parse } from "./parse.ts";
import {
  asControlError,
  frameParser,
  NO_ID,
  PUSH_EVENT,
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

/** The other side could not be asked. That it answered "no" is a ControlError instead. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";
  readonly reason: ConnectionFailure;

  constructor(reason: ConnectionFailure, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** How errors call things. */
export interface ClientWords {
  /** "registry": "no registry: there is no socket …", "the registry closed the connection". */
  readonly server: string;
  /** What to do about a refusal of the system. */
  readonly notPermitted: string;
}

export interface RequestClientOptions {
  readonly path: string;
  readonly words: ClientWords;
  readonly deadlineMillis: Millis;
  /** The largest frames. */
  readonly requestBytes: number;
  readonly replyBytes: number;
  /** What the server tells unasked. What it throws ends the connection. */
  readonly onPush?: (data: unknown) => void;
  /** The last: nothing comes any more. */
  readonly onClosed?: (why: ConnectionError) => void;
}

/** Connects to the socket at `path`. Throws {@link ConnectionError}. */
export async function connectTo(options: RequestClientOptions): Promise<RequestClient> {
  const { path, deadlineMillis, words } = options;
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
    socket.once("error", (error) => settled(() => reject(connectFailure(error, path, words))));
  });
  return new RequestClient(socket, options);
}

function connectFailure(error: Error, path: string, { server, notPermitted }: ClientWords): ConnectionError {
  switch (errorCode(error)) {
    case "EACCES":
    case "EPERM":
      return new ConnectionError("not-permitted", notPermitted);
    case "ENOENT":
      return new ConnectionError("not-running", `no ${server}: there is no socket ${path}`);
    case "ECONNREFUSED":
      return new ConnectionError("not-running", `no ${server}: nobody listens on ${path}`);
    default:
      return new ConnectionError("closed", `cannot connect to ${path}: ${errorText(error)}`);
  }
}

interface Waiting {
  readonly parseResult: Parse<unknown>;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

export class RequestClient {
  readonly #socket: Socket;
  readonly #options: RequestClientOptions;
  readonly #incoming: FrameParser;
  readonly #outgoing: FrameParser;
  readonly #waiting = new Map<number, Waiting>();
  #buffer = "";
  #lastId = 0;
  #isOver = false;

  constructor(socket: Socket, options: RequestClientOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#incoming = frameParser(options.replyBytes, [REQUEST_EVENT, REPLY_EVENT, PUSH_EVENT]);
    this.#outgoing = frameParser(options.requestBytes);
    socket.setEncoding("utf8");
    socket.on("data", (chunk: string) => this.#read(chunk));
    socket.on("error", () => {}); // "close" follows and says the same
    socket.on("close", () => this.#fail(new ConnectionError("closed", this.#closedText())));
  }

  /** Throws ControlError when the server refuses, {@link ConnectionError} when it cannot be asked. */
  request<Request, Result>(
    name: string,
    method: Pick<Method<never, Request, Result>, "parseResult">,
    params: Request,
    deadlineMillis: Millis = this.#options.deadlineMillis,
  ): Promise<Result> {
    if (this.#socket.destroyed) return Promise.reject(new ConnectionError("closed", this.#closedText()));
    this.#lastId += 1;
    const id = this.#lastId;
    const answer = new Promise<unknown>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(
          new ConnectionError(
            "timeout",
            `the ${this.#options.words.server} did not answer "${name}" within ${deadlineMillis} ms`,
          ),
        );
      }, deadlineMillis);
      this.#waiting.set(id, { parseResult: method.parseResult, resolve, reject, timer });
    });
    this.#socket.write(this.#outgoing.encode(REQUEST_EVENT, { id, method: name, params }));
    // The method's own parser made the result, so it has the method's result type.
    return answer as Promise<Result>;
  }

  /** Requests that still wait fail with "closed". */
  close(): void {
    this.#socket.destroy();
    this.#fail(new ConnectionError("closed", "the connection was closed"));
  }

  #read(chunk: string): void {
    try {
      this.#buffer = this.#incoming.read(this.#buffer, chunk, (frame) => {
        if (frame.type === REPLY_EVENT) this.#settle(frame.data);
        else if (frame.type === PUSH_EVENT) this.#options.onPush?.(frame.data);
      });
    } catch (error) {
      this.#socket.destroy();
      this.#fail(this.#notAnAnswer(error));
    }
  }

  #settle(data: unknown): void {
    const reply = parseReply(data, "reply");
    // About no request, but about all of them: the connection is not wanted.
    if (reply.id === NO_ID && !reply.ok) this.#refuseAll(asControlError(reply.error));
    const waiting = this.#waiting.get(reply.id);
    if (waiting === undefined) return;
    this.#waiting.delete(reply.id);
    clearTimeout(waiting.timer);
    if (!reply.ok) {
      waiting.reject(asControlError(reply.error));
      return;
    }
    try {
      waiting.resolve(waiting.parseResult(reply.result, "result"));
    } catch (error) {
      waiting.reject(this.#notAnAnswer(error));
    }
  }

  #refuseAll(error: Error): void {
    for (const waiting of this.#waiting.values()) {
      clearTimeout(waiting.timer);
      waiting.reject(error);
    }
    this.#waiting.clear();
  }

  #fail(error: ConnectionError): void {
    this.#refuseAll(error);
    if (this.#isOver) return;
    this.#isOver = true;
    this.#options.onClosed?.(error);
  }

  #closedText(): string {
    return `the ${this.#options.words.server} closed the connection`;
  }

  #notAnAnswer(error: unknown): ConnectionError {
    return new ConnectionError(
      "protocol",
      `not a ${this.#options.words.server}'s answer: ${errorText(error)}`,
    );
  }
}
