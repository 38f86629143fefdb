/**
 * The registry's socket for everybody on the machine, where its admin wants one: it answers what any client sees anyhow
 * and steers nothing. Whoever connects here is nobody's friend, so all together have a share of the processor, each user
 * some connections, and who floods it finds its door shut by the kernel.
 */
import { chmodSync } from "node:fs";
import type { Socket } from "node:net";
import type { Clock, Millis } from "../base/clock.ts";
import { errorText } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { TokenBucket } from "../base/tokens.ts";
import { NOT_PERMITTED } from "./client.ts";
import { ControlError } from "./errors.ts";
import { callMethod } from "./method.ts";
import { METHODS, type RegistryControl } from "./methods.ts";
import { type PeerUser, peerUsers } from "./peer-user.ts";
import type { ClientReport, StatusReport } from "./reports.ts";
import { RequestServer, type ServerLimits } from "./request-server.ts";
import { Turns } from "./turns.ts";

export interface ReadLimits extends ServerLimits {
  /** Connections of one user at once. */
  readonly perUser: number;
  /** Of the processor, for all answers together. */
  readonly share: number;
  /** Connections a second in the long run, and at once; beyond them the socket is shut for `shutMillis`. */
  readonly arrivals: { readonly perSecond: number; readonly burst: number };
  readonly shutMillis: Millis;
}

export const READ_LIMITS: ReadLimits = {
  connections: 16,
  perUser: 4,
  requestBytes: 4_096,
  // The largest roster of all, and so 96 MiB at most for 16 who do not read.
  replyBytes: 6 * 1024 * 1024,
  requestsPerSecond: 50,
  readsPerSecond: 100,
  underWay: 2,
  partialMillis: 2_000,
  idleMillis: 10_000,
  stalledMillis: 5_000,
  closeMillis: 100,
  share: 0.1,
  arrivals: { perSecond: 50, burst: 100 },
  shutMillis: 1_000,
};

/** Of the table of methods, what only tells. Which socket files there are and who is banned concerns admins. */
const READABLE = {
  changes: METHODS.changes,
  clients: METHODS.clients,
  fingerprint: METHODS.fingerprint,
  metrics: METHODS.metrics,
  status: METHODS.status,
  version: METHODS.version,
} as const;

type Read = Pick<RegistryControl, Exclude<keyof typeof READABLE, "fingerprint">> & {
  readonly administration: Pick<RegistryControl["administration"], "fingerprint">;
};

export interface ReadServerOptions {
  readonly path: string;
  readonly control: RegistryControl;
  readonly log: Log;
  readonly clock: Clock;
  /** Overrides of {@link READ_LIMITS}. */
  readonly limits?: Partial<ReadLimits>;
  /** Other than the kernel's word in tests. */
  readonly userOf?: PeerUser;
}

/** What everybody reads may be this old. */
const FRESH_MILLIS = 1_000;
const OPEN_MODE = 0o666;
const SHUT_MODE = 0o600;

export class ReadServer {
  readonly #options: ReadServerOptions;
  readonly #limits: ReadLimits;
  readonly #userOf: PeerUser;
  readonly #server: RequestServer;
  readonly #arrivals: TokenBucket;
  /** Connections by user. */
  readonly #users = new Map<number | undefined, number>();
  #connections = 0;
  /** "open": the flood may be over. */
  #shut: NodeJS.Timeout | undefined;

  private constructor(options: ReadServerOptions, userOf: PeerUser) {
    const { control, log, clock } = options;
    this.#options = options;
    this.#limits = { ...READ_LIMITS, ...options.limits };
    this.#userOf = userOf;
    this.#arrivals = new TokenBucket(this.#limits.arrivals, clock.now());
    const read = forEverybody(control, clock);
    this.#server = new RequestServer({
      ...{ log, clock },
      // Those who are told why they are turned away are connected for a moment, too.
      limits: { ...this.#limits, connections: 2 * this.#limits.connections },
      words: { subject: "Read-only", owner: "The registry" },
      admit: (socket) => this.#admit(socket),
      turns: new Turns(clock, this.#limits.share),
      answer: (_, request) => {
        if (Object.hasOwn(READABLE, request.method))
          return callMethod(READABLE, read, request, "This registry");
        if (!Object.hasOwn(METHODS, request.method))
          throw new ControlError("unknown-method", `This registry knows no method "${request.method}"`);
        throw new ControlError(
          "not-permitted",
          `"${request.method}" is not for the read-only socket; ${NOT_PERMITTED}`,
        );
      },
    });
  }

