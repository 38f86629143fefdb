import type { Writable } from "node:stream";
import { type Fingerprint, fingerprintText } from "../base/fingerprint.ts";
import { EXIT } from "../chat/exit-codes.ts";
import type { HolderReport } from "../chat/session.ts";
import { jsonLine } from "./json.ts";
import { messageText } from "./lines.ts";

/** Prints it; undefined: nobody does. Exit code 0 when somebody does. */
export function printStatus(
  holder: HolderReport | undefined,
  { json, output }: { readonly json: boolean; readonly output: Writable },
): number {
  if (json) output.write(`${jsonLine({ type: "status", ...statusReport(holder) })}\n`);
  else if (holder === undefined) output.write("not running: no program holds your presence\n");
  else output.write(`${statusLines(holder).join("\n")}\n`);
  return holder === undefined ? EXIT.notRunning : EXIT.ok;
}

function statusReport(holder: HolderReport | undefined): object {
  if (holder === undefined) return { running: false };
  const { registry, realm, ...rest } = holder;
  return {
    running: true,
    online: registry !== undefined,
    registry: registry ?? null,
    realm: realm ?? null,
    ...rest,
  };
}

function statusLines(holder: HolderReport): readonly string[] {
  const { nickname, away, registry, realm, pid, version, attached, pending, fingerprint } = holder;
  const where = realm === undefined ? registry : `${messageText(realm)} at ${registry}`;
  const standing = registry === undefined ? "no registry at the moment" : `online at registry ${where}`;
  return [
    `${messageText(nickname)}: ${standing}${away ? ", away" : ""}`,
    `held by process ${pid} (version ${version}); programs attached: ${attached}`,
    `messages on their way: ${pending}`,
    `key: ${fingerprintText(fingerprint as Fingerprint)}`,
  ];
}
