import type { UnixMillis } from "../base/clock.ts";
import type { ChatSnapshot } from "../chat/notices.ts";
import type { Line } from "./lines.ts";
import type { Conversations } from "./screen-conversations.ts";
import type { Panel } from "./screen-panels.ts";
import type { RowCache } from "./screen-rows.ts";
import type { Anchor } from "./screen-scroll.ts";
import type { EmojiSupport } from "./screen-text.ts";

/** All that the screen shows, as the layout reads it. */
export interface ScreenState {
  readonly snapshot: ChatSnapshot;
  readonly wall: UnixMillis;
  /** Time of day at which the registry was lost, if it is. */
  readonly lostSince: string | undefined;
  readonly conversations: Conversations;
  readonly anchor: Anchor;
  /** Of the entry that was found or is being answered. */
  readonly marked: number | undefined;
  readonly panel: Panel | undefined;
  /** Warnings that nobody has confirmed to have read, the oldest first. */
  readonly alarms: readonly (readonly Line[])[];
  /** What the program said at home. */
  readonly log: readonly Line[];
  /** Short answer to the last key. */
  readonly flash: Line | undefined;
  /** Whom bare text goes to. */
  readonly partner: string | undefined;
  /** At home: the person that is chosen in the list. */
  readonly chosen: string | undefined;
  readonly isPartnerWriting: boolean;
  readonly input: { readonly label: string; readonly before: string; readonly after: string };
  readonly hasArchive: boolean;
  readonly emoji: EmojiSupport;
  readonly cache: RowCache;
}
