import type { Millis } from "../base/clock.ts";
import { Deadlines } from "../base/deadlines.ts";
import { decodeUtf8 } from "../base/text.ts";
import type { EntryKey } from "../roster/roster.ts";
import { entryKey } from "../roster/roster.ts";
import { type Nickname, parseNickname } from "../wire/nickname.ts";
import type { Source } from "./discovery.ts";
import type { RegistryLimits } from "./limits.ts";
import type { DialId, Emit } from "./output.ts";
import type { DialEnd } from "./settings.ts";

/** Where one dial-back stands. All transitions are in {@link Registrations}. */
type DialState =
  /** TCP is being opened. Ends by "connect". */
  | { readonly step: "connecting" }
  /** The user types. Ends by "nickname", or "nickname-rest" once the first bytes are there. */
  | { readonly step: "naming"; readonly received: Uint8Array }
  /** The name is held from the same address: its holder is asked for a sign of life. */
  | { readonly step: "checking"; readonly nickname: Nickname; readonly holder: EntryKey }
  /** The answer is on its way. Ends by "answer". */
  | { readonly step: "answering" };

export interface Dial {
  readonly id: DialId;
  readonly source: Source;
  readonly client: "original" | "own";
  readonly helloAt: Millis;
  /** Time that the machines took so far, without the time that a user took to type. */
  machineMillis: Millis;
  state: DialState;
}

type DeadlineName = "connect" | "nickname" | "nickname-rest" | "answer";

/** What the registrations ask of the registry. */
export interface RegistrationHost {
  /** A valid nickname has come; answers the dial by {@link Registrations.answer} or {@link Registrations.check}. */
  named(now: Millis, dial: Dial, nickname: Nickname, holderChecked: boolean): void;
  /** What was sent is no nickname. */
  misnamed(now: Millis, dial: Dial, why: string): void;
  /** The dial-back ended before a nickname came. */
  failed(now: Millis, dial: Dial, why: DialFailure): void;
}

export type DialFailure = "refused" | "unreachable" | "no-descriptors" | "no-nickname" | "hung-up";

/**
 * The dial-backs under way: any number at once, each with its own limits, so that a slow or silent client delays
 * nobody. docs/protocol.md, "Registration".
 */
export class Registrations {
  readonly #limits: RegistryLimits;
  readonly #emit: Emit;
  readonly #host: RegistrationHost;
  readonly #dials = new Map<DialId, Dial>();
  readonly #bySource = new Map<EntryKey, DialId>();
  readonly #perAddress = new Map<string, number>();
  readonly #deadlines = new Deadlines<DialId, DeadlineName>();
  readonly #nextId: () => DialId;

  constructor(limits: RegistryLimits, emit: Emit, host: RegistrationHost, nextId: () => DialId) {
    this.#limits = limits;
    this.#emit = emit;
    this.#host = host;
    this.#nextId = nextId;
  }

  get pending(): number {
    return this.#dials.size;
  }

  nextDeadline(): Millis | undefined {
    return this.#deadlines.next();
  }

