import { MisuseError } from "../base/errors.ts";
import { parseNickname } from "../wire/nickname.ts";
import {
  type Ban,
  type Binding,
  MAX_BAN_REASON_LENGTH,
  MAX_CHANGES_PER_COMMIT,
  type StoreChange,
} from "./store.ts";

/**
 * What every back end checks before it writes: a value that the next start could not read would take the whole
 * database with it. Throws a MisuseError, since such a value is our bug.
 */
export function checkChanges(changes: readonly StoreChange[]): void {
  if (changes.length > MAX_CHANGES_PER_COMMIT)
    throw new MisuseError(`${changes.length} changes in one commit`);
  for (const change of changes) {
    const fault = faultOf(change);
    if (fault !== undefined) throw new MisuseError(`Not to be stored (${change.type}): ${fault}`);
  }
}

function faultOf(change: StoreChange): string | undefined {
  switch (change.type) {
    case "bind":
      return bindingFault(change.binding);
    case "unbind":
      return undefined;
    case "seen":
      return isCount(change.at) ? undefined : `last seen is ${change.at}`;
    case "ban":
      return banFault(change.ban);
    case "unban":
      return isFingerprint(change.fingerprint) ? undefined : "no fingerprint";
    case "lineage": {
      const { epoch, seqLimit } = change.lineage;
      return /^[0-9a-f]{16}$/.test(epoch) && isCount(seqLimit)
        ? undefined
        : `epoch ${epoch}, limit ${seqLimit}`;
    }
  }
}

function bindingFault({ nickname, fingerprint, boundAt, lastSeen }: Binding): string | undefined {
  const parsed = parseNickname(nickname);
  if (!parsed.ok || parsed.nickname !== nickname) return "no nickname";
  if (!isFingerprint(fingerprint)) return "no fingerprint";
  return isCount(boundAt) && isCount(lastSeen) ? undefined : `bound at ${boundAt}, last seen ${lastSeen}`;
}

function banFault({ fingerprint, bannedAt, reason }: Ban): string | undefined {
  if (!isFingerprint(fingerprint)) return "no fingerprint";
  if (reason.length > MAX_BAN_REASON_LENGTH || /\p{C}/u.test(reason)) return "the reason is no short line";
  return isCount(bannedAt) ? undefined : `banned at ${bannedAt}`;
}

function isFingerprint(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
