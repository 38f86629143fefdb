import type { RemoteInfo, Socket as UdpSocket } from "node:dgram";
import { createServer, type Server, type ServerOpts } from "node:net";
import type { Random } from "../base/clock.ts";
import { errorCode, errorText, SystemError } from "../base/errors.ts";
import type { DiscoverySockets } from "./chat-hello.ts";
import { bindUdp, closeUdp, NO_IPV6 } from "./udp.ts";

/** docs/protocol.md, "Ports": P is drawn from here. */
const LOWEST_PORT = 50_000;
const HIGHEST_PORT = 65_000;
const ATTEMPTS = 50;

/** A burst of connections waits in the kernel instead of being lost. */
const BACKLOG = 511;

/** The ports of one client, bound. */
export interface ChatPorts {
  /** P. */
  readonly port: number;
  /** TCP P on IPv4 and, where the host has it, IPv6: registries call back here, peers connect. */
  readonly listeners: readonly Server[];
  /** TCP P + 1: chat by mp1. */
  readonly legacyChat: Server | undefined;
  /** UDP P. */
  readonly discovery: DiscoverySockets;
}

export interface ChatPortsOptions {
  readonly random: Random;
  /** Whether mp1's chat port is needed. */
  readonly legacy: boolean;
  readonly onDatagram: (bytes: Uint8Array, from: RemoteInfo) => void;
}

/**
 * Draws P until all of it can be bound, so that many clients on one host stay out of each other's way.
 * Errors: {@link SystemError} when nothing can be bound.
 */
export async function bindChatPorts(options: ChatPortsOptions): Promise<ChatPorts> {
  let last: unknown;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    try {
      return await bindAt(LOWEST_PORT + options.random.below(HIGHEST_PORT - LOWEST_PORT + 1), options);
    } catch (error) {
      last = error;
      if (errorCode(error) !== "EADDRINUSE") break;
    }
  }
  throw new SystemError(
    `Cannot bind TCP and UDP ports from ${LOWEST_PORT}–${HIGHEST_PORT}: ${errorText(last)} (see: ss -ltnu)`,
    errorCode(last) || "EBIND",
    { cause: last },
  );
}

async function bindAt(port: number, { legacy, onDatagram }: ChatPortsOptions): Promise<ChatPorts> {
  const opened: { close(): unknown }[] = [];
  const keep = <Opened extends { close(): unknown }>(one: Opened): Opened => {
    opened.push(one);
    return one;
  };
  try {
    const ipv4 = keep(await listen(port, "0.0.0.0", {}));
    const ipv6 = await unlessNoIpv6(() => listen(port, "::", {}));
    if (ipv6 !== undefined) keep(ipv6);
    // An mp1 sender may close its side first and still wait for our OK.
    const legacyChat = legacy ? keep(await listen(port + 1, "0.0.0.0", { allowHalfOpen: true })) : undefined;
    const udp = (address: string): Promise<UdpSocket> =>
      bindUdp({ address, port, purpose: "discovery", onDatagram });
    const discovery = { ipv4: keep(await udp("0.0.0.0")), ipv6: await unlessNoIpv6(() => udp("::")) };
    return { port, listeners: ipv6 === undefined ? [ipv4] : [ipv4, ipv6], legacyChat, discovery };
  } catch (error) {
    for (const one of opened) one.close();
    throw error;
  }
}

async function unlessNoIpv6<Opened>(open: () => Promise<Opened>): Promise<Opened | undefined> {
  try {
    return await open();
  } catch (error) {
    if (NO_IPV6.includes(errorCode(error))) return undefined;
    throw error;
  }
}

function listen(port: number, host: string, options: ServerOpts): Promise<Server> {
  const server = createServer(options);
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, host, ipv6Only: host === "::", exclusive: true, backlog: BACKLOG }, () => {
      server.removeListener("error", reject);
      // Out of descriptors, for example: that connection is lost, the next one may be accepted.
      server.on("error", () => {});
      resolve(server);
    });
  });
}

/** Stops listening; open connections are their owners'. */
export async function closeChatPorts({ listeners, legacyChat, discovery }: ChatPorts): Promise<void> {
  for (const server of listeners) server.close();
  legacyChat?.close();
  const { ipv4, ipv6 } = discovery;
  await Promise.all([ipv4, ...(ipv6 === undefined ? [] : [ipv6])].map(closeUdp));
}
