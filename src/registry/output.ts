import type { LogEntry } from "../base/log.ts";
import type { AssociationId } from "../sctp/api.ts";

/** Names one dial-back, never used again. */
export type DialId = number;

/** What the registry core asks of its shell, in order. */
export type RegistryOutput =
  /** Open a TCP connection to a client that said hello. `dialConnected` or `dialClosed` follows. */
  | { readonly type: "dial"; readonly dial: DialId; readonly address: string; readonly port: number }
  /** Write these bytes and close for writing. */
  | { readonly type: "answer"; readonly dial: DialId; readonly bytes: Uint8Array }
  /** Drop the connection. No `dialClosed` needs to follow. */
  | { readonly type: "hang-up"; readonly dial: DialId }
  /** Send one message on stream 0; report "full" by `pushRefused`. */
  | { readonly type: "push"; readonly association: AssociationId; readonly bytes: Uint8Array }
  /** Ask for proof of life now. */
  | { readonly type: "probe"; readonly association: AssociationId }
  /** Shut the association down gracefully. */
  | { readonly type: "shutdown"; readonly association: AssociationId }
  | { readonly type: "abort"; readonly association: AssociationId; readonly reason: string }
  | { readonly type: "log"; readonly entry: LogEntry }
  /** The counts of `counts` have changed. */
  | { readonly type: "counts" };

/** Where the parts of the core put what they want done. */
export type Emit = (output: RegistryOutput) => void;
