import type { Millis } from "../base/clock.ts";
import { METHODS, type MethodName, type RequestOf, type ResultOf } from "./methods.ts";
import { connectTo } from "./request-client.ts";
import { MAX_REPLY_BYTES, MAX_REQUEST_BYTES } from "./wire.ts";

export { ConnectionError } from "./request-client.ts";

/** The only door to the registry: a typed client of its control socket. */

export const NOT_PERMITTED = "not permitted: join group multiproto (sudo usermod -aG multiproto $USER)";

const DEADLINE_MILLIS = 5_000;

export interface ControlClient {
  /** Throws ControlError when the registry refuses, {@link ConnectionError} when it cannot be asked. */
  request<Name extends MethodName>(
    method: Name,
    params: RequestOf<Name>,
    deadlineMillis?: Millis,
  ): Promise<ResultOf<Name>>;
  /** Requests that still wait fail with "closed". */
  close(): void;
}

/** Connects to the registry's socket at `path`. Throws {@link ConnectionError}. */
export async function connectControl(
  path: string,
  deadlineMillis: Millis = DEADLINE_MILLIS,
): Promise<ControlClient> {
  const client = await connectTo({
    path,
    words: { server: "registry", notPermitted: NOT_PERMITTED },
    deadlineMillis,
    requestBytes: MAX_REQUEST_BYTES,
    replyBytes: MAX_REPLY_BYTES,
  });
  return {
    request: <Name extends MethodName>(name: Name, params: RequestOf<Name>, millis = DEADLINE_MILLIS) =>
      // Each entry's types belong together; which entry it is only shows at run time.
      client.request(name, METHODS[name] as never, params, millis) as Promise<ResultOf<Name>>,
    close: () => client.close(),
  };
}
