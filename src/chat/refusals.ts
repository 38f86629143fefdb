import type { Refused } from "../wire/mp2-registration.ts";
import { type Nickname, parseNickname } from "../wire/nickname.ts";
import type { Refusal, RefusalNext } from "./notices.ts";
import type { WhenTaken } from "./settings.ts";

/** What to do about a refusal. `isPresent`: under another name, which we keep then. */
export function afterRefusal(
  refusal: Refusal,
  nickname: Nickname,
  { whenTaken, isPresent }: { readonly whenTaken: WhenTaken; readonly isPresent: boolean },
): RefusalNext {
  if (refusal.code === "banned" || refusal.code === "unsupported") return "end";
  if (isPresent) return "keep";
  if (refusal.code !== "nickname-taken" && refusal.code !== "nickname-invalid") return "retry";
  if (whenTaken === "ask") return "ask";
  const suggested = parseNickname(refusal.suggestion ?? "");
  const isNew = suggested.ok && suggested.nickname !== nickname;
  return whenTaken === "suggestion" && isNew ? "suggestion" : "end";
}

/** An mp2 refusal in the words that both protocols share. */
export function refusalOf({ code, text, holder, suggestion, retryIn }: Refused): Refusal {
  return {
    code: code === "nick-taken" ? "nickname-taken" : code === "nick-invalid" ? "nickname-invalid" : code,
    text,
    ...(holder?.address === undefined ? {} : { holder: holder.address }),
    ...(holder?.fingerprint === undefined ? {} : { holderFingerprint: holder.fingerprint }),
    ...(suggestion === undefined ? {} : { suggestion }),
    ...(retryIn === undefined ? {} : { retryInMillis: retryIn }),
  };
}
