import { endCode, refusalCode, type ScriptContext } from "./scripts.ts";
import { noticeLines } from "./wording.ts";

/**
 * The presence without a face: it is held until it is ended, and what happens to it is written for the journal; what
 * people write to each other is not.
 */
export function runBackground({ session, search, output }: ScriptContext): Promise<number> {
  return new Promise((resolve) => {
    let code: number | undefined;
    session.onNotice((notice) => {
      if (notice.type !== "undelivered" && notice.type !== "presence")
        for (const { text } of noticeLines(notice, search)) output.write(`${text}\n`);
      if (notice.type === "refused" && notice.next === "end") code = refusalCode(notice.refusal);
      if (notice.type === "ended") resolve(code ?? endCode(notice.reason));
    });
    session.start();
  });
}
