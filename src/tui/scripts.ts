import type { Writable } from "node:stream";
import type { Clock, Millis } from "../base/clock.ts";
import { EXIT } from "../chat/exit-codes.ts";
import type {
  ChatNotice,
  Peer,
  Refusal,
  RoomUndeliveredReason,
  UndeliveredMessage,
} from "../chat/notices.ts";
import type { ChatSession, SessionNotice } from "../chat/session.ts";
import { Alarm } from "../io/alarm.ts";
import type { MessageId } from "../wire/mp2-values.ts";
import { foldNickname } from "../wire/nickname.ts";
import { jsonLine } from "./json.ts";
import { messageText } from "./lines.ts";
import { listReport, messageReport, type SendOutcome, sendReport } from "./reports.ts";
import { timeOfDay } from "./time.ts";
import { noticeLines, type SearchContext } from "./wording.ts";
import { rosterLines, senderText } from "./wording-peers.ts";

/** A script does not wait longer than this for a registry, unless it was given more time. */
export const REGISTRY_LIMIT_MILLIS: Millis = 10_500;

/** What the commands for scripts work with: results go to `output`, all else to `errors`. */
export interface ScriptContext {
  readonly session: ChatSession;
  readonly clock: Clock;
  readonly search: SearchContext;
  readonly output: Pick<Writable, "write">;
  readonly errors: Pick<Writable, "write">;
}

/** Prints who is there. */
export function runList(context: ScriptContext, options: { json: boolean }): Promise<number> {
  return runScript(context, REGISTRY_LIMIT_MILLIS, (notice, finish) => {
    if (notice.type !== "online") return;
    const { snapshot } = context.session;
    if (options.json) context.output.write(`${jsonLine(listReport(snapshot))}\n`);
    else for (const { text } of rosterLines(snapshot, undefined)) context.output.write(`${text}\n`);
    finish(EXIT.ok);
  });
}

export interface SendChoices {
  readonly to: string;
  readonly text: string;
  readonly waitMillis: Millis;
  /** Whether it is kept for somebody who is offline. */
  readonly queue: boolean;
  readonly json: boolean;
  /** The exit code says it all. */
  readonly quiet: boolean;
}

/** Sends one message; {@link EXIT}.ok only when the peer confirmed it. */
export function runSend(context: ScriptContext, choices: SendChoices): Promise<number> {
  const { session, clock } = context;
  const { to, text, waitMillis, queue } = choices;
  const began = clock.now();
  let id: MessageId | undefined;
  const send = (): void => {
    const left = Math.max(1, waitMillis - (clock.now() - began));
    // Nothing is kept for a name that nobody has: it is waited for, if at all, while we wait.
    const isGivenUp = !queue || (waitMillis > 0 && !isKnown());
    id = session.send(to, text, isGivenUp ? { waitMillis: waitMillis > 0 ? left : 0 } : {});
    if (!isGivenUp && waitMillis > 0) patience.set(began + waitMillis);
  };
  // Those whom a presence knows are reached without a registry, too.
  const isKnown = (): boolean => findPeer(session, to) !== undefined;
  let late: (() => void) | undefined;
  const patience = new Alarm(clock, () => late?.());
  const limit = Math.max(REGISTRY_LIMIT_MILLIS, waitMillis);
  const spoken = choices.quiet ? { ...context, errors: SILENT } : context;
  return runScript(spoken, limit, (notice, finish) => {
    if (id === undefined && (notice.type === "online" || (notice.type === "searching" && isKnown()))) {
      send();
      late = () => finish(told(context, choices, { id, to, outcome: "queued", why: "timeout" }, EXIT.queued));
    } else if (notice.type === "delivered" && notice.messageId === id)
      finish(told(context, choices, { id, to, outcome: "delivered", why: undefined }, EXIT.ok));
    else if (notice.type === "waiting" && notice.messageId === id) {
      late = () => finish(queuedCode(context, choices, notice));
      if (waitMillis === 0) late();
    } else if (notice.type === "undelivered" && notice.message.messageId === id)
      finish(failedCode(context, choices, notice));
    else if (notice.type === "room-delivered" && notice.messageId === id)
      finish(told(context, choices, { id, to, outcome: "delivered", why: undefined }, EXIT.ok));
    else if (notice.type === "room-undelivered" && notice.messageId === id)
      finish(unpostedCode(context, choices, notice));
  }).finally(() => patience.clear());
}

function unpostedCode(
  context: ScriptContext,
  choices: SendChoices,
  notice: Extract<SessionNotice, { type: "room-undelivered" }>,
): number {
  const { messageId: id, why } = notice;
  complain(context, choices, notice);
  return told(context, choices, { id, to: choices.to, outcome: "failed", why }, ROOM_CODES[why]);
}

function queuedCode(
  context: ScriptContext,
  choices: SendChoices,
  notice: Extract<SessionNotice, { type: "waiting" }>,
): number {
  const { messageId: id, to, why } = notice;
  complain(context, choices, notice);
  const isHeld = why === "key-changed" || why === "wrong-key";
  return told(context, choices, { id, to, outcome: "queued", why }, isHeld ? EXIT.keyChanged : EXIT.queued);
}

function failedCode(
  context: ScriptContext,
  choices: SendChoices,
  notice: Extract<SessionNotice, { type: "undelivered" }>,
): number {
  const { messageId: id, to, why } = notice.message;
  complain(context, choices, notice);
  return told(context, choices, { id, to, outcome: "failed", why }, exitCodeOf(notice.message));
}

function complain({ errors, search }: ScriptContext, { quiet }: SendChoices, notice: SessionNotice): void {
  if (!quiet) for (const { text } of noticeLines(notice, search)) errors.write(`${text}\n`);
}

