/** How a request over a control socket can fail at the one who answers. */

/**
 * - `bad-request`: not a request, or its parameters are wrong
 * - `unknown-method`: the server does not know the method (an older version?)
 * - `busy`: too many requests under way on this connection, or too many connections
 * - `configuration-refused`: the file has an error; the registry goes on with what it had
 * - `stopping`: the registry is on its way down
 * - `not-found`: nobody of that nickname or key is known
 * - `ambiguous`: the digits fit several keys
 * - `not-permitted`: the read-only socket only tells
 * - `storage`: it cannot be stored, so it was not done
 * - `other-version`: the two programs are of different versions, and what crosses the socket may differ
 * - `failed`: anything else, told by the text
 */
export const ERROR_CODES = [
  "bad-request",
  "unknown-method",
  "busy",
  "configuration-refused",
  "stopping",
  "not-found",
  "ambiguous",
  "not-permitted",
  "storage",
  "other-version",
  "failed",
] as const;
export type ControlErrorCode = (typeof ERROR_CODES)[number];

/** An error as it crosses the control socket. */
export class ControlError extends Error {
  override readonly name = "ControlError";
  readonly code: ControlErrorCode;

  constructor(code: ControlErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