  /** Listens. Throws SystemError when the socket cannot be had. */
  static async open(options: ReadServerOptions): Promise<ReadServer> {
    const server = new ReadServer(options, options.userOf ?? (await peerUsers()));
    await server.#server.start({ path: options.path, mode: OPEN_MODE });
    return server;
  }

  /** As that of the control server. */
  async close(): Promise<void> {
    clearTimeout(this.#shut);
    await this.#server.close();
  }

  /** Why a connection is not served; undefined: it is, and counted until it ends. */
  #admit(socket: Socket): string | undefined {
    if (!this.#arrivals.take(this.#options.clock.now())) {
      this.#shutDoor();
      return "too many connect to it";
    }
    const user = this.#userOf(socket);
    const ofUser = this.#users.get(user) ?? 0;
    // Of whom nothing is known all are served that there is room for.
    if (user !== undefined && ofUser >= this.#limits.perUser)
      return `${ofUser} connections of this user are open already`;
    if (this.#connections >= this.#limits.connections)
      return `${this.#connections} connections are open already`;
    this.#connections += 1;
    this.#users.set(user, ofUser + 1);
    socket.once("close", () => this.#gone(user));
    return undefined;
  }

  #gone(user: number | undefined): void {
    this.#connections -= 1;
    const left = (this.#users.get(user) ?? 1) - 1;
    if (left === 0) this.#users.delete(user);
    else this.#users.set(user, left);
  }

  /** connect(2) is refused by the kernel then, and costs the registry nothing. */
  #shutDoor(): void {
    if (this.#shut !== undefined || !this.#setMode(SHUT_MODE)) return;
    const { log } = this.#options;
    const { arrivals, shutMillis } = this.#limits;
    const text = `Read-only socket shut for ${shutMillis} ms: more than ${arrivals.perSecond} connections a second`;
    log.write({ level: "warn", text, limit: "read-shut" });
    this.#shut = setTimeout(() => {
      this.#shut = undefined;
      this.#setMode(OPEN_MODE);
    }, shutMillis);
  }

  #setMode(mode: number): boolean {
    const { path, log } = this.#options;
    try {
      chmodSync(path, mode);
      return true;
    } catch (error) {
      const text = `Read-only socket: cannot change ${path}: ${errorText(error)}`;
      log.write({ level: "error", text, limit: "read-mode" });
      return false;
    }
  }
}

/** What any client of the registry sees, of whom it is told and what. What takes time to make is made once a second. */
function forEverybody(control: RegistryControl, clock: Clock): Read {
  const once = <Value>(make: () => Value): (() => Value) => lasting(make, clock, FRESH_MILLIS);
  return {
    administration: { fingerprint: () => control.administration.fingerprint() },
    changes: (request) => control.changes(request),
    clients: once(() => control.clients().filter(isTold)),
    metrics: once(() => control.metrics()),
    status: once(() => withoutErrors(control.status())),
    version: () => control.version(),
  };
}

function lasting<Value>(make: () => Value, clock: Clock, millis: Millis): () => Value {
  let made: { readonly value: Value; readonly at: Millis } | undefined;
  return () => {
    const now = clock.now();
    if (made === undefined || now - made.at >= millis) made = { value: make(), at: now };
    return made.value;
  };
}

/** Who has not come in yet is told to nobody. */
function isTold({ state }: ClientReport): boolean {
  return state !== "joining";
}

/** Errors name files and addresses; that there is trouble is no secret. */
function withoutErrors(status: StatusReport): StatusReport {
  const { store, lastError } = status;
  const hidden = "told to admins only";
  return {
    ...status,
    store: store === null || store.trouble === null ? store : { ...store, trouble: hidden },
    lastError: lastError === null ? null : { ...lastError, text: hidden },
  };
}
