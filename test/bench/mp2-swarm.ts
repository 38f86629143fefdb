/**
 * Many mp2 clients in a process of their own, so that the registry's processor time is its own. Commands come as IPC
 * messages, one answer each. `node mp2-swarm.ts INDEX PORT ENCAPSULATION_PORT`; the clients of swarm n are at
 * 127.(n + 1).0.0/16, each at an address of its own, as on a LAN.
 */
import { createServer, type Server } from "node:net";
import { errorCode } from "../../src/base/errors.ts";
import type { Passport, Stranger } from "../support/prepared-crowd.ts";
import { monotonicMillis } from "../support/subject-report.ts";
import { Watched } from "../support/until.ts";
import { LeanClient, type LeanCounts } from "./lean-client.ts";
import { identityMaker } from "./many-identities.ts";

export type SwarmCommand =
  /** Makes so many, with keys; they do nothing yet. */
  | { readonly do: "open"; readonly count: number }
  /** Each has been online in an earlier life of the registry, and goes on by that when it comes online. */
  | { readonly do: "prepare"; readonly passports: readonly Passport[] }
  /** So many more of those that have not yet come online do, some at once; who does not stay leaves at once. */
  | { readonly do: "join"; readonly count: number; readonly atOnce: number; readonly stay: boolean }
  /** The registry is gone, whoever has noticed: nobody counts as attached. */
  | { readonly do: "forget" }
  /** A beacon comes. Answers when all are attached again. */
  | { readonly do: "beacon" }
  /** Answers when everybody is ready to hear of it. */
  | { readonly do: "await"; readonly nick: string; readonly status: string }
  /** Answers when everybody has heard. */
  | { readonly do: "heard" };

export interface SwarmAnswer {
  /** When what was asked for was complete (monotonicMillis). */
  readonly at: number;
  /** When each client was done: of "beacon". */
  readonly each: readonly number[];
  /** Of "open". */
  readonly strangers: readonly Stranger[];
  /** Of all since they were made. */
  readonly counts: LeanCounts;
}

const PATIENCE_MILLIS = 120_000;
const LOWEST_PORT = 50_000;
const PORTS = 14_000;
/** A burst of the registry's dial-backs waits in the kernel. */
const BACKLOG = 4_096;
const HOSTS = 250;

const [index = 0, port = 0, encapsulationPort = 0] = process.argv.slice(2).map(Number);
const registry = { port, encapsulationPort };
const makeIdentity = await identityMaker();
const clients: LeanClient[] = [];
const byAddress = new Map<string, LeanClient>();
const back = new Map<LeanClient, number>();
const watched = new Watched();
/** So many of the clients have come online. */
let joined = 0;
/** Those who have not heard yet. */
let deaf = 0;
const [listener, ownPort] = await listen();
listener.on("connection", (socket) => byAddress.get(socket.localAddress ?? "")?.accept(socket));

async function listen(): Promise<[Server, number]> {
  for (;;) {
    const chosen = LOWEST_PORT + Math.floor(Math.random() * PORTS);
    const server = createServer();
    try {
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen({ port: chosen, host: "0.0.0.0", exclusive: true, backlog: BACKLOG }, resolve);
      });
      return [server, chosen];
    } catch (error) {
      if (errorCode(error) !== "EADDRINUSE") throw error;
    }
  }
}

function attached(client: LeanClient): void {
  if (!back.has(client)) back.set(client, monotonicMillis());
  watched.changed();
}

function heard(): void {
  deaf -= 1;
  if (deaf === 0) watched.changed();
}

async function open(count: number): Promise<void> {
  for (let made = 0; made < count; made += 1) {
    const number = clients.length;
    const address = `127.${index + 1}.${Math.floor(number / HOSTS)}.${1 + (number % HOSTS)}`;
    const identity = makeIdentity();
    const nickname = `s${index}c${number}`;
    const client = await LeanClient.open({
      ...{ registry, nickname, identity, address, attached, heard },
      port: ownPort,
    });
    clients.push(client);
    byAddress.set(address, client);
  }
}

async function join(count: number, atOnce: number, stay: boolean): Promise<void> {
  const waiting = clients.slice(joined, joined + count).values();
  joined += count;
  const worker = async (): Promise<void> => {
    for (const client of waiting) {
      client.start();
      await watched.until("a join", () => client.isAttached, PATIENCE_MILLIS);
      if (!stay) client.leave();
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

async function carryOut(command: SwarmCommand): Promise<void> {
  switch (command.do) {
    case "open":
      return open(command.count);
    case "prepare":
      for (const [at, passport] of command.passports.entries()) clients[at]?.prepare(passport);
      return;
    case "join":
      return join(command.count, command.atOnce, command.stay);
    case "forget":
      back.clear();
      return;
    case "beacon":
      for (const client of clients) if (!back.has(client)) client.heardBeacon();
      await watched.until("all are back", () => back.size === clients.length, PATIENCE_MILLIS);
      return;
    case "await":
      for (const client of clients) client.awaits(command.nick, command.status);
      deaf = clients.length;
      return;
    case "heard":
      await watched.until("all have heard", () => deaf === 0, PATIENCE_MILLIS);
  }
}

process.on("message", async (command: SwarmCommand) => {
  await carryOut(command);
  const at = monotonicMillis();
  const sum = (of: (counts: LeanCounts) => number) =>
    clients.reduce((total, { counts }) => total + of(counts), 0);
  process.send?.({
    at,
    each: command.do === "beacon" ? [...back.values()] : [],
    strangers: command.do === "open" ? clients.map(({ stranger }) => stranger) : [],
    counts: {
      hellos: sum(({ hellos }) => hellos),
      joins: sum(({ joins }) => joins),
      needless: sum(({ needless }) => needless),
      setbacks: sum(({ setbacks }) => setbacks),
    },
  } satisfies SwarmAnswer);
});
process.on("disconnect", () => process.exit(0));
process.send?.({
  at: 0,
  each: [],
  strangers: [],
  counts: { hellos: 0, joins: 0, needless: 0, setbacks: 0 },
} satisfies SwarmAnswer);
