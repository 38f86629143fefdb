import { errorText } from "../base/errors.ts";
import { ConnectionError, NOT_PERMITTED as NOT_PERMITTED_TEXT } from "../control/client.ts";
import { ControlError } from "../control/errors.ts";
import {
  CONFIGURATION_REFUSED,
  FAILURE,
  NOT_FOUND,
  NOT_PERMITTED,
  NOT_RUNNING,
  TIMEOUT,
} from "./exit-codes.ts";

/** The names that failures have under --json. */
export type FailureCode =
  | "failed"
  | "not-running"
  | "not-permitted"
  | "not-found"
  | "ambiguous"
  | "storage"
  | "timeout"
  | "configuration-refused";

const EXIT_CODES: Readonly<Record<FailureCode, number>> = {
  failed: FAILURE,
  "not-running": NOT_RUNNING,
  "not-permitted": NOT_PERMITTED,
  "not-found": NOT_FOUND,
  ambiguous: FAILURE,
  storage: FAILURE,
  timeout: TIMEOUT,
  "configuration-refused": CONFIGURATION_REFUSED,
};

/** A command could not do what it was asked. Its message is whole: what failed, why, what to do. */
export class CommandFailure extends Error {
  override readonly name = "CommandFailure";
  readonly code: FailureCode;
  /** Further lines, such as the end of the journal. */
  readonly details: readonly string[];

  constructor(code: FailureCode, message: string, details: readonly string[] = []) {
    super(message);
    this.code = code;
    this.details = details;
  }

  get exitCode(): number {
    return EXIT_CODES[this.code];
  }
}

export function notPermitted(): CommandFailure {
  return new CommandFailure("not-permitted", NOT_PERMITTED_TEXT);
}

/** Anything that a command threw, as a failure to show. */
export function asFailure(error: unknown): CommandFailure {
  if (error instanceof CommandFailure) return error;
  if (error instanceof ConnectionError) {
    const code = error.reason === "closed" || error.reason === "protocol" ? "failed" : error.reason;
    return new CommandFailure(code, error.message);
  }
  if (error instanceof ControlError && error.code === "configuration-refused") {
    return new CommandFailure("configuration-refused", `configuration refused: ${error.message}`);
  }
  if (error instanceof ControlError && isFailureCode(error.code))
    return new CommandFailure(error.code, error.message);
  return new CommandFailure("failed", errorText(error));
}

function isFailureCode(code: string): code is FailureCode {
  return Object.hasOwn(EXIT_CODES, code);
}
