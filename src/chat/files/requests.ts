import type { Fingerprint } from "../../base/fingerprint.ts";
import type { TransferId } from "../../wire/mp2-files.ts";

/** What the core of files asks of the disk and the network, and what they answer. */

export type FileRequest =
  /** Looks at the file to be sent; "inspected" or "ended" follows. */
  | { readonly type: "inspect"; readonly id: TransferId; readonly path: string }
  /** Makes room for a file that comes, in `folder` or the user's own; "prepared", "saved" or "ended" follows. */
  | {
      readonly type: "prepare";
      readonly id: TransferId;
      /** Of its part, where there is one. */
      readonly folder: string | undefined;
      readonly name: string;
      readonly size: number;
      /** What is there is of no use. */
      readonly anew: boolean;
    }
  /** Sends it on a connection of its own; "progress" may, "ended" does follow. */
  | OutgoingStream
  /** Ends whatever is being done for it; nothing follows. */
  | { readonly type: "stop"; readonly id: TransferId }
  /** Its part is of no use any more. */
  | { readonly type: "discard"; readonly id: TransferId; readonly folder: string };

export interface OutgoingStream {
  readonly type: "stream";
  readonly id: TransferId;
  readonly address: string;
  readonly port: number;
  readonly fingerprint: Fingerprint;
  readonly path: string;
  readonly stamp: string;
  readonly size: number;
  readonly offset: number;
}

/** What a connection with that file is to be read into. */
export interface IncomingStream {
  readonly folder: string;
  readonly name: string;
  readonly size: number;
  /** Where it goes on. */
  readonly offset: number;
}

/** How what was asked for ended. */
export type FileEnd =
  /** All of it is sent. */
  | "sent"
  /** The connection could not be made, or broke. */
  | "broken"
  /** Ours: there is no such file, it is none, cannot be read, is another one now. */
  | "not-found"
  | "not-a-file"
  | "unreadable"
  | "changed"
  /** Theirs is not what was offered. */
  | "corrupt"
  | "disk-full"
  /** The folder cannot be used; the user has been told why. */
  | "storage";

export type FileEvent =
  | {
      readonly type: "inspected";
      readonly id: TransferId;
      /** As it is on disk. */
      readonly name: string;
      readonly size: number;
      readonly stamp: string;
    }
  | {
      readonly type: "prepared";
      readonly id: TransferId;
      readonly folder: string;
      /** Bytes that are there. */
      readonly offset: number;
    }
  /** `bytes`: in all. */
  | { readonly type: "progress"; readonly id: TransferId; readonly bytes: number }
  /** All of it is here, verified, on disk under `path`. */
  | { readonly type: "saved"; readonly id: TransferId; readonly path: string }
  | { readonly type: "ended"; readonly id: TransferId; readonly how: FileEnd };
