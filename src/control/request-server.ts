/**
 * The server of a control socket, the registry's or that of a user's presence: node-ipc for framing, size limits and the
 * event allow-list; here the rest that a hostile or broken client calls for. Nothing that a client sends can throw out of
 * this file.
 */
import { createServer, type Server, type Socket } from "node:net";
import { IPCModule, type IPCServer } from "node-ipc";
import type { FrameParser } from "node-ipc/parsers";
import type { Clock, Millis } from "../base/clock.ts";
import { errorCode, errorText } from "../base/errors.ts";
import type { Log, LogEntry } from "../base/log.ts";
import { TokenBucket } from "../base/tokens.ts";
import { ControlError } from "./errors.ts";
import { type ListenAt, type ListenWords, listen } from "./listen.ts";
import { ShapeError } from "./parse.ts";
import type { Turns } from "./turns.ts";
import {
  frameParser,
  NO_ID,
  PUSH_EVENT,
  parseRequest,
  REPLY_EVENT,
  REQUEST_EVENT,
  type Reply,
  type ReplyError,
  type Request,
  requestId,
} from "./wire.ts";

export interface ServerLimits {
  /** Connections at once; more are closed as they come. */
  readonly connections: number;
  /** The largest request frame. */
  readonly requestBytes: number;
  /** The largest reply frame, and the most that may wait to be written to one client. */
  readonly replyBytes: number;
  readonly requestsPerSecond: number;
  /** Reads from one connection a second: sending byte by byte costs us more than the sender. */
  readonly readsPerSecond: number;
  /** Requests of one connection that are being answered at once; more get "busy". */
  readonly underWay: number;
  /** For a request whose end does not come. */
  readonly partialMillis: Millis;
  /** For a connection on which nothing happens. */
  readonly idleMillis: Millis;
  /** For a client that does not read its reply. */
  readonly stalledMillis: Millis;
  /** For requests still being answered when the server closes, and again for replies still being written. */
  readonly closeMillis: Millis;
}

/** How lines of the log and errors call things. */
export interface ServerWords {
  /** "Control": "Control socket: …", "Control client dropped: …". */
  readonly subject: string;
  /** "The registry": "The registry is stopping". */
  readonly owner: string;
}

export interface RequestServerOptions {
  readonly log: Log;
  readonly clock: Clock;
  readonly limits: ServerLimits;
  readonly words: ServerWords;
  /** Throws ShapeError or {@link ControlError}, which go to the client, or anything else, which is also logged. */
  readonly answer: (from: ServedClient, request: Request) => Promise<unknown>;
  /** Why a new connection is not served, which it is told; undefined: it is. */
  readonly admit?: (socket: Socket) => string | undefined;
  /** Who waits for its turn before it is answered. Absent: nobody does. */
  readonly turns?: Turns;
  /** The connection is gone. */
  readonly onGone?: (client: ServedClient) => void;
}

/** A connection, as those see it who answer its requests. */
export interface ServedClient {
  /** Tells it something unasked; too far behind, it is dropped. */
  push(data: unknown): void;
  /** From now on it may be silent for as long as it likes. */
  stay(): void;
}

interface Connection extends ServedClient {
  readonly socket: Socket;
  readonly requests: TokenBucket;
  readonly reads: TokenBucket;
  /** Ids being answered; an id leaves the list when its reply goes out, and whoever comes second stays silent. */
  readonly underWay: Set<{ readonly id: number }>;
  /** 0: for ever. */
  idleMillis: Millis;
}

export class RequestServer {
  readonly #options: RequestServerOptions;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #limits: ServerLimits;
  readonly #ipc: IPCServer;
  readonly #outgoing: FrameParser;
  readonly #connections = new Map<Socket, Connection>();
  readonly #server: Server = createServer((socket) => this.#accept(socket));
  #settled: () => void = () => {};
  #closing: Promise<void> | undefined;

  constructor(options: RequestServerOptions) {
    this.#options = options;
    this.#log = options.log;
    this.#clock = options.clock;
    this.#limits = options.limits;
    this.#server.maxConnections = this.#limits.connections;
    this.#ipc = ipcServer(this.#limits);
    this.#outgoing = frameParser(this.#limits.replyBytes, [REPLY_EVENT]);
    this.#ipc.on(REQUEST_EVENT, (data, socket) => this.#receive(data, socket));
    this.#ipc.on("error", (error) => this.#socketFailed(error));
  }

