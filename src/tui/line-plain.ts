import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import type { Clock } from "../base/clock.ts";
import { EXIT } from "../chat/exit-codes.ts";
import type { ChatSession, SessionNotice } from "../chat/session.ts";
import { Conversation } from "./conversation.ts";
import type { Line } from "./lines.ts";
import { endCode, refusalCode } from "./scripts.ts";
import type { SearchContext } from "./wording.ts";

/**
 * The same commands without a terminal: one a line from the input, plain lines to the output. Lines wait until we are
 * online; at the end of the input what is on its way is finished first.
 */
export async function runPlain(options: {
  readonly session: ChatSession;
  readonly clock: Clock;
  readonly context: SearchContext;
  readonly input: Readable;
  readonly output: Writable;
}): Promise<number> {
  const { session, input, output } = options;
  const conversation = new Conversation(options);
  const waiting: string[] = [];
  const state = { isOnline: false, refusalCode: undefined as number | undefined, hasInputEnded: false };
  const print = (lines: readonly Line[]): void => {
    output.write(lines.map((line) => `${line.text}\n`).join(""));
  };
  const enter = (line: string): void => {
    const entered = conversation.enter(line);
    if (entered.type === "lines") print(entered.lines);
    else if (entered.type === "leave") leave();
  };
  const lines = createInterface({ input, crlfDelay: Infinity });
  const leave = (): void => {
    lines.close();
    session.leave();
  };
  const leaveWhenDone = (): void => {
    const isSending = session.files.some((file) => file.state === "running");
    if (state.hasInputEnded && state.isOnline && session.pending === 0 && !isSending) session.leave();
  };
  return new Promise((resolve) => {
    session.onNotice((notice: SessionNotice) => {
      print(conversation.lines(notice));
      if (notice.type === "online") {
        state.isOnline = true;
        for (const line of waiting.splice(0)) enter(line);
      }
      if (notice.type === "refused" && notice.next === "end") state.refusalCode = refusalCode(notice.refusal);
      if (notice.type === "ended") {
        lines.close();
        // A pipe that its writer keeps open would hold the process.
        input.destroy();
        const own = conversation.undelivered > 0 ? EXIT.failure : endCode(notice.reason);
        resolve(state.refusalCode ?? own);
      } else leaveWhenDone();
    });
    lines.on("line", (line) => {
      if (state.isOnline) enter(line);
      else waiting.push(line);
    });
    lines.on("close", () => {
      state.hasInputEnded = true;
      leaveWhenDone();
    });
    session.start();
  });
}
