import type { Clock, Millis } from "../base/clock.ts";
import type { Attention } from "../chat/alerts.ts";
import type { Peer } from "../chat/notices.ts";
import type { Pins } from "../chat/pins.ts";
import type { ChatSession, SendOptions, SessionNotice } from "../chat/session.ts";
import type { PresenceSettings } from "../chat/settings.ts";
import type { MessageId } from "../wire/mp2-values.ts";
import { CHAT_METHODS, type Holder } from "./chat-methods.ts";
import {
  type AttachReport,
  FILES_IN_A_PIECE,
  PEERS_IN_A_PIECE,
  PINS_IN_A_PIECE,
  type Push,
  type SendRequest,
  type StateReport,
} from "./chat-reports.ts";
import { ControlError } from "./errors.ts";
import type { ListenWords } from "./listen.ts";
import { callMethod } from "./method.ts";
import { RequestServer, type ServedClient, type ServerLimits } from "./request-server.ts";

/** The session of the program that holds the presence; `id` is what another program chose for its message. */
export interface HeldSession extends ChatSession {
  send(to: string, text: string, options?: SendOptions, id?: MessageId): MessageId;
  sendFile(to: string, path: string, id?: MessageId): MessageId;
}

export interface PresenceServerOptions {
  readonly path: string;
  readonly session: HeldSession;
  /** The truth, where the session still shows what was before a takeover. */
  readonly standing: () => ChatSession["snapshot"];
  /** As they are now: the nickname may have changed. */
  readonly settings: () => PresenceSettings;
  readonly version: string;
  readonly pid: number;
  readonly clock: Clock;
  /** How far in the archive whoever attaches now is not told what came; undefined where that cannot be known. */
  readonly told: () => number | undefined;
  /** What is on the screen of an attached program; undefined: it is gone. */
  readonly onAttention: (client: ServedClient, attention: Attention | undefined) => void;
  /** Somebody wants the presence to end. */
  readonly onQuit: () => void;
  /** Overrides of {@link PRESENCE_LIMITS}. */
  readonly limits?: Partial<ServerLimits>;
}

/** A text of 65,536 characters, each of them written as \uXXXX, and what stands around it. */
const REQUEST_BYTES = 512 * 1024;

/** Changes of the roster within this time cross together: a registry's return changes all of it. */
const GATHER_MILLIS: Millis = 50;

export const PRESENCE_LIMITS: ServerLimits = {
  /** Faces and scripts of one user at one time. */
  connections: 32,
  requestBytes: REQUEST_BYTES,
  /** A roster of 10,000 with all its pins, twice over: whoever is further behind does not read. */
  replyBytes: 16 * 1024 * 1024,
  /** Lines of a file that is piped in; the client keeps to a third of that. */
  requestsPerSecond: 1_000,
  readsPerSecond: 4_000,
  underWay: 64,
  partialMillis: 5_000,
  /** For who connects and does not attach; whoever has attached may have nothing to say for days. */
  idleMillis: 10_000,
  stalledMillis: 10_000,
  closeMillis: 300,
};

const WORDS: ListenWords = {
  taken: "another multiproto-chat answers on it",
  look: "see: multiproto-chat status",
  elsewhere: "choose a shorter --data-dir, or set XDG_RUNTIME_DIR",
  denied: "see: ls -ld of its directory",
};

/** Shares the presence that this process holds with the user's other programs. */
export class PresenceServer {
  readonly #options: PresenceServerOptions;
  readonly #server: RequestServer;
  readonly #attached = new Set<ServedClient>();
  #gathering: NodeJS.Timeout | undefined;
  /** What was told so far. */
  #peers: ReadonlyMap<string, string> = new Map();
  #state = "";
  #pins: Pins | undefined;