  /** Errors: SystemError when the socket cannot be had. */
  async start(at: ListenAt, words?: ListenWords): Promise<void> {
    // Not through node-ipc's start(), which unlinks whatever lies at the path and knows no inherited sockets.
    await listen(this.#server, at, words);
    const { subject } = this.#options.words;
    this.#server.on("error", (error) =>
      this.#note({
        level: "error",
        text: `${subject} socket: ${errorText(error)}`,
        limit: `${this.#options.words.subject} listener`,
      }),
    );
  }

  /** Stops listening, lets replies out, closes every connection. Takes at most twice `closeMillis`. */
  close(): Promise<void> {
    this.#closing ??= this.#shutDown();
    return this.#closing;
  }

  #accept(socket: Socket): void {
    if (this.#closing !== undefined) {
      socket.destroy();
      return;
    }
    const refused = this.#options.admit?.(socket);
    if (refused !== undefined) {
      this.#turnAway(socket, refused);
      return;
    }
    const { requestsPerSecond, readsPerSecond, idleMillis } = this.#limits;
    const now = this.#clock.now();
    const connection: Connection = {
      socket,
      requests: new TokenBucket({ perSecond: requestsPerSecond, burst: requestsPerSecond }, now),
      reads: new TokenBucket({ perSecond: readsPerSecond, burst: readsPerSecond }, now),
      underWay: new Set(),
      push: (data) => this.#emit(socket, PUSH_EVENT, data),
      idleMillis,
      stay: () => {
        connection.idleMillis = 0;
        socket.setTimeout(0);
      },
    };
    this.#connections.set(socket, connection);
    socket.on("close", () => this.#forget(socket));
    socket.on("data", () => {
      if (!connection.reads.take(this.#clock.now())) this.#drop(socket, "it sends in too small pieces");
    });
    socket.on("drain", () => socket.setTimeout(connection.idleMillis));
    socket.on("timeout", () => this.#timedOut(connection));
    socket.setTimeout(idleMillis);
    this.#ipc.addSocket(socket);
  }

  #turnAway(socket: Socket, why: string): void {
    socket.on("error", () => undefined);
    const error: ReplyError = {
      code: "busy",
      text: `${this.#options.words.owner} takes no more here: ${why}; try again later`,
    };
    // A line fits into any socket's buffer: nobody is waited for.
    socket.end(this.#outgoing.encode(REPLY_EVENT, { id: NO_ID, ok: false, error }), () => socket.destroy());
  }

  #receive(data: unknown, socket: Socket): void {
    const connection = this.#connections.get(socket);
    // One read can carry many frames: those after the one that got its sender dropped are not answered.
    if (connection === undefined || socket.destroyed) return;
    if (!connection.requests.take(this.#clock.now())) {
      this.#drop(socket, `more than ${this.#limits.requestsPerSecond} requests a second`);
      return;
    }
    const request = { id: requestId(data) };
    if (connection.underWay.size >= this.#limits.underWay) {
      const text = `More than ${this.#limits.underWay} requests under way on this connection`;
      this.#send(socket, { id: request.id, ok: false, error: { code: "busy", text } });
      return;
    }
    connection.underWay.add(request);
    void this.#answer(connection, data, request.id).then((reply) => this.#reply(connection, request, reply));
  }

  /** Never rejects. */
  async #answer(connection: Connection, data: unknown, id: number): Promise<Reply> {
    const { answer, turns, words } = this.#options;
    try {
      const request = parseRequest(data, "request");
      if (turns !== undefined) await turns.take();
      if (this.#closing !== undefined) throw new ControlError("stopping", `${words.owner} is stopping`);
      if (connection.socket.destroyed) throw new ControlError("failed", "nobody waits for it any more");
      const began = this.#clock.now();
      const result = answer(connection, request);
      turns?.spent(this.#clock.now() - began);
      return { id, ok: true, result: await result };
    } catch (error) {
      return { id, ok: false, error: this.#replyError(error) };
    }
  }

  #replyError(error: unknown): ReplyError {
    if (error instanceof ShapeError) return { code: "bad-request", text: error.message };
    if (error instanceof ControlError) return { code: error.code, text: error.message };
    this.#note({
      level: "error",
      text: `${this.#options.words.subject} request failed: ${errorText(error)}`,
      limit: `${this.#options.words.subject} failed`,
    });
    return { code: "failed", text: errorText(error) };
  }

  #reply(connection: Connection, request: { readonly id: number }, reply: Reply): void {
    if (!connection.underWay.delete(request)) return;
    this.#send(connection.socket, reply);
    if (this.#isSettled()) this.#settled();
  }

  #send(socket: Socket, reply: Reply): void {
    if (socket.destroyed || !socket.writable) return;
    const began = this.#clock.now();
    try {
      this.#ipc.emit(socket, REPLY_EVENT, reply);
    } catch (error) {
      // Too large, or not JSON.
      const text = `The answer cannot be sent: ${errorText(error)}`;
      this.#note({
        level: "error",
        text: `${this.#options.words.subject} socket: ${text}`,
        limit: `${this.#options.words.subject} reply`,
      });
      this.#ipc.emit(socket, REPLY_EVENT, { id: reply.id, ok: false, error: { code: "failed", text } });
    }
    this.#options.turns?.spent(this.#clock.now() - began);
    this.#watchStall(socket);
  }

  /** Of what is too large or not JSON nothing is said: it would be a bug of ours. */
  #emit(socket: Socket, event: string, data: unknown): void {
    if (socket.destroyed || !socket.writable) return;
    this.#ipc.emit(socket, event, data);
    this.#watchStall(socket);
  }

  /** Whoever does not read from here on is dropped, whether anything more is sent or not. */
  #watchStall(socket: Socket): void {
    if (socket.writableNeedDrain) socket.setTimeout(this.#limits.stalledMillis);
  }

  #timedOut({ socket, underWay, idleMillis }: Connection): void {
    if (socket.writableNeedDrain) this.#drop(socket, "it does not read its replies");
    else if (underWay.size > 0) socket.setTimeout(idleMillis);
    else socket.destroy();
  }

  #drop(socket: Socket, why: string): void {
    if (socket.destroyed) return;
    socket.destroy();
    this.#note({
      level: "warn",
      text: `${this.#options.words.subject} client dropped: ${why}`,
      limit: `${this.#options.words.subject} dropped`,
    });
  }

  /** node-ipc has already dropped the client, or the system has. */
  #socketFailed(error: Error): void {
    const code = errorCode(error);
    const { subject } = this.#options.words;
    if (code.startsWith("ERR_IPC_")) {
      this.#note({
        level: "warn",
        text: `${subject} client dropped: ${error.message}`,
        limit: `${this.#options.words.subject} dropped`,
      });
    } else {
      this.#note({
        level: "debug",
        text: `${subject} client lost: ${errorText(error)}`,
        limit: `${this.#options.words.subject} lost`,
      });
    }
  }

  #forget(socket: Socket): void {
    const connection = this.#connections.get(socket);
    this.#connections.delete(socket);
    if (connection !== undefined) this.#options.onGone?.(connection);
    if (this.#isSettled()) this.#settled();
  }

  #isSettled(): boolean {
    return [...this.#connections.values()].every(({ underWay }) => underWay.size === 0);
  }

  #note(entry: LogEntry): void {
    this.#log.write(entry);
  }

  async #shutDown(): Promise<void> {
    this.#server.close();
    if (!this.#isSettled()) {
      await within(this.#limits.closeMillis, (done) => {
        this.#settled = done;
      });
    }
    const error: ReplyError = {
      code: "stopping",
      text: `${this.#options.words.owner} stopped before it could answer`,
    };
    for (const { socket, underWay } of this.#connections.values()) {
      for (const { id } of underWay) this.#send(socket, { id, ok: false, error });
      underWay.clear();
    }
    const sockets = [...this.#connections.keys()].filter((socket) => !socket.destroyed);
    // What is flushed reaches the client even when its socket is destroyed next (unix(7): the data stay queued).
    const flushed = sockets.map((socket) => new Promise<void>((done) => socket.end(done)));
    await within(this.#limits.closeMillis, (done) => void Promise.allSettled(flushed).then(done));
    for (const socket of sockets) socket.destroy();
  }
}

/** Resolves when `wait` calls its argument, but after `millis` at the latest. */
function within(millis: Millis, wait: (done: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, millis);
    wait(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** A node-ipc instance of our own, silent; its server frames, bounds and dispatches, but never listens by itself. */
function ipcServer(limits: ServerLimits): IPCServer {
  const incoming = frameParser(limits.requestBytes);
  const outgoing = frameParser(limits.replyBytes, [REPLY_EVENT, PUSH_EVENT]);
  const ipc = new IPCModule();
  ipc.config.silent = true;
  ipc.config.unlink = false;
  ipc.config.maxConnections = limits.connections;
  ipc.config.parser = {
    raw: false,
    encoding: "utf8",
    maxPendingBytes: limits.replyBytes,
    messageTimeout: limits.partialMillis,
    encode: (type, data) => outgoing.encode(type, data),
    read: (buffer, data, receive) => incoming.read(buffer, data, receive),
  };
  ipc.serve("control");
  return ipc.server;
}
