import { encodePacket } from "../../src/sctp/encode.ts";
import { PORT } from "./pair.ts";

export function fromHex(text: string): Uint8Array {
  return Buffer.from(text.replaceAll(/\s/g, ""), "hex");
}

/** A packet with a right checksum around chunks that may be anything. */
export function packet(
  tag: number,
  chunks: Uint8Array,
  sourcePort = PORT,
  destinationPort = PORT,
): Uint8Array {
  return encodePacket(sourcePort, destinationPort, tag, [Buffer.from(chunks)]);
}