  private constructor(options: PresenceServerOptions) {
    this.#options = options;
    this.#server = new RequestServer({
      clock: options.clock,
      // Only the user's own programs come here, and whoever is dropped sees that.
      log: { write: () => {} },
      limits: { ...PRESENCE_LIMITS, ...options.limits },
      words: { subject: "Presence", owner: "The program that holds your presence" },
      answer: (client, request) =>
        callMethod(CHAT_METHODS, this.#holderFor(client), request, "The program that holds your presence"),
      onGone: (client) => {
        this.#attached.delete(client);
        options.onAttention(client, undefined);
      },
    });
  }

  /** Errors: SystemError when the socket cannot be had; "EADDRINUSE" when another program answers on it. */
  static async open(options: PresenceServerOptions): Promise<PresenceServer> {
    const made = new PresenceServer(options);
    await made.#server.start({ path: options.path, mode: 0o600 }, WORDS);
    return made;
  }

  /** Programs beside this one. */
  get attached(): number {
    return this.#attached.size;
  }

  /** Tells everybody who is attached; what has changed until now goes before it. */
  tell(notice: SessionNotice): void {
    if (this.#attached.size === 0) return;
    if (!UNRELATED.has(notice.type)) this.#flush();
    for (const client of this.#attached) push(client, { type: "notice", notice });
  }

  /** Tells one of them. */
  tellOne(client: ServedClient, notice: SessionNotice): void {
    if (this.#attached.has(client)) push(client, { type: "notice", notice });
  }

  /** Something may have changed. */
  changed(): void {
    if (this.#attached.size === 0) return;
    this.#gathering ??= setTimeout(() => this.#flush(), GATHER_MILLIS);
  }

  /** Ends all connections. */
  close(): Promise<void> {
    clearTimeout(this.#gathering);
    return this.#server.close();
  }

  #holderFor(client: ServedClient): Holder {
    const { session, version, pid, onQuit, onAttention, standing } = this.#options;
    const attached = this.#attached;
    return {
      attach: (theirs) => this.#attach(client, theirs),
      holder: () => {
        const { nickname, registry, away } = standing();
        const { fingerprint, pending } = session;
        const { address, realm } = registry ?? {};
        const who = { pid, version, nickname, fingerprint };
        return { ...who, registry: address, realm, away, attached: attached.size, pending };
      },
      quit: onQuit,
      get session() {
        if (!attached.has(client)) throw new ControlError("bad-request", "Not attached");
        return session;
      },
      send: (request) => this.#send(client, request),
      sendFile: ({ id, to, path }) => {
        if (!attached.has(client)) throw new ControlError("bad-request", "Not attached");
        session.sendFile(to, path, id);
      },
      attend: (attention) => {
        if (!attached.has(client)) throw new ControlError("bad-request", "Not attached");
        onAttention(client, attention);
      },
    };
  }

  #attach(client: ServedClient, theirs: string): AttachReport {
    const { session, settings, version, pid, told } = this.#options;
    if (theirs !== version) {
      const both = `multiproto-chat ${version} (process ${pid}) holds your presence, and this is ${theirs}`;
      throw new ControlError("other-version", `${both} (end the other one: multiproto-chat quit)`);
    }
    this.#flush();
    if (!this.#attached.has(client)) this.#tellAll(client);
    this.#attached.add(client);
    client.stay();
    return { pid, settings: settings(), fingerprint: session.fingerprint, told: told() };
  }

  #send(client: ServedClient, { messageId, to, text, waitMillis, reply }: SendRequest): void {
    if (!this.#attached.has(client)) throw new ControlError("bad-request", "Not attached");
    const options: SendOptions = {
      ...(waitMillis === undefined ? {} : { waitMillis }),
      ...(reply === undefined ? {} : { reply }),
    };
    this.#options.session.send(to, text, options, messageId);
  }

  /** All that is known, to somebody new. */
  #tellAll(client: ServedClient): void {
    const { snapshot, pins } = this.#options.session;
    push(client, { type: "state", state: this.#stateOf(snapshot) });
    for (const put of pieces(snapshot.roster, PEERS_IN_A_PIECE))
      push(client, { type: "peers", put, removed: [] });
    tellPins(client, pins);
    for (const files of pieces(this.#options.session.files, FILES_IN_A_PIECE))
      push(client, { type: "files", files });
  }

  /** What has changed, to all. */
  #flush(): void {
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    const { snapshot, pins } = this.#options.session;
    const state = this.#stateOf(snapshot);
    // The time since when there is no registry passes by itself.
    const stateText = JSON.stringify({ ...state, registryLostFor: snapshot.registryLostAt });
    if (stateText !== this.#state) this.#tellEach({ type: "state", state });
    this.#state = stateText;
    this.#flushRoster(snapshot.roster);
    if (pins !== this.#pins) for (const client of this.#attached) tellPins(client, pins);
    this.#pins = pins;
  }

  #flushRoster(roster: readonly Peer[]): void {
    const before = this.#peers;
    const now = new Map(roster.map((peer) => [peer.nickname as string, JSON.stringify(peer)]));
    this.#peers = now;
    const put = roster.filter(({ nickname }) => before.get(nickname) !== now.get(nickname));
    const removed = [...before.keys()].filter((nickname) => !now.has(nickname));
    for (const piece of pieces(removed, PEERS_IN_A_PIECE))
      this.#tellEach({ type: "peers", put: [], removed: piece });
    for (const piece of pieces(put, PEERS_IN_A_PIECE))
      this.#tellEach({ type: "peers", put: piece, removed: [] });
  }

  #tellEach(told: Push): void {
    for (const client of this.#attached) push(client, told);
  }

  #stateOf({ roster: _, registryLostAt, ...state }: ChatSession["snapshot"]): StateReport {
    const registryLostFor =
      registryLostAt === undefined ? undefined : Math.max(0, this.#options.clock.now() - registryLostAt);
    return { ...state, registryLostFor };
  }
}

/** Notices that say all that they are about: for these nothing has to be known first. */
const UNRELATED: ReadonlySet<SessionNotice["type"]> = new Set([
  "received",
  "delivered",
  "read",
  "typing",
  "file",
]);

function push(client: ServedClient, told: Push): void {
  client.push(told);
}

function tellPins(client: ServedClient, pins: Pins): void {
  const all = pieces(pins.list(), PINS_IN_A_PIECE);
  const restrictions = pieces(pins.restrictions.list(), PINS_IN_A_PIECE);
  const count = Math.max(1, all.length, restrictions.length);
  for (let index = 0; index < count; index += 1) {
    const piece = { pins: all[index] ?? [], restrictions: restrictions[index] ?? [] };
    const part = count === 1 ? "all" : index === 0 ? "first" : index === count - 1 ? "last" : "more";
    push(client, { type: "pins", ...piece, part });
  }
}

function pieces<Item>(items: readonly Item[], size: number): readonly (readonly Item[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}