  /** Starts a dial-back; a repeated hello while one is under way changes nothing. False when there are too many. */
  start(now: Millis, source: Source, client: "original" | "own"): boolean {
    const key = entryKey(source.address, source.port);
    if (this.#bySource.has(key)) return true;
    const atAddress = this.#perAddress.get(source.address) ?? 0;
    if (this.#dials.size >= this.#limits.maxDials || atAddress >= this.#limits.maxDialsPerAddress)
      return false;
    const id = this.#nextId();
    const dial: Dial = { id, source, client, helloAt: now, machineMillis: 0, state: { step: "connecting" } };
    this.#dials.set(id, dial);
    this.#bySource.set(key, id);
    this.#perAddress.set(source.address, atAddress + 1);
    this.#deadlines.set(id, "connect", now + this.#limits.connectMillis);
    this.#emit({ type: "dial", dial: id, address: source.address, port: source.port });
    return true;
  }

  connected(now: Millis, id: DialId): void {
    const dial = this.#dials.get(id);
    if (dial?.state.step !== "connecting") return;
    dial.machineMillis = now - dial.helloAt;
    dial.state = { step: "naming", received: new Uint8Array() };
    this.#deadlines.clear(id, "connect");
    this.#deadlines.set(id, "nickname", now + this.#limits.nicknameMillis);
  }

  data(now: Millis, id: DialId, bytes: Uint8Array): void {
    const dial = this.#dials.get(id);
    // Whatever a client says after its nickname is of no interest, and of bounded amount: the shell closes.
    if (dial?.state.step !== "naming") return;
    const received = joined(dial.state.received, bytes.subarray(0, this.#limits.maxNicknameBytes + 1));
    if (received.length > this.#limits.maxNicknameBytes) {
      this.#misnamed(now, dial, `more than ${this.#limits.maxNicknameBytes} bytes`);
      return;
    }
    dial.state = { step: "naming", received };
    if (isComplete(received, dial.client)) this.#named(now, dial, decodeUtf8(received));
    else if (this.#deadlines.at(id, "nickname-rest") === undefined) {
      this.#deadlines.set(id, "nickname-rest", now + this.#limits.nicknameRestMillis);
    }
  }

  /** The connection ended, or could not be made. */
  closed(now: Millis, id: DialId, how: DialEnd): void {
    const dial = this.#dials.get(id);
    if (dial === undefined) return;
    const step = dial.state.step;
    this.#end(dial);
    if (step === "connecting") this.#host.failed(now, dial, how === "ended" ? "unreachable" : how);
    else if (step === "naming") this.#host.failed(now, dial, "hung-up");
  }

  advance(now: Millis): void {
    for (let due = this.#deadlines.due(now); due !== undefined; due = this.#deadlines.due(now)) {
      const dial = this.#dials.get(due.key);
      if (dial === undefined) continue;
      if (due.name === "nickname-rest") this.#misnamed(now, dial, "not valid UTF-8, or cut short");
      else {
        this.#emit({ type: "hang-up", dial: dial.id });
        this.#end(dial);
        if (due.name === "connect") this.#host.failed(now, dial, "unreachable");
        if (due.name === "nickname") this.#host.failed(now, dial, "no-nickname");
      }
    }
  }

  /** Sends the answer and lets the client close. */
  answer(now: Millis, dial: Dial, bytes: Uint8Array): void {
    dial.state = { step: "answering" };
    this.#deadlines.clearAll(dial.id);
    this.#deadlines.set(dial.id, "answer", now + this.#limits.answerMillis);
    this.#emit({ type: "answer", dial: dial.id, bytes });
  }

  /** Waits until {@link holderJudged} is called for `holder`. The holder's own time limit bounds the wait. */
  check(dial: Dial, nickname: Nickname, holder: EntryKey): void {
    this.#deadlines.clearAll(dial.id);
    dial.state = { step: "checking", nickname, holder };
  }

  /** A holder has answered, or is gone: whoever waits for that goes on. */
  holderJudged(now: Millis, holder: EntryKey): void {
    for (const dial of [...this.#dials.values()]) {
      if (dial.state.step === "checking" && dial.state.holder === holder) {
        this.#host.named(now, dial, dial.state.nickname, true);
      }
    }
  }

  hangUp(dial: Dial): void {
    this.#emit({ type: "hang-up", dial: dial.id });
    this.#end(dial);
  }

  hangUpAll(): void {
    for (const dial of [...this.#dials.values()]) this.hangUp(dial);
  }

  #named(now: Millis, dial: Dial, text: string | undefined): void {
    this.#deadlines.clearAll(dial.id);
    const parsed = text === undefined ? undefined : parseNickname(text);
    if (parsed === undefined) this.#misnamed(now, dial, "not valid UTF-8");
    else if (!parsed.ok) this.#misnamed(now, dial, parsed.text);
    else this.#host.named(now, dial, parsed.nickname, false);
  }

  #misnamed(now: Millis, dial: Dial, why: string): void {
    this.#deadlines.clearAll(dial.id);
    this.#host.misnamed(now, dial, why);
  }

  #end(dial: Dial): void {
    this.#dials.delete(dial.id);
    this.#bySource.delete(entryKey(dial.source.address, dial.source.port));
    this.#deadlines.clearAll(dial.id);
    const left = (this.#perAddress.get(dial.source.address) ?? 1) - 1;
    if (left > 0) this.#perAddress.set(dial.source.address, left);
    else this.#perAddress.delete(dial.source.address);
  }
}

/**
 * Whether the nickname is all there. Ours ends it with a new line. An original client sends it in one piece without
 * terminator, so what has come is all, unless it stops within a character.
 */
function isComplete(received: Uint8Array, client: "original" | "own"): boolean {
  if (client === "own") return received.at(-1) === 0x0a;
  return decodeUtf8(received) !== undefined || !endsWithinCharacter(received);
}

function endsWithinCharacter(bytes: Uint8Array): boolean {
  try {
    // With `stream`, an unfinished character at the end is not yet an error.
    new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
