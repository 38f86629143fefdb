import { createSocket } from "node:dgram";
import { connect, isIPv6 } from "node:net";
import type { Millis, Random } from "../base/clock.ts";
import { errorCode } from "../base/errors.ts";
import type { PeerReach, SctpAnswer } from "../doctor/check-discovery.ts";
import { decodePacket } from "../sctp/decode/packet.ts";
import { encodeInit, encodePacket } from "../sctp/encode.ts";

/** Whether somebody is there: SCTP of a registry, TCP of people. */

/** When an INIT goes out. */
const INITS_AT_MILLIS: readonly Millis[] = [0, 300, 700];
const SCTP_MILLIS: Millis = 1_500;
const PEER_MILLIS: Millis = 2_000;
/** People that are tried, and at once. */
const MAX_PEERS = 64;
const PEERS_AT_ONCE = 8;
/** Any window that RFC 9260 §3.3.2 allows; nothing is ever sent in it. */
const WINDOW = 65_536;

/** Sends an INIT and waits for its INIT ACK. The cookie is not brought back, so nothing is left at the registry. */
export async function sctpAnswers(
  { address, port, sctpPort }: { readonly address: string; readonly port: number; readonly sctpPort: number },
  random: Random,
): Promise<SctpAnswer> {
  const socket = createSocket(isIPv6(address.replace(/%.*$/, "")) ? "udp6" : "udp4");
  const localPort = 49_152 + random.below(16_384);
  const fields = { window: WINDOW, outboundStreams: 1, inboundStreams: 1, initialTsn: random.below(2 ** 32) };
  const init = encodeInit({ ...fields, tag: 1 + random.below(2 ** 32 - 1) });
  const packet = encodePacket(localPort, sctpPort, 0, [init]);
  const startedAt = performance.now();
  const outcome = await new Promise<SctpAnswer["outcome"]>((resolve) => {
    const timers: NodeJS.Timeout[] = [];
    const settle = (result: SctpAnswer["outcome"]): void => {
      for (const timer of timers) clearTimeout(timer);
      resolve(result);
    };
    timers.push(setTimeout(() => settle("silence"), SCTP_MILLIS));
    // A connected socket is told when the other machine says that nobody is there.
    socket.on("error", (error) => settle(errorCode(error) === "ECONNREFUSED" ? "refused" : "silence"));
    socket.on("message", (bytes) => {
      const answer = decodePacket(bytes, localPort);
      if (typeof answer === "object" && answer.chunks.some(({ type }) => type === "init-ack"))
        settle("answers");
    });
    socket.connect(port, address, () => {
      for (const at of INITS_AT_MILLIS) timers.push(setTimeout(() => socket.send(packet, () => {}), at));
    });
  });
  socket.close();
  return { address, port, outcome, millis: performance.now() - startedAt };
}

/** Connects to each and hangs up at once, which they take for nobody. */
export async function reachPeers(
  peers: readonly { readonly nickname: string; readonly address: string; readonly port: number }[],
): Promise<readonly PeerReach[]> {
  const left = peers.slice(0, MAX_PEERS);
  const reached: PeerReach[] = [];
  const work = async (): Promise<void> => {
    for (let peer = left.shift(); peer !== undefined; peer = left.shift())
      reached.push({ ...peer, outcome: await reach(peer.address, peer.port) });
  };
  await Promise.all(Array.from({ length: PEERS_AT_ONCE }, work));
  return reached;
}

function reach(address: string, port: number): Promise<PeerReach["outcome"]> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const settle = (outcome: PeerReach["outcome"]): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(outcome);
    };
    const timer = setTimeout(() => settle("silence"), PEER_MILLIS);
    socket.on("connect", () => settle("reached"));
    socket.on("error", (error) => {
      const code = errorCode(error);
      settle(code === "ECONNREFUSED" ? "refused" : code === "ETIMEDOUT" ? "silence" : "unreachable");
    });
  });
}
