import assert from "node:assert/strict";
import type { Fingerprint } from "../../src/base/fingerprint.ts";
import type { ReceivedMessage } from "../../src/chat/notices.ts";

/** One process of one user: messages are ordered and remembered from process to process, not beyond. */
export type ProcessName = string;

interface Letter {
  readonly from: ProcessName;
  readonly key: Fingerprint;
  readonly to: string;
  readonly number: number;
  readonly sentAt: number;
  /** By each process that was shown it, at most once. */
  readonly shown: Set<ProcessName>;
  end: "on-the-way" | "delivered" | "not-delivered" | "uncertain" | "orphaned";
}

/** Every message that was sent, and what became of it: throws at the first rule that is broken. */
export class Post {
  readonly #letters = new Map<string, Letter>();
  /** The last number that a process was shown of another. */
  readonly #latest = new Map<string, number>();
  #numbers = 0;

  get counts(): Readonly<Record<Letter["end"], number>> {
    const counts = { "on-the-way": 0, delivered: 0, "not-delivered": 0, uncertain: 0, orphaned: 0 };
    for (const { end } of this.#letters.values()) counts[end] += 1;
    return counts;
  }

  /** A text for the next message. */
  write(from: ProcessName, key: Fingerprint, to: string, now: number): string {
    this.#numbers += 1;
    const text = `${from} to ${to}, number ${this.#numbers}`;
    const letter = { from, key, to, number: this.#numbers, sentAt: now, shown: new Set<ProcessName>() };
    this.#letters.set(text, { ...letter, end: "on-the-way" });
    return text;
  }

  shown(reader: ProcessName, message: ReceivedMessage): void {
    const letter = this.#letters.get(message.text);
    assert.ok(letter !== undefined, `${reader} was shown what nobody has sent: ${message.text}`);
    assert.equal(message.fingerprint, letter.key, `${reader} took it for somebody else's: ${message.text}`);
    assert.ok(!letter.shown.has(reader), `${reader} was shown twice: ${message.text}`);
    const pair = `${letter.from} > ${reader}`;
    const latest = this.#latest.get(pair) ?? 0;
    assert.ok(letter.number > latest, `${reader} was shown late: ${message.text}, after number ${latest}`);
    this.#latest.set(pair, letter.number);
    letter.shown.add(reader);
  }

  delivered(text: string): void {
    const letter = this.#letters.get(text);
    assert.equal(letter?.end, "on-the-way", `confirmed, and had ended: ${text}`);
    assert.ok((letter?.shown.size ?? 0) > 0, `confirmed, and nobody was shown it: ${text}`);
    if (letter !== undefined) letter.end = "delivered";
  }

  undelivered(text: string, uncertain: boolean): void {
    const letter = this.#letters.get(text);
    assert.equal(letter?.end, "on-the-way", `given up, and had ended: ${text}`);
    const wasShown = (letter?.shown.size ?? 0) > 0;
    assert.ok(uncertain || !wasShown, `given up for certain, and it was shown: ${text}`);
    if (letter !== undefined) letter.end = uncertain ? "uncertain" : "not-delivered";
  }

  /** Who sent it has crashed: nobody hears any more what became of it. */
  orphan(from: ProcessName): void {
    for (const letter of this.#letters.values())
      if (letter.from === from && letter.end === "on-the-way") letter.end = "orphaned";
  }

  /** Nothing may be on its way for ever. */
  checkNothingWaits(before: number): void {
    for (const [text, { end, sentAt }] of this.#letters)
      assert.ok(end !== "on-the-way" || sentAt > before, `neither confirmed nor given up: ${text}`);
  }
}
