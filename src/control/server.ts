import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { ListenAt } from "./listen.ts";
import { callMethod } from "./method.ts";
import { METHODS, type RegistryControl } from "./methods.ts";
import { RequestServer, type ServerLimits } from "./request-server.ts";
import { MAX_REPLY_BYTES, MAX_REQUEST_BYTES } from "./wire.ts";

/** The registry's control socket: who may connect asks by the table of methods. */

export type ControlLimits = ServerLimits;

export const CONTROL_LIMITS: ControlLimits = {
  connections: 64,
  requestBytes: MAX_REQUEST_BYTES,
  replyBytes: MAX_REPLY_BYTES,
  requestsPerSecond: 100,
  readsPerSecond: 1000,
  underWay: 16,
  partialMillis: 5_000,
  idleMillis: 600_000,
  stalledMillis: 10_000,
  closeMillis: 300,
};

export interface ControlServerOptions {
  readonly listen: ListenAt;
  readonly control: RegistryControl;
  readonly log: Log;
  readonly clock: Clock;
  /** Overrides of {@link CONTROL_LIMITS}. */
  readonly limits?: Partial<ControlLimits>;
}

export interface ControlServer {
  /** Stops listening, lets replies out, closes every connection. Takes at most twice `closeMillis`. */
  close(): Promise<void>;
}

/** Listens for control clients. Throws SystemError when the socket cannot be had. */
export async function createControlServer(options: ControlServerOptions): Promise<ControlServer> {
  const { control, log, clock, limits } = options;
  const server = new RequestServer({
    ...{ log, clock },
    limits: { ...CONTROL_LIMITS, ...limits },
    words: { subject: "Control", owner: "The registry" },
    answer: (_, request) => callMethod(METHODS, control, request, "This registry"),
  });
  await server.start(options.listen);
  return server;
}
