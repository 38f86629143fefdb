import type { SealFault } from "../../base/seal.ts";
import type { SctpEvent } from "../../sctp/api.ts";
import type { Reason } from "../../wire/mp2-codec.ts";
import { MP2_PPID, PRESENCE_TO_REGISTRY } from "../../wire/mp2-presence.ts";
import type { Session } from "./sessions.ts";

/** Why an association is ended: what its client sent is none of what it may send. Constant texts. */
export type Fault = SealFault | Reason | "bad-ppid" | "not-an-attach" | "other-session" | "attached-already";

type ToRegistry = Parameters<typeof PRESENCE_TO_REGISTRY.encode>[0];

/** What a client says in one SCTP message, once its seal and its form have been found good; else why not. */
export function openMessage(
  { seals }: Session,
  { stream, ppid, bytes }: Extract<SctpEvent, { type: "message" }>,
): { readonly message: ToRegistry } | { readonly fault: Fault } {
  if (ppid !== MP2_PPID) return { fault: "bad-ppid" };
  const opened = seals.open(stream, bytes);
  if (!opened.ok) return { fault: opened.fault };
  const decoded = PRESENCE_TO_REGISTRY.decode(opened.text);
  return decoded.ok ? { message: decoded.value } : { fault: decoded.reason };
}
