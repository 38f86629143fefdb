import type { Writable } from "node:stream";
import type { Clock, Millis } from "../base/clock.ts";
import { EXIT } from "../chat/exit-codes.ts";
import type { ChatNotice, Refusal, UndeliveredMessage } from "../chat/notices.ts";
import type { ChatSession, SessionNotice } from "../chat/session.ts";
import { Alarm } from "../io/alarm.ts";
import { jsonLine } from "./json.ts";
import { messageText } from "./lines.ts";
import { listReport, messageReport } from "./reports.ts";
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
  readonly output: Writable;
  readonly errors: Writable;
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

/** Sends one message; {@link EXIT}.ok only when the peer confirmed it. */
export function runSend(
  context: ScriptContext,
  options: { to: string; text: string; waitMillis: Millis },
): Promise<number> {
  const { session, errors, clock, search } = context;
  const began = clock.now();
  const limit = Math.max(REGISTRY_LIMIT_MILLIS, options.waitMillis);
  return runScript(context, limit, (notice, finish) => {
    if (notice.type === "online" && !notice.again) {
      const left = options.waitMillis - (clock.now() - began);
      session.send(options.to, options.text, { waitMillis: options.waitMillis > 0 ? Math.max(1, left) : 0 });
    } else if (notice.type === "delivered") finish(EXIT.ok);
    else if (notice.type === "undelivered") {
      for (const { text } of noticeLines(notice, search)) errors.write(`${text}\n`);
      finish(exitCodeOf(notice.message));
    }
  });
}

/** Prints messages as they come, `count` of them or until it is ended. */
export function runListen(
  context: ScriptContext,
  options: { json: boolean; count: number | undefined },
): Promise<number> {
  const { output, clock } = context;
  let left = options.count ?? Infinity;
  return runScript(context, undefined, (notice, finish) => {
    if (notice.type !== "received" || left <= 0) return;
    left -= 1;
    const wall = clock.wall();
    const { message } = notice;
    const plain = `${timeOfDay(wall)} ${senderText(message)}: ${messageText(message.text)}`;
    output.write(`${options.json ? jsonLine(messageReport(message, wall)) : plain}\n`);
    if (left === 0) finish(EXIT.ok);
  });
}

/** Runs until `onNotice` finishes it, the registry is not found in time, or the registry does not take or keep us. */
function runScript(
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
        resolve(code ?? endCode(notice.reason));
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
  return reason === "left" || reason === "refused" ? EXIT.ok : EXIT.failure;
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
