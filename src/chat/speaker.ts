import type { Millis } from "../base/clock.ts";
import type { Fingerprint } from "../base/fingerprint.ts";
import type { LinkEnd, LinkOutput } from "../peer/mp2-link.ts";
import type { CloseReason } from "../wire/mp2-chat.ts";
import type { Nickname } from "../wire/nickname.ts";
import type { ChatOutput, TlsFailure } from "./events.ts";

/** Who says what on a link. */
export interface Speaker {
  readonly fingerprint: Fingerprint;
  readonly nick: Nickname;
  readonly address: string;
}

/**
 * "wait": the roster does not have the key, or not under that name. "busy": the user has blocked it, which is not its
 * business.
 */
export type Verdict = "welcome" | "wait" | Extract<CloseReason, "untrusted" | "busy">;

/** How an attempt or a link ended. */
export type ConnectionEnd =
  | { readonly by: "dial"; readonly failure: TlsFailure }
  | (LinkEnd & { readonly wasUp: boolean });

/** What happens on the one that is up, and what its owner decides. */
export interface ConnectionsOwner {
  readonly own: Fingerprint;
  readonly nick: () => Nickname;
  readonly emit: (output: ChatOutput) => void;
  readonly judge: (now: Millis, speaker: Speaker) => Verdict;
  readonly up: (now: Millis, speaker: Speaker) => void;
  readonly says: (now: Millis, speaker: Speaker, output: LinkSaying) => void;
  /** A connection is gone, and no other one takes its place. */
  readonly down: (now: Millis, end: ConnectionEnd) => void;
  /** Its number means nothing any more. */
  readonly forget: (connection: number) => void;
}

export type LinkSaying = Extract<LinkOutput, { type: "msg" | "ack" | "typing" | "file" }>;
