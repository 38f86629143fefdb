/**
 * Whose fault is it? A bug of ours and a system that says no are errors of different kinds; what a peer does wrong is no
 * error at all but a value (undefined, a refusal) of the parser that met it, since on a LAN it is to be expected. Texts follow one grammar: what failed, why, what to do ("Cannot bind UDP 10001: address in use (is another
 * registry running? see: ss -lunp)").
 */

/** We called something wrongly: a bug. Never caught to go on, except at a program's outermost edge. */
export class MisuseError extends Error {
  override readonly name = "MisuseError";
}

/** The system refused: a port in use, a full disk, a missing permission. Carries what a person can do about it. */
export class SystemError extends Error {
  override readonly name = "SystemError";
  /** The system's code ("EADDRINUSE"), or ours where it has none. */
  readonly code: string;

  constructor(message: string, code: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The system's error code of anything thrown ("ENOENT"), or "" if it has none. */
export function errorCode(error: unknown): string {
  if (error instanceof Error && "code" in error && typeof error.code === "string") return error.code;
  return "";
}

/** A one-line text of anything thrown. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
