import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { errorCode, errorText, SystemError } from "../base/errors.ts";
import { escapeText } from "../base/text.ts";
import { portHolder } from "./port-holder.ts";

/** What binding an IPv6 address fails with on a host without IPv6: not built in, or switched off. */
export const NO_IPV6: readonly string[] = ["EAFNOSUPPORT", "EADDRNOTAVAIL", "EPROTONOSUPPORT"];

export interface UdpOptions {
  /** Local address, "0.0.0.0" for all of IPv4, "::" for all of IPv6 (and of IPv6 only). */
  readonly address: string;
  /** Local port, 0 for any. */
  readonly port: number;
  /** What the port is for, as in "UDP 10001 for discovery". */
  readonly purpose: string;
  readonly onDatagram: (bytes: Uint8Array, from: RemoteInfo) => void;
  /** Errors of a socket that was bound: logged, never fatal. */
  readonly onError?: (error: Error) => void;
  /** Lets several processes bind the same port, as a registry and clients on one host do that listen to a group. */
  readonly reuseAddr?: boolean;
  /** Lets this user bind the same port more than once; the kernel spreads over these what comes in. */
  readonly reusePort?: boolean;
}

/**
 * Binds a UDP socket. What is sent on it goes to addresses, not to names.
 * Errors: {@link SystemError} naming the port, the likely holder and the fix.
 */
export async function bindUdp(options: UdpOptions): Promise<Socket> {
  const { address, port } = options;
  const ipv6 = address.includes(":");
  const socket = createSocket({
    type: ipv6 ? "udp6" : "udp4",
    ipv6Only: ipv6,
    reuseAddr: options.reuseAddr ?? false,
    reusePort: options.reusePort ?? false,
    lookup: takeAsIs,
  });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.bind({ port, address, exclusive: true }, resolve);
    });
  } catch (error) {
    socket.close();
    throw bindError("UDP", options, error);
  }
  socket.removeAllListeners("error");
  socket.on("error", (error) => options.onError?.(error));
  socket.on("message", options.onDatagram);
  return socket;
}

/**
 * dgram looks every destination up, one turn of the event loop later even where it is an address. This one is at once,
 * so a packet costs no tick, and leaves in the order of the calls.
 */
function takeAsIs(
  address: string,
  family: unknown,
  done: (error: NodeJS.ErrnoException | null, address: string, family: number) => void,
): void {
  done(null, address, family === 6 ? 6 : 4);
}

/** The burst of a thousand clients that come back at once must not overflow the kernel's default buffer. */
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;

/** Asks for a large receive buffer. */
export function receiveBursts(socket: Socket): void {
  try {
    socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES);
  } catch {
    // The system's limit is lower; its default stays.
  }
}

export function closeUdp(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.close(() => resolve());
  });
}

let stateSymbol: symbol | undefined;

/** Of a socket that is bound. Where dgram keeps it is not documented; -1, which is nobody's, once it keeps it elsewhere or is closed. */
export function descriptorOf(socket: Socket): number {
  stateSymbol ??= Object.getOwnPropertySymbols(socket).find(
    ({ description }) => description === "state symbol",
  );
  if (stateSymbol === undefined) return -1;
  const state = (socket as unknown as Record<symbol, unknown>)[stateSymbol] ?? {};
  const { handle } = state as { readonly handle?: { readonly fd?: unknown } | null };
  return typeof handle?.fd === "number" ? handle.fd : -1;
}

/** Says which port, why, who probably has it, and what to do. */
export function bindError(
  transport: "UDP" | "TCP",
  where: { readonly address: string; readonly port: number; readonly purpose: string },
  error: unknown,
): SystemError {
  const code = errorCode(error);
  const place = `${transport} ${where.port}${where.address === "0.0.0.0" ? "" : ` on ${where.address}`}`;
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: `address in use ${holderText(transport, where.port)}; stop it or choose another port in multiproto.toml`,
    EACCES: `permission denied (ports below 1024 need a privilege: choose a higher one in multiproto.toml)`,
    EADDRNOTAVAIL: `this host has no such address (see: ip address)`,
  };
  const reason = reasons[code] ?? errorText(error);
  return new SystemError(`Cannot bind ${place} for ${where.purpose}: ${reason}`, code || "EBIND", {
    cause: error,
  });
}

function holderText(transport: "UDP" | "TCP", port: number): string {
  const holder = portHolder(transport, port);
  const look = `${transport === "UDP" ? "ss -lunp" : "ss -ltnp"} 'sport = :${port}'`;
  return holder === undefined
    ? `(is another registry running? who holds it: ${look})`
    : `by ${escapeText(holder)}`;
}
