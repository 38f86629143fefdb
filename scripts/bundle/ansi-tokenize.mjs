// For the bundled view: the tokenizer of styled text, which remembers the rows that it took apart. Nobody changes tokens.
import { tokenize as original } from "../../node_modules/@alcalzone/ansi-tokenize/build/index.js";

export * from "../../node_modules/@alcalzone/ansi-tokenize/build/index.js";

const MAX_KNOWN = 1_024;
const known = new Map();

export function tokenize(text, endChar) {
  if (endChar !== undefined) return original(text, endChar);
  let tokens = known.get(text);
  if (tokens === undefined) {
    tokens = original(text).map(Object.freeze);
    Object.freeze(tokens);
    if (known.size >= MAX_KNOWN) known.clear();
    known.set(text, tokens);
  }
  return tokens;
}
