import { decodeUtf8, encodeUtf8 } from "../base/text.ts";

/**
 * mp1 discovery: one datagram from UDP P to the group, 16 ASCII bytes. Our own client adds a mark after them; the
 * original registry, which reacts to any datagram, still understands it. docs/protocol.md, "Discovery".
 */

export const MP1_GROUP = "224.0.0.1";
export const DEFAULT_PORT = 10_001;
/** RFC 6951 §3: the port of SCTP inside UDP. */
export const DEFAULT_ENCAPSULATION_PORT = 9_899;

const HELLO = "SERVER DISCOVERY";
const MARKED_HELLO = `${HELLO} multiproto/1`;

/** Who asks: an original client, or ours, which reads longer rosters and understands a refusal. */
export type Hello = { readonly client: "original" | "own" };

export function encodeHello(hello: Hello): Uint8Array {
  return encodeUtf8(hello.client === "own" ? MARKED_HELLO : HELLO);
}

/** The hello in a datagram; undefined when it is something else. */
export function parseHello(bytes: Uint8Array): Hello | undefined {
  if (bytes.length > 256) return undefined;
  const text = decodeUtf8(bytes);
  if (text === HELLO) return { client: "original" };
  // Later versions may say more behind the mark.
  if (text === MARKED_HELLO || text?.startsWith(`${MARKED_HELLO} `) === true) return { client: "own" };
  return undefined;
}
