/**
 * Nicknames: 1–32 visible characters, NFC, no white space, nothing that a terminal or a renderer acts on. Compared
 * case-folded and by compatibility form, after RFC 8266 §2.4, so that "Ola" and "ｏｌａ" are one name.
 */

export const MAX_NICKNAME_CHARACTERS = 32;

/** A nickname that has passed {@link parseNickname}; the type carries the proof. */
export type Nickname = string & { readonly __nickname: unique symbol };

export type NicknameFault = "empty" | "too-long" | "white-space" | "not-visible";

export type NicknameResult =
  | { readonly ok: true; readonly nickname: Nickname }
  | { readonly ok: false; readonly fault: NicknameFault; readonly text: string };

const FAULT_TEXT: Readonly<Record<NicknameFault, string>> = {
  empty: "a nickname needs at least one character",
  "too-long": `a nickname has at most ${MAX_NICKNAME_CHARACTERS} characters`,
  "white-space": "a nickname has no white space",
  "not-visible": "a nickname has only visible characters",
};

/** Emoji are written with these two although they are invisible by themselves. */
const EMOJI_JOINING = /(?<=\p{Extended_Pictographic}|\p{Emoji_Modifier}|\uFE0F)[\uFE0F\u200D]/gu;

/** Not visible: control, format, surrogate, private, unassigned, default-ignorable code points, the blank Braille. */
const INVISIBLE = /[\p{C}\p{Default_Ignorable_Code_Point}\u2800]/u;

/** Parses what somebody wants to be called; surrounding white space is not part of it. */
export function parseNickname(text: string): NicknameResult {
  const name = text.trim().normalize("NFC");
  const fault = nicknameFault(name);
  if (fault !== undefined) return { ok: false, fault, text: FAULT_TEXT[fault] };
  return { ok: true, nickname: name as Nickname };
}

function nicknameFault(name: string): NicknameFault | undefined {
  if (name === "") return "empty";
  if (name.length > 2 * MAX_NICKNAME_CHARACTERS || [...name].length > MAX_NICKNAME_CHARACTERS)
    return "too-long";
  if (/\s/u.test(name)) return "white-space";
  return isVisible(name) ? undefined : "not-visible";
}

/** Whether every character shows; blanks count as visible here. */
export function isVisible(text: string): boolean {
  // A text that begins with combining marks would sit on its neighbour.
  return !/^\p{M}/u.test(text) && !INVISIBLE.test(text.replace(EMOJI_JOINING, ""));
}

/** The form under which two nicknames are the same (RFC 8266 §2.4: case-mapped, then NFKC). */
export function foldNickname(nickname: string): string {
  return nickname.normalize("NFKC").toLowerCase().normalize("NFKC");
}

/** The first of "ola~2", "ola~3", … that `isFree`; the name is shortened where it would grow too long. */
export function numberedNickname(nickname: Nickname, isFree: (candidate: Nickname) => boolean): Nickname {
  for (let number = 2; ; number += 1) {
    const suffix = `~${number}`;
    const head = [...nickname].slice(0, MAX_NICKNAME_CHARACTERS - suffix.length).join("");
    const candidate = `${head}${suffix}` as Nickname;
    if (isFree(candidate)) return candidate;
  }
}
