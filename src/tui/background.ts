import { endCode, refusalCode, type ScriptContext } from "./scripts.ts";
import { standingText } from "./status.ts";
import { noticeLines } from "./wording.ts";

/** Whoever runs this as a service, and shows in one line how it stands. */
export interface Supervisor {
  /** Other programs of the user can attach from now on. */
  ready(standing: string): unknown;
  status(standing: string): void;
}

/**
 * The presence without a face: it is held until it is ended, and what happens to it is written for the journal; what
 * people write to each other is not.
 */
export function runBackground(
  { session, search, output }: ScriptContext,
  supervisor: Supervisor,
): Promise<number> {
  const standing = (): string => {
    const { nickname, away, registry } = session.snapshot;
    return standingText({ nickname, away, registry: registry?.address, realm: registry?.realm });
  };
  return new Promise((resolve) => {
    let code: number | undefined;
    session.onNotice((notice) => {
      if (notice.type !== "ended") supervisor.status(standing());
      if (notice.type !== "undelivered" && notice.type !== "presence")
        for (const { text } of noticeLines(notice, search)) output.write(`${text}\n`);
      if (notice.type === "refused" && notice.next === "end") code = refusalCode(notice.refusal);
      if (notice.type === "ended") resolve(code ?? endCode(notice.reason));
    });
    supervisor.ready(standing());
    session.start();
  });
}
