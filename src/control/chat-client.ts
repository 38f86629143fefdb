import type { Clock, Millis } from "../base/clock.ts";
import { TokenBucket } from "../base/tokens.ts";
import { FILE_BOUNDS, isOver, type Transfer } from "../chat/files/transfer.ts";
import type { ChatSnapshot, Peer } from "../chat/notices.ts";
import { type Pin, Pins } from "../chat/pins.ts";
import { type Restriction, Restrictions } from "../chat/restrictions.ts";
import { inRosterOrder } from "../chat/roster-order.ts";
import type { HolderReport, SessionNotice } from "../chat/session.ts";
import { CHAT_METHODS, type ChatMethodName, type ChatRequestOf, type ChatResultOf } from "./chat-methods.ts";
import { type AttachReport, type Push, parsePush, type StateReport } from "./chat-reports.ts";
import { PRESENCE_LIMITS } from "./chat-server.ts";
import { type ConnectionError, connectTo, type RequestClient } from "./request-client.ts";

/** A third of what the holder takes, and half of what it answers at once: it must never drop one of its own. */
const REQUESTS_PER_SECOND = 300;
const UNDER_WAY = 32;
/** Until the next request may go. */
const PACE_MILLIS: Millis = 5;
/** A holder that is busy answers within this time, one that is stopped does not. */
const ANSWER_MILLIS: Millis = 10_000;

const WORDS = {
  server: "program that holds your presence",
  notPermitted: "not permitted: the socket of your presence belongs to another user",
};

export interface PresenceLinkOptions {
  readonly path: string;
  readonly version: string;
  readonly clock: Clock;
  readonly onNotice: (notice: SessionNotice) => void;
  /** The last: the holder has ended, or dropped us. */
  readonly onClosed: () => void;
  /** How long the holder may take to answer. */
  readonly deadlineMillis?: Millis;
}

/** A presence that another program holds, mirrored here. */
export class PresenceLink {
  readonly #options: PresenceLinkOptions;
  readonly #bucket: TokenBucket;
  readonly #queue: (() => void)[] = [];
  readonly #files = new Map<string, Transfer>();
  readonly #peers = new Map<string, Peer>();
  #client: RequestClient | undefined;
  #report: AttachReport | undefined;
  #state: StateReport | undefined;
  #lostAt: Millis | undefined;
  #roster: readonly Peer[] | undefined;
  #pins: Pins = Pins.none;
  #partial: { readonly pins: Pin[]; readonly restrictions: Restriction[] } = { pins: [], restrictions: [] };
  #underWay = 0;
  #endedBy: ConnectionError | undefined;
  #pacing: NodeJS.Timeout | undefined;

  private constructor(options: PresenceLinkOptions) {
    this.#options = options;
    const rate = { perSecond: REQUESTS_PER_SECOND, burst: REQUESTS_PER_SECOND };
    this.#bucket = new TokenBucket(rate, options.clock.now());
  }

  /** Errors: ConnectionError when nobody holds it, or does not answer; ControlError "other-version". */
  static async attach(options: PresenceLinkOptions): Promise<PresenceLink> {
    const link = new PresenceLink(options);
    const client = await connectTo({
      ...socketOptions(options),
      onPush: (data) => link.#take(parsePush(data, "push")),
      onClosed: (why) => link.#closed(why),
    });
    try {
      const { version } = options;
      link.#report = await client.request("attach", CHAT_METHODS.attach, { version });
    } catch (error) {
      client.close();
      throw error;
    }
    link.#client = client;
    return link;
  }

