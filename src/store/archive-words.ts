/** What to look for, and how: the same for every back end. */

/** What a person types; more words find nothing that these do not. */
const MAX_WORDS = 16;
const MAX_WORD_LENGTH = 64;

/** Scripts whose words are not separated: an index of words does not find what is inside such a run. */
const WITHOUT_SPACES =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;
/** What unicode61, the index's tokenizer, takes for parts of words. */
const PART_OF_WORD = /[\p{L}\p{N}\p{Co}]/u;

export type Words =
  | { readonly type: "nothing" }
  /** Each is found where a word begins with it. */
  | { readonly type: "beginnings"; readonly words: readonly string[] }
  /** Each is found anywhere. */
  | { readonly type: "anywhere"; readonly words: readonly string[] };

export function parseWords(text: string): Words {
  const words = text
    .replaceAll("\0", " ")
    .split(/\s+/u)
    .filter((word) => word !== "")
    .slice(0, MAX_WORDS)
    .map((word) => word.slice(0, MAX_WORD_LENGTH).toWellFormed());
  if (words.length === 0) return { type: "nothing" };
  const isIndexed = (word: string): boolean => PART_OF_WORD.test(word) && !WITHOUT_SPACES.test(word);
  return { type: words.every(isIndexed) ? "beginnings" : "anywhere", words };
}
