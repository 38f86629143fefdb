import type { Millis } from "../base/clock.ts";

export type StreamTimes = Readonly<Record<"first" | "progress" | "stall", Millis>>;

/** Every time of a file's connection and why it is what it is. */
export const STREAM_TIMES: StreamTimes = {
  /** From the end of the handshake to the first frame, which follows it at once. */
  first: 5_000,
  /** Between two reports of how far it has come: what a person can follow. */
  progress: 250,
  /** Nothing at all passes: TCP would need minutes to say that the other side is gone. */
  stall: 15_000,
};
