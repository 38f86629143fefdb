import type { Clock } from "../../src/base/clock.ts";
import type { Fingerprint } from "../../src/base/fingerprint.ts";
import type { ArchiveReader } from "../../src/chat/archive.ts";
import type { Transfer } from "../../src/chat/files/transfer.ts";
import type { Peer, ReceivedMessage } from "../../src/chat/notices.ts";
import { Pins } from "../../src/chat/pins.ts";
import type { ChatSession, SessionNotice } from "../../src/chat/session.ts";
import { KeyDecoder } from "../../src/tui/key-decoder.ts";
import { ScreenModel } from "../../src/tui/screen-model.ts";
import { paintRow } from "../../src/tui/screen-style.ts";
import { textWidth } from "../../src/tui/width.ts";
import type { MessageId } from "../../src/wire/mp2-values.ts";
import { nickname } from "../chat/virtual-client.ts";

export const OWN = "c2".repeat(32) as Fingerprint;
export const THEIRS = "a0".repeat(32) as Fingerprint;
/** Noon of a Sunday. */
export const AT = new Date(2026, 10, 22, 12).getTime();

export const UP = "\x1b[A";
export const DOWN = "\x1b[B";
export const PAGE_UP = "\x1b[5~";
export const PAGE_DOWN = "\x1b[6~";
export const ESCAPE = "\x1b";

export function peer(name: string, more: Partial<Peer> = {}): Peer {
  return {
    nickname: nickname(name),
    address: "10.0.0.2",
    port: 51_000,
    state: "online",
    online: true,
    reason: undefined,
    lastSeen: undefined,
    status: undefined,
    rooms: [],
    fingerprint: THEIRS,
    kind: "mp2",
    trust: "pinned",
    restriction: undefined,
    ...more,
  };
}

let received = 0;

export function message(from: string, text: string, more: Partial<ReceivedMessage> = {}): SessionNotice {
  received += 1;
  const messageId = `f${received.toString(16).padStart(31, "0")}` as MessageId;
  const common = { from: nickname(from), address: "10.0.0.2", text, standing: "pinned" as const };
  return { type: "received", message: { ...common, messageId, time: AT, fingerprint: THEIRS, ...more } };
}

/** The face's model with a session that notes what it is asked, and what its screen shows. */
export class ScreenScene {
  readonly asked: string[] = [];
  readonly model: ScreenModel;
  readonly clock: Clock & { at: number };
  roster: readonly Peer[];
  hasRegistry = true;
  files: readonly Transfer[] = [];
  size: { columns: number; rows: number };
  readonly #decoder = new KeyDecoder();
  #sent = 0;

  constructor(
    options: {
      roster?: readonly Peer[];
      archive?: ArchiveReader;
      size?: { columns: number; rows: number };
    } = {},
  ) {
    this.roster = options.roster ?? [];
    this.size = options.size ?? { columns: 80, rows: 24 };
    const clock = { at: 0, now: () => clock.at, wall: () => AT + clock.at };
    this.clock = clock;
    this.model = new ScreenModel({
      session: this.#session(),
      archive: options.archive,
      clock,
      context: { place: "by multicast on eth0" },
      history: [],
      size: this.size,
      changed: () => {},
    });
  }

  /** As a terminal sends it; "\x1b" alone at the end is the key. */
  type(...texts: readonly string[]): this {
    for (const text of texts) {
      for (const input of [...this.#decoder.push(text), ...this.#decoder.flush()])
        if (input.type !== "cursor" && input.type !== "focus") this.model.key(input);
    }
    return this;
  }

  hear(...notices: readonly SessionNotice[]): this {
    for (const notice of notices) this.model.notice(notice);
    return this;
  }

  resize(columns: number, rows: number): this {
    this.size = { columns, rows };
    this.model.resized(this.size);
    return this;
  }

  /** The screen without trailing blanks. Each frame is exactly as big as the terminal. */
  get rows(): readonly string[] {
    const { rows, cursor } = this.model.frame();
    const texts = rows.map((row) => row.map(({ text }) => text).join(""));
    const columns = Math.max(20, this.size.columns);
    if (rows.length !== Math.max(6, this.size.rows)) throw new Error(`${rows.length} rows`);
    if (cursor.x >= columns || cursor.y >= rows.length || cursor.y < 0) throw new Error("cursor outside");
    for (const text of texts) if (textWidth(text) !== columns) throw new Error(`${textWidth(text)}: ${text}`);
    return texts.map((text) => text.trimEnd());
  }

  get screen(): string {
    return this.rows.join("\n");
  }

  get painted(): string {
    return this.model
      .frame()
      .rows.map((row) => paintRow(row, true))
      .join("\n");
  }

  #session(): ChatSession {
    const scene = this;
    return {
      get snapshot() {
        return {
          nickname: nickname("adam"),
          registry: scene.hasRegistry
            ? ({
                protocol: "mp2",
                address: "10.0.0.1",
                realm: "office",
                fingerprint: OWN,
                trust: "pinned",
              } as const)
            : undefined,
          registryLostAt: undefined,
          away: false,
          isIdle: false,
          quietUntil: undefined,
          status: undefined,
          rooms: [],
          roster: scene.roster,
        };
      },
      pins: Pins.none.meet({ kind: "peer", name: "ola" }, THEIRS, AT),
      fingerprint: OWN,
      pending: 0,
      onNotice: () => () => {},
      start: () => {},
      send: (to, text, options) => {
        scene.#sent += 1;
        scene.asked.push(`send ${to} ${text}${options?.reply === undefined ? "" : ` (to ${options.reply})`}`);
        return scene.#sent.toString(16).padStart(32, "e") as MessageId;
      },
      files: scene.files,
      sendFile: (to, path) => {
        scene.asked.push(`send-file ${to} ${path}`);
        return "f".repeat(32) as MessageId;
      },
      changeFile: (id, action) => void scene.asked.push(`${action} ${id}`),
      rename: (name) => scene.asked.push(`rename ${name}`) > 0,
      setStatus: (away) => void scene.asked.push(away ? "away" : "back"),
      join: (room) => scene.asked.push(`join ${room}`) > 0,
      part: (room) => scene.asked.push(`part ${room}`) > 0,
      markRead: (from, ids) => void scene.asked.push(`read ${from} ${ids.length}`),
      typing: (to, active) => void scene.asked.push(`${active ? "writing" : "stopped"} ${to}`),
      accept: ({ name }) => void scene.asked.push(`accept ${name}`),
      setQuiet: (until) => void scene.asked.push(`quiet ${until}`),
      attend: () => undefined,
      restrict: ({ name }, level) => void scene.asked.push(`restrict ${name} ${level}`),
      forget: ({ name }) => void scene.asked.push(`forget ${name}`),
      leave: () => void scene.asked.push("leave"),
    };
  }
}
