import type { Millis } from "../../base/clock.ts";
import type { Deadlines } from "../../base/deadlines.ts";
import type { Fingerprint } from "../../base/fingerprint.ts";
import type { FileMessage, TransferId } from "../../wire/mp2-files.ts";
import type { FileRequest } from "./requests.ts";
import type { Transfer, TransferChange, TransferRecord } from "./transfer.ts";

/** "again": another attempt after one that broke. "confirm": the other side does not say that it has all of it. */
export type FileDeadline = "again" | "confirm";

/** What one file needs of the rest. */
export interface FileHost {
  readonly deadlines: Deadlines<TransferId, FileDeadline>;
  readonly ask: (request: FileRequest) => void;
  /** Says it to whoever has that key, if a link is up; else one is wanted, and `linkUp` follows. */
  readonly say: (now: Millis, to: Fingerprint, message: FileMessage) => boolean;
  /** `done`: it is on disk. */
  readonly store: (now: Millis, record: TransferRecord, done?: (now: Millis) => void) => void;
  readonly tell: (transfer: Transfer, change: TransferChange) => void;
  /** Between 0 and 1. */
  readonly fraction: () => number;
  /** What its owner is called now. */
  readonly nameOf: (fingerprint: Fingerprint) => string | undefined;
}