/** Returns the code. */
function told({ output }: ScriptContext, { json }: SendChoices, outcome: SendOutcome, code: number): number {
  if (json) output.write(`${jsonLine({ ...sendReport(outcome), code })}\n`);
  return code;
}

/** Waits until `name` is online; {@link EXIT}.timeout when that takes too long. */
export function runWait(
  context: ScriptContext,
  { name, timeoutMillis }: { name: string; timeoutMillis: Millis | undefined },
): Promise<number> {
  const { session, clock, errors } = context;
  const limit = timeoutMillis === undefined ? undefined : Math.max(REGISTRY_LIMIT_MILLIS, timeoutMillis);
  let late: (() => void) | undefined;
  const patience = new Alarm(clock, () => late?.());
  if (timeoutMillis !== undefined) patience.set(clock.now() + timeoutMillis);
  return runScript(context, limit, (_, finish) => {
    late = () => {
      errors.write(`${messageText(name)} was not online in time\n`);
      finish(EXIT.timeout);
    };
    if (session.snapshot.registry !== undefined && findPeer(session, name)?.online === true) finish(EXIT.ok);
  }).finally(() => patience.clear());
}

/** Prints messages as they come, `count` of them or until it is ended; those of `from` only, if that is given. */
export function runListen(
  context: ScriptContext,
  options: { json: boolean; count: number | undefined; from: string | undefined },
): Promise<number> {
  const { output, clock } = context;
  const from = options.from === undefined ? undefined : foldNickname(options.from);
  let left = options.count ?? Infinity;
  return runScript(context, undefined, (notice, finish) => {
    if (notice.type !== "received" || left <= 0) return;
    const { message } = notice;
    if (from !== undefined && (foldNickname(message.from) !== from || message.standing === "mismatch"))
      return;
    left -= 1;
    const wall = notice.stored?.at ?? clock.wall();
    const plain = `${timeOfDay(wall)} ${senderText(message)}: ${messageText(message.text)}`;
    output.write(`${options.json ? jsonLine(messageReport(message, wall)) : plain}\n`);
    if (left === 0) finish(EXIT.ok);
  });
}

function findPeer(session: ChatSession, name: string): Peer | undefined {
  const key = foldNickname(name);
  return session.snapshot.roster.find(({ nickname }) => foldNickname(nickname) === key);
}

const SILENT: Pick<Writable, "write"> = { write: () => true };

/** Runs until `onNotice` finishes it, the registry is not found in time, or the registry does not take or keep us. */
export function runScript(
  context: ScriptContext,
  registryLimit: Millis | undefined,
  onNotice: (notice: SessionNotice, finish: (code: number) => void) => void,
): Promise<number> {
  const { session, clock, errors, search } = context;
  return new Promise((resolve) => {
    let code: number | undefined;
    let notFound: number = EXIT.registryNotFound;
    const finish = (with_: number): void => {
      code ??= with_;
      session.leave();
    };
    const giveUp = new Alarm(clock, () => {
      errors.write("not online in time, giving up\n");
      finish(notFound);
    });
    if (registryLimit !== undefined) giveUp.set(clock.now() + registryLimit);
    session.onNotice((notice) => {
      if (isProblem(notice)) for (const { text } of noticeLines(notice, search)) errors.write(`${text}\n`);
      if (notice.type === "ended") {
        giveUp.clear();
        // The presence was ended elsewhere before this was done.
        resolve(code ?? (notice.reason === "left" ? EXIT.failure : endCode(notice.reason)));
        return;
      }
      if (notice.type === "online") giveUp.clear();
      if (notice.type === "registry-changed") notFound = EXIT.keyChanged;
      if (notice.type === "refused" && notice.next === "end") code = refusalCode(notice.refusal);
      onNotice(notice, finish);
    });
    session.start();
  });
}

/** What a refusal ends a script with. */
export function refusalCode({ code }: Refusal): number {
  if (code === "nickname-taken") return EXIT.nameTaken;
  return code === "nickname-invalid" ? EXIT.usage : EXIT.failure;
}

/** What a program ends with that was neither finished nor refused. */
export function endCode(reason: Extract<ChatNotice, { type: "ended" }>["reason"]): number {
  if (reason === "left" || reason === "refused") return EXIT.ok;
  return reason === "failed" ? EXIT.failure : EXIT.removed;
}

const PROBLEMS: ReadonlySet<SessionNotice["type"]> = new Set([
  "trouble",
  "search-failing",
  "search-hint",
  "blocked",
  "registry-changed",
  "registry-lost",
  "presence-failed",
  "peer-changed",
  "ended",
] as const);

/** What a script's user must know although it is not a result. */
function isProblem(notice: SessionNotice): boolean {
  return PROBLEMS.has(notice.type) || (notice.type === "refused" && notice.next !== "suggestion");
}

const ROOM_CODES: Readonly<Record<RoomUndeliveredReason, number>> = {
  "not-in-room": EXIT.unknownName,
  "nobody-there": EXIT.unknownName,
  "not-reached": EXIT.notConfirmed,
  "queue-full": EXIT.notConfirmed,
  empty: EXIT.usage,
  "too-long": EXIT.usage,
};

function exitCodeOf(message: UndeliveredMessage): number {
  switch (message.why) {
    case "unknown-name":
    case "never-online":
      return EXIT.unknownName;
    case "timeout":
      return EXIT.timeout;
    case "empty":
    case "too-long":
      return EXIT.usage;
    case "key-changed":
    case "wrong-key":
      return EXIT.keyChanged;
    default:
      return message.waited && !message.uncertain ? EXIT.timeout : EXIT.notConfirmed;
  }
}
