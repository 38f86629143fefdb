import type { Input } from "./key-decoder.ts";
import type { Key } from "./line-editor.ts";

/** A key as the editor knows it. */
export function editorKey({ name, text }: Extract<Input, { type: "key" }>): Key {
  const [, modifier, plain = name] = /^(ctrl|alt)-(.+)$/.exec(name) ?? [];
  return { name: plain, ctrl: modifier === "ctrl", meta: modifier === "alt", text };
}
