import type { LogEntry } from "../base/log.ts";
import { type Finding, unknownFinding } from "../doctor/finding.ts";
import type { Link } from "../io/interfaces.ts";
import { askSystemd, Reach } from "./reach.ts";

const UNIT = "multiproto.service";
/** Where a warning of {@link Reach} goes on with what to do. */
const TO_DO = " To let it in: ";

/**
 * Whether the service manager drops what comes from the networks of `links` before the registry has it, which no firewall
 * shows. Of a registry under systemd. `ask`: see {@link Reach}.
 */
export async function judgeUnit(
  links: readonly Link[],
  ask: (unit: string) => Promise<string | undefined> = askSystemd,
): Promise<readonly Finding[]> {
  const text = await ask(UNIT);
  if (text === undefined)
    return [unknownFinding("unit", "what the service manager lets in", "systemctl show does not answer")];
  const told: LogEntry[] = [];
  const log = { write: (entry: LogEntry): void => void told.push(entry) };
  await new Reach({ unit: UNIT, log, ask: async () => text }).look(links);
  const check = "unit";
  if (told.length === 0)
    return [
      {
        check,
        level: "ok",
        finding: "the service manager lets in the networks that this machine is on",
        evidence: `IPAddressAllow= and IPAddressDeny= of ${UNIT}`,
        fix: null,
      },
    ];
  return told.map(({ text: warning }) => {
    const [finding = warning, fix = null] = warning.split(TO_DO);
    return { check, level: "problem", finding, evidence: `systemctl show ${UNIT}`, fix };
  });
}
