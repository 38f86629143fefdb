import { errorText } from "../base/errors.ts";
import type { ArchivedIncoming, ArchiveReader } from "../chat/archive.ts";
import type { ReceivedMessage } from "../chat/notices.ts";
import type { SessionNotice } from "../chat/session.ts";
import type { RoomName } from "../wire/mp2-values.ts";
import type { Nickname } from "../wire/nickname.ts";

/** Of the archive at once. */
const PAGE = 200;

export type Received = Extract<SessionNotice, { type: "received" }>;

export interface HeardOptions {
  /** Of what is stored, to be closed by us; undefined where it cannot be read. */
  readonly openArchive: () => ArchiveReader | undefined;
  /** What this program has missed, in order. */
  readonly missed: (notice: Received) => void;
  readonly trouble: (text: string) => void;
}

/**
 * How far in the archive this program has been told what came. A holder that is killed may have stored messages, and told
 * nobody; their senders do not send them again. So whoever goes on with another holder reads them first, each once:
 *
 *     up to date ── holder gone ──> behind ── told how far the new one is, or of a message ──> up to date
 */
export class Heard {
  readonly #options: HeardOptions;
  /** Undefined: nobody has said yet. */
  #through: number | undefined;
  #isBehind = false;

  constructor(options: HeardOptions) {
    this.#options = options;
  }

  /** `seq` of the last message that this program was told of, or that came before it began. */
  get through(): number | undefined {
    return this.#through;
  }

  /** What it has stored since our last message may never be told. */
  holderEnded(): void {
    this.#isBehind = true;
  }

  /** Another program, or this one, holds the presence from here on, and will not tell again what is there up to `told`. */
  holderFound(told: number | undefined): void {
    if (told === undefined) return;
    if (this.#isBehind) this.#catchUp(told);
    else this.#through ??= told;
  }

  /** The holder tells of a message. */
  received({ stored }: Received): void {
    if (stored === undefined) return;
    if (this.#isBehind) this.#catchUp(stored.seq - 1);
    this.#through = stored.seq;
  }

  #catchUp(through: number): void {
    const after = this.#through;
    // An archive that was damaged and made anew may begin again below: then there is nothing of before.
    this.#through = through;
    this.#isBehind = false;
    if (after === undefined || after >= through) return;
    try {
      for (const message of read(this.#options.openArchive(), after, through))
        this.#options.missed(noticeOf(message));
    } catch (error) {
      this.#options.trouble(`what came while your presence moved cannot be read: ${errorText(error)}`);
    }
  }
}

/** The newest place in an archive; undefined where it cannot be read. */
export function newestIn(archive: Pick<ArchiveReader, "page">): number | undefined {
  try {
    return archive.page(undefined, { limit: 1, withIgnored: true }).at(-1)?.seq ?? 0;
  } catch {
    // Whoever opened it has told why.
    return undefined;
  }
}

/** Closes the archive. */
function read(
  archive: ArchiveReader | undefined,
  after: number,
  through: number,
): readonly ArchivedIncoming[] {
  if (archive === undefined) return [];
  const found: ArchivedIncoming[] = [];
  try {
    for (let last = after; last < through; ) {
      const page = archive.page(undefined, { after: last, before: through + 1, limit: PAGE });
      for (const message of page) if (message.direction === "in") found.push(message);
      last = page.length < PAGE ? through : (page.at(-1)?.seq ?? through);
    }
  } finally {
    archive.close();
  }
  return found;
}

function noticeOf(archived: ArchivedIncoming): Received {
  const { seq, at, peer, address, text, standing, messageId, time, fingerprint, reply, conversation } =
    archived;
  const message: ReceivedMessage = {
    ...{ from: peer as Nickname, address, text, standing, messageId, fingerprint },
    time: messageId === undefined ? undefined : time,
    ...(reply !== undefined && { reply }),
    ...(conversation.startsWith("#") && { room: conversation.slice(1) as RoomName }),
  };
  return { type: "received", message, stored: { seq, at } };
}
