/** Files as they cross the socket of a presence. */
import type {
  Transfer,
  TransferAction,
  TransferChange,
  TransferState,
  TransferWhy,
} from "../chat/files/transfer.ts";
import type { TransferId } from "../wire/mp2-files.ts";
import { count, fingerprint, messageId, messageText, unixMillis } from "./chat-values.ts";
import { number, oneOf, optional, shape, text, wordOf } from "./parse.ts";

/** Linux takes paths of 4,096 bytes. */
const path = text(4_096);
const fileName = text(4_096);

export const transfer = shape<Transfer>({
  id: messageId,
  direction: oneOf(["in", "out"]),
  peer: messageText,
  name: fileName,
  size: count,
  time: unixMillis,
  path,
  why: optional(
    wordOf<TransferWhy>({
      here: true,
      there: true,
      "disk-full": true,
      "unknown-name": true,
      "not-supported": true,
      "key-changed": true,
      "blocked-here": true,
      "too-many": true,
      "not-found": true,
      "not-a-file": true,
      unreadable: true,
      changed: true,
      declined: true,
      corrupt: true,
      storage: true,
      unknown: true,
      cancelled: true,
      other: true,
    }),
  ),
  fingerprint: optional(fingerprint),
  state: wordOf<TransferState>({
    offered: true,
    waiting: true,
    running: true,
    paused: true,
    done: true,
    refused: true,
    failed: true,
    cancelled: true,
  }),
  bytes: count,
  bytesPerSecond: number(-Number.MAX_VALUE, Number.MAX_VALUE),
});

export const transferChange = wordOf<TransferChange>({
  offered: true,
  accepted: true,
  "not-accepted": true,
  started: true,
  progress: true,
  interrupted: true,
  paused: true,
  resumed: true,
  done: true,
  refused: true,
  failed: true,
  cancelled: true,
});

export interface SendFileRequest {
  readonly id: TransferId;
  readonly to: string;
  readonly path: string;
}

export interface ChangeFileRequest {
  readonly id: TransferId;
  readonly action: TransferAction;
}

export const parseSendFileRequest = shape<SendFileRequest>({ id: messageId, to: messageText, path });

export const parseChangeFileRequest = shape<ChangeFileRequest>({
  id: messageId,
  action: wordOf<TransferAction>({ accept: true, refuse: true, pause: true, resume: true, cancel: true }),
});
