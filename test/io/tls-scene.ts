import { once } from "node:events";
import { createServer } from "node:net";
import { generateIdentity } from "../../src/io/certificate.ts";
import { systemClock } from "../../src/io/clock.ts";
import type { Identity } from "../../src/io/identity.ts";
import {
  type AcceptLimits,
  DEFAULT_ACCEPT_LIMITS,
  type Refusal,
  TlsAcceptor,
} from "../../src/io/tls-acceptor.ts";
import type { ChannelEvents, CloseCause, Progress, TlsChannel } from "../../src/io/tls-channel.ts";
import { type DialFailure, TlsDialler } from "../../src/io/tls-dialler.ts";
import { DEFAULT_TLS_TIMES, type TlsTimes } from "../../src/io/tls-settings.ts";
import { type Owner, Watched, within } from "../support/until.ts";

/** Channels on loopback, and what each end hears of them. */

export const CHAT = "mp2-chat";
export const REGISTRY = "mp2-registry";
export const LIMITS: AcceptLimits = { ...DEFAULT_ACCEPT_LIMITS, rate: { perSecond: 10_000, burst: 10_000 } };

/** One end: what it heard, in order. Messages are whole once they end in a new line. */
export class End implements ChannelEvents {
  readonly channel: TlsChannel;
  readonly #watched: Watched;
  text = "";
  hasEnded = false;
  cause: CloseCause | undefined;

  constructor(channel: TlsChannel, watched: Watched) {
    this.channel = channel;
    this.#watched = watched;
  }

  say(text: string): boolean {
    return this.channel.send(Buffer.from(text));
  }

  received(bytes: Uint8Array): Progress {
    const text = Buffer.from(bytes).toString("latin1");
    this.text += text;
    this.#watched.changed();
    const pending = this.text.length - (this.text.lastIndexOf("\n") + 1);
    return { messages: text.split("\n").length - 1, pending };
  }

  ended(): void {
    this.hasEnded = true;
    this.#watched.changed();
  }

  closed(cause: CloseCause): void {
    if (this.cause !== undefined) throw new Error("closed twice");
    this.cause = cause;
    this.#watched.changed();
  }

  async hears(text: string): Promise<void> {
    await this.#watched.until(`"${text}" (heard: "${this.text.slice(0, 200)}")`, () =>
      this.text.includes(text),
    );
  }

  async hearsTheEnd(): Promise<void> {
    await this.#watched.until("the peer's end", () => this.hasEnded);
  }

  async closes(millis?: number): Promise<CloseCause> {
    return this.#watched.until("the end of the channel", () => this.cause, millis);
  }
}

export interface Listening {
  readonly port: number;
  readonly identity: Identity;
  readonly acceptor: TlsAcceptor;
  readonly ends: End[];
  readonly refused: Refusal[];
  readonly watched: Watched;
}

export async function listening(
  owner: Owner,
  options: { times?: Partial<TlsTimes>; limits?: Partial<AcceptLimits>; peeks?: boolean } = {},
): Promise<Listening> {
  const identity = await generateIdentity();
  const watched = new Watched();
  const ends: End[] = [];
  const refused: Refusal[] = [];
  const acceptor = new TlsAcceptor({
    identity,
    protocols: [REGISTRY, CHAT],
    times: { ...DEFAULT_TLS_TIMES, ...options.times },
    limits: { ...LIMITS, ...options.limits },
    clock: systemClock,
    onOpen: (channel) => {
      const end = new End(channel, watched);
      ends.push(end);
      watched.changed();
      return end;
    },
    onRefused: (_, refusal) => {
      refused.push(refusal);
      watched.changed();
    },
  });
  const server = createServer((socket) => {
    if (options.peeks !== true) acceptor.accept(socket);
    else
      socket.once("readable", () => {
        socket.unshift(socket.read(1));
        acceptor.accept(socket);
      });
  });
  server.listen({ port: 0, host: "127.0.0.1", backlog: 2_048 });
  await once(server, "listening");
  owner.after(() => {
    acceptor.close();
    server.close();
  });
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("no port");
  return { port: address.port, identity, acceptor, ends, refused, watched };
}

export function dialler(owner: Owner, identity: Identity, times: Partial<TlsTimes> = {}): TlsDialler {
  const made = new TlsDialler({ identity, times: { ...DEFAULT_TLS_TIMES, ...times } });
  owner.after(() => made.close());
  return made;
}

/** The dialling end, or why there is none. */
export async function dial(
  from: TlsDialler,
  port: number,
  protocol: string = CHAT,
): Promise<End | DialFailure> {
  const outcome = Promise.withResolvers<End | DialFailure>();
  const watched = new Watched();
  from.dial({
    address: "127.0.0.1",
    port,
    protocol,
    onOpen: (channel) => {
      const end = new End(channel, watched);
      outcome.resolve(end);
      return end;
    },
    onFailed: (failure) => outcome.resolve(failure),
  });
  return within("an outcome of the dialling", outcome.promise);
}

/** Both ends of one channel. */
export async function pair(
  owner: Owner,
  options: { times?: Partial<TlsTimes>; protocol?: string } = {},
): Promise<{ client: End; server: End; listener: Listening; identity: Identity }> {
  const listener = await listening(owner, options);
  const identity = await generateIdentity();
  const client = await dial(dialler(owner, identity, options.times), listener.port, options.protocol);
  if (typeof client === "string") throw new Error(client);
  const server = await listener.watched.until("the server's end", () => listener.ends[0]);
  return { client, server, listener, identity };
}
