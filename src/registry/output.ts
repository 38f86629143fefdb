import type { LogEntry } from "../base/log.ts";
import type { AssociationId } from "../sctp/api.ts";
import type { Source } from "./discovery.ts";

/** Names one dial-back, never used again. */
export type DialId = number;

/** What the registry core asks of its shell, in order. */
export type RegistryOutput =
  /** Open a TCP connection to a client that said hello. `dialConnected` or `dialClosed` follows. */
  | { readonly type: "dial"; readonly dial: DialId; readonly address: string; readonly port: number }
  /** Write these bytes and close for writing. */
  | { readonly type: "answer"; readonly dial: DialId; readonly bytes: Uint8Array }
  /** Open a TLS connection to a client that has proved its address. `tlsOpened` or `tlsFailed` follows. */
  | { readonly type: "dial-tls"; readonly dial: DialId; readonly address: string; readonly port: number }
  /**
   * Write these bytes, which are not to be changed: others may be sent the same. `awaited`: report by `tlsTaken` when they
   * and all before them have left.
   */
  | {
      readonly type: "tls-send";
      readonly dial: DialId;
      readonly bytes: Uint8Array;
      readonly awaited: boolean;
    }
  /** Nothing more from us; what was sent still goes out. `tlsClosed` follows. */
  | { readonly type: "tls-end"; readonly dial: DialId }
  /** Drop the connection, of either kind. No `dialClosed` or `tlsClosed` needs to follow. */
  | { readonly type: "hang-up"; readonly dial: DialId }
  /** Send one message on stream 0; report "full" by `pushRefused`. */
  | { readonly type: "push"; readonly association: AssociationId; readonly bytes: Uint8Array }
  /** Send one message; report "full" by `sendRefused`. The bytes are this receiver's own. */
  | {
      readonly type: "send";
      readonly association: AssociationId;
      readonly stream: number;
      readonly ppid: number;
      readonly bytes: Uint8Array;
    }
  /** Answer from the discovery socket, by unicast. */
  | { readonly type: "datagram"; readonly to: Source; readonly bytes: Uint8Array }
  /** Tell both groups of mp2, on all interfaces served. */
  | { readonly type: "announce"; readonly bytes: Uint8Array }
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
