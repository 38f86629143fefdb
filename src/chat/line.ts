import { type Fingerprint, fingerprintText } from "../base/fingerprint.ts";

/** How a line should look: its words never depend on it. */
export type Tone = "chat" | "sent" | "quiet" | "good" | "bad" | "plain";

export interface Line {
  readonly tone: Tone;
  readonly text: string;
}

/** Where we search, for the texts about it. */
export interface SearchContext {
  /** "by multicast on eth0" or "at registry.example". */
  readonly place: string;
}

export function quiet(text: string): Line {
  return { tone: "quiet", text };
}

export function good(text: string): Line {
  return { tone: "good", text };
}

export function bad(text: string): Line {
  return { tone: "bad", text };
}

export function plain(text: string): Line {
  return { tone: "plain", text };
}

/** What two people read to each other. */
export function digits(fingerprint: Fingerprint): Line {
  return plain(`  ${fingerprintText(fingerprint)}`);
}
