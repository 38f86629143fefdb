import type { Millis } from "../base/clock.ts";
import { EXIT } from "../chat/exit-codes.ts";
import { isOver, type Transfer, type TransferAction, type TransferWhy } from "../chat/files/transfer.ts";
import type { ChatSession, SessionNotice } from "../chat/session.ts";
import { Alarm } from "../io/alarm.ts";
import type { TransferId } from "../wire/mp2-files.ts";
import { absolutePath } from "./file-answers.ts";
import { jsonLine } from "./json.ts";
import { fileReport } from "./reports.ts";
import { REGISTRY_LIMIT_MILLIS, runScript, type ScriptContext } from "./scripts.ts";
import { fileText, sizeText, stateText } from "./wording-files.ts";

/** How long a file is waited for, and what is printed of it. */
export interface FileChoices {
  /** Undefined: until it is over. */
  readonly waitMillis: Millis | undefined;
  /** Whether it goes on by itself after that. */
  readonly queue: boolean;
  readonly json: boolean;
  readonly quiet: boolean;
  /** Standard error is a terminal. */
  readonly hasProgress: boolean;
}

/** Sends one file; {@link EXIT}.ok only when the other machine has it whole. */
export function runSendFile(
  context: ScriptContext,
  { to, path, ...choices }: FileChoices & { readonly to: string; readonly path: string },
): Promise<number> {
  return awaitFile(context, choices, () => context.session.sendFile(to, absolutePath(path)));
}

/** Prints the files that there are; with `follow` also what becomes of them, until it is ended. */
export function runFiles(
  context: ScriptContext,
  { json, follow }: { json: boolean; follow: boolean },
): Promise<number> {
  const { session, output } = context;
  const print = (file: Transfer): void => {
    output.write(`${json ? jsonLine(fileReport(file)) : plainText(file)}\n`);
  };
  for (const file of session.files) print(file);
  if (!follow) return Promise.resolve(EXIT.ok);
  return runScript(context, undefined, (notice) => {
    if (notice.type === "file") print(notice.transfer);
  });
}

/** Does something with a file that there is, and where bytes follow, waits for them. `digits`: how its id begins. */
export function runChangeFile(
  context: ScriptContext,
  { digits, action, ...choices }: FileChoices & { readonly digits: string; readonly action: TransferAction },
): Promise<number> {
  const { session, errors } = context;
  const [file, other] = session.files.filter(({ id }) => id.startsWith(digits.toLowerCase()));
  if (file === undefined || other !== undefined) {
    const what =
      file === undefined ? "no file has an id that begins so" : "several files have ids that begin so";
    errors.write(`${what}: ${fileText(digits)} (see: multiproto-chat files)\n`);
    return Promise.resolve(EXIT.unknownName);
  }
  return awaitFile(context, choices, () => {
    session.changeFile(file.id, action);
    return file.id;
  });
}

function awaitFile(context: ScriptContext, choices: FileChoices, begin: () => TransferId): Promise<number> {
  const { session, clock, errors } = context;
  const { waitMillis } = choices;
  const progress = new Progress(context, choices);
  let id: TransferId | undefined;
  let late: (() => void) | undefined;
  const patience = new Alarm(clock, () => late?.());
  if (waitMillis !== undefined) patience.set(clock.now() + waitMillis);
  const spoken = choices.quiet ? { ...context, errors: { write: () => true } } : context;
  return runScript(spoken, Math.max(REGISTRY_LIMIT_MILLIS, waitMillis ?? 0), (notice, finish) => {
    if (id === undefined && notice.type === "online") {
      id = begin();
      late = () => {
        if (!choices.queue && id !== undefined) session.changeFile(id, "cancel");
        else finish(EXIT.queued);
      };
    }
    const transfer = transferOf(notice, id, session);
    if (transfer === undefined) return;
    progress.show(transfer);
    const isAnswer = notice.type === "file" && notice.change === "not-accepted";
    if (!isOver(transfer.state) && transfer.state !== "paused" && !isAnswer) return;
    progress.end();
    if (choices.json) context.output.write(`${jsonLine(fileReport(transfer))}\n`);
    else if (transfer.state === "done" && transfer.direction === "in")
      context.output.write(`${transfer.path}\n`);
    else if (transfer.state !== "done" && !choices.quiet) errors.write(`${plainText(transfer)}\n`);
    finish(codeOf(transfer));
  }).finally(() => {
    patience.clear();
    progress.end();
  });
}

/** What a notice says of that file; where the presence has moved, how it stands: the last holder may have told nobody. */
function transferOf(
  notice: SessionNotice,
  id: TransferId | undefined,
  session: Pick<ChatSession, "files">,
): Transfer | undefined {
  if (notice.type === "file") return notice.transfer.id === id ? notice.transfer : undefined;
  return notice.type === "presence-moved" ? session.files.find((file) => file.id === id) : undefined;
}

/** One line on a terminal, written again and again. */
class Progress {
  readonly #errors: ScriptContext["errors"];
  readonly #isShown: boolean;
  #width = 0;

  constructor({ errors }: ScriptContext, { hasProgress, quiet }: FileChoices) {
    this.#errors = errors;
    this.#isShown = hasProgress && !quiet;
  }

  show(transfer: Transfer): void {
    if (!this.#isShown) return;
    const text = `${fileText(transfer.name)}: ${stateText(transfer)}`.slice(0, 120);
    this.#errors.write(`\r${text.padEnd(this.#width)}`);
    this.#width = text.length;
  }

  end(): void {
    if (this.#width > 0) this.#errors.write(`\r${" ".repeat(this.#width)}\r`);
    this.#width = 0;
  }
}

const ID_DIGITS = 8;

function plainText(file: Transfer): string {
  const { id, direction, peer, name, size } = file;
  const with_ = `${direction === "out" ? "to" : "from"} ${fileText(peer)}`;
  return `${id.slice(0, ID_DIGITS)}  ${fileText(name)} (${sizeText(size)}) ${with_}: ${stateText(file)}`;
}

/** What a file that is over, or that stands still until somebody does something, ends a script with. */
function codeOf(transfer: Transfer): number {
  if (transfer.state === "done") return EXIT.ok;
  if (transfer.state === "paused") return EXIT.queued;
  return FAILURE_CODES[transfer.why ?? "other"] ?? EXIT.failure;
}

const FAILURE_CODES: Readonly<Partial<Record<TransferWhy, number>>> = {
  "unknown-name": EXIT.unknownName,
  "key-changed": EXIT.keyChanged,
  "blocked-here": EXIT.notConfirmed,
  declined: EXIT.notConfirmed,
  there: EXIT.notConfirmed,
  "not-supported": EXIT.notConfirmed,
  "too-many": EXIT.notConfirmed,
  unknown: EXIT.notConfirmed,
  cancelled: EXIT.timeout,
  "not-found": EXIT.usage,
  "not-a-file": EXIT.usage,
};