  get report(): AttachReport {
    return must(this.#report);
  }

  /** Why there is no connection any more. */
  get endedBy(): ConnectionError | undefined {
    return this.#endedBy;
  }

  get pins(): Pins {
    return this.#pins;
  }

  get snapshot(): ChatSnapshot {
    const { registryLostFor: _, ...state } = must(this.#state);
    this.#roster ??= inRosterOrder([...this.#peers.values()]);
    return { ...state, registryLostAt: this.#lostAt, roster: this.#roster };
  }

  /** In the order in which they began. */
  get files(): readonly Transfer[] {
    return [...this.#files.values()];
  }

  /** Errors as {@link RequestClient.request}. In order, and no faster than the holder takes it. */
  request<Name extends ChatMethodName>(name: Name, params: ChatRequestOf<Name>): Promise<ChatResultOf<Name>> {
    return new Promise((resolve, reject) => {
      this.#queue.push(() => {
        const asked = must(this.#client).request(name, CHAT_METHODS[name] as never, params as never);
        void asked
          .then((result) => resolve(result as ChatResultOf<Name>), reject)
          .finally(() => {
            this.#underWay -= 1;
            this.#proceed();
          });
      });
      this.#proceed();
    });
  }

  close(): void {
    clearTimeout(this.#pacing);
    this.#client?.close();
  }

  #proceed(): void {
    while (this.#queue.length > 0 && this.#underWay < UNDER_WAY) {
      if (!this.#bucket.take(this.#options.clock.now())) {
        this.#pacing ??= setTimeout(() => {
          this.#pacing = undefined;
          this.#proceed();
        }, PACE_MILLIS);
        return;
      }
      this.#underWay += 1;
      this.#queue.shift()?.();
    }
  }

  #take(push: Push): void {
    switch (push.type) {
      case "state":
        this.#state = push.state;
        this.#lostAt =
          push.state.registryLostFor === undefined
            ? undefined
            : this.#options.clock.now() - push.state.registryLostFor;
        return;
      case "peers":
        for (const nickname of push.removed) this.#peers.delete(nickname);
        for (const peer of push.put) this.#peers.set(peer.nickname, peer);
        this.#roster = undefined;
        return;
      case "pins":
        this.#takePins(push);
        return;
      case "files":
        for (const file of push.files) this.#files.set(file.id, file);
        return;
      case "notice":
        if (push.notice.type === "file") this.#fileChanged(push.notice.transfer);
        this.#options.onNotice(push.notice);
    }
  }

  #fileChanged(file: Transfer): void {
    this.#files.set(file.id, file);
    const over = [...this.#files.values()].filter(({ state }) => isOver(state));
    for (const { id } of over.slice(0, -FILE_BOUNDS.overShown)) this.#files.delete(id);
  }

  #takePins({ pins, restrictions, part }: Extract<Push, { type: "pins" }>): void {
    if (part === "first" || part === "all") this.#partial = { pins: [], restrictions: [] };
    this.#partial.pins.push(...pins);
    this.#partial.restrictions.push(...restrictions);
    if (part !== "last" && part !== "all") return;
    this.#pins = Pins.from(this.#partial.pins, Restrictions.from(this.#partial.restrictions)) ?? this.#pins;
  }

  #closed(why: ConnectionError): void {
    clearTimeout(this.#pacing);
    this.#endedBy = why;
    // Before it was attached, whoever tried is told by the failure of that.
    if (this.#client !== undefined) this.#options.onClosed();
  }
}

/** Asks the holder one thing, whatever its version. Errors as {@link RequestClient.request}. */
export async function askHolder(path: string, what: "holder"): Promise<HolderReport>;
export async function askHolder(path: string, what: "quit"): Promise<null>;
export async function askHolder(path: string, what: "holder" | "quit"): Promise<HolderReport | null> {
  const client = await connectTo(socketOptions({ path }));
  try {
    return what === "quit"
      ? await client.request(what, CHAT_METHODS.quit, undefined)
      : await client.request(what, CHAT_METHODS.holder, undefined);
  } finally {
    client.close();
  }
}

function socketOptions({ path, deadlineMillis = ANSWER_MILLIS }: { path: string; deadlineMillis?: Millis }) {
  const { requestBytes, replyBytes } = PRESENCE_LIMITS;
  return { path, words: WORDS, deadlineMillis, requestBytes, replyBytes };
}

function must<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error("the holder's first words did not bring what they must");
  return value;
}
