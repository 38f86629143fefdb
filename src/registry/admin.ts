import type { Fingerprint } from "../base/fingerprint.ts";
import type { Nickname } from "../wire/nickname.ts";

/** What an admin may ask for. `target`: a nickname, or a fingerprint as hexadecimal or spoken digits. */
export type AdminCommand =
  /** Frees a nickname for whoever comes next. */
  | { readonly type: "forget"; readonly nickname: string }
  /** Ends a session; its client may come again. */
  | { readonly type: "kick"; readonly target: string }
  /** Ends a key's session and refuses its next ones. `reason`: one line, for the list of bans; may be empty. */
  | { readonly type: "ban"; readonly target: string; readonly reason: string }
  | { readonly type: "unban"; readonly target: string };

/** Who a command was about, as far as there is one. */
export interface Concerned {
  readonly nickname?: Nickname;
  readonly fingerprint?: Fingerprint;
  readonly address?: string;
}

export type AdminFailure =
  /** Nobody of that name or key is known. */
  | "unknown"
  /** The digits fit several keys. */
  | "ambiguous"
  /** The change cannot be stored. */
  | "storage"
  | "is-so-already";

export type AdminResult =
  | ({ readonly ok: true } & Concerned)
  | { readonly ok: false; readonly code: AdminFailure; readonly text: string };

/** Told once, when what was done is durable, or why it was not done. */
export type AdminDone = (result: AdminResult) => void;
