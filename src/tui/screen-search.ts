import type { Input } from "./key-decoder.ts";
import type { ScreenDesk } from "./screen-desk.ts";
import { transcriptSize } from "./screen-layout.ts";
import { type Panel, searchFor } from "./screen-panels.ts";

type SearchPanel = Extract<Panel, { type: "search" }>;

/** The search panel's keys. */
export class ScreenSearch {
  readonly #desk: ScreenDesk;

  constructor(desk: ScreenDesk) {
    this.#desk = desk;
  }

  look(words: string): void {
    this.#desk.panel = searchFor(this.#desk.archive, words.slice(0, 200));
  }

  key(panel: SearchPanel, { name, text }: Extract<Input, { type: "key" }>): void {
    if (name === "backspace") this.look(Array.from(panel.words).slice(0, -1).join(""));
    else if (name === "ctrl-u" || name === "ctrl-w") this.look("");
    else if (name === "up" || name === "down") this.choose(panel, name === "up" ? -1 : 1);
    else if (text !== undefined) this.look(panel.words + text);
  }

  choose(panel: SearchPanel, by: number): void {
    const chosen = Math.max(0, Math.min(panel.found.length - 1, panel.chosen + by));
    this.#desk.panel = { ...panel, chosen };
  }

  open({ found, chosen }: SearchPanel): void {
    const message = found[chosen];
    if (message === undefined) return;
    const title = message.conversation.startsWith("#") ? message.conversation : message.peer;
    this.#desk.open(() => this.#desk.conversations.open(this.#desk.conversations.add(title).key));
    const { transcript } = this.#desk.conversations;
    transcript?.around(message.seq);
    const entry = transcript?.entries.find((item) => item.kind === "message" && item.seq === message.seq);
    this.#desk.found = entry?.key;
    // Some of what followed stays in view.
    if (entry === undefined) return;
    this.#desk.anchor = { key: entry.key, row: 0 };
    const { columns, height } = transcriptSize(this.#desk.size);
    this.#desk.scroll(Math.floor(height / 2), { columns, height });
    return;
  }
}
