import { MAX_NOTICE_CHARACTERS, type Notice, parseNotice } from "../../wire/mp2-values.ts";

/** `text` as a line for a client's user: what cannot stand in one becomes a blank, what is too long is cut. */
export function noticeOf(text: string): Notice | undefined {
  const plain = text.normalize("NFC").replace(/[\p{C}\p{Default_Ignorable_Code_Point}\s\u2800]+/gu, " ");
  const line = [...plain].slice(0, MAX_NOTICE_CHARACTERS).join("").trim();
  return parseNotice(line);
}
