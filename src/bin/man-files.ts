import { asItIs, escaped, tagged } from "./man-page.ts";

/** The pages of the configuration files, from what their users read elsewhere. */

/**
 * Of the shipped multiproto.toml: its comments explain the keys, which it has with their defaults, commented out.
 */
export function registryFileBody(toml: string): string {
  const parts = [".SH SYNOPSIS\n/etc/multiproto/multiproto.toml\n.SH DESCRIPTION\n"];
  let comment: string[] = [];
  for (const line of toml.split("\n")) {
    const section = /^\[([\w-]+)\]$/.exec(line)?.[1];
    const [, key, value] = /^#([\w-]+) = (.*)$/.exec(line) ?? [];
    if (section !== undefined) parts.push(`.SH "[${section}]"\n`);
    else if (key !== undefined) parts.push(tagged(`${key} = ${value}`, comment.join(" ")));
    else if (line.startsWith("# ")) {
      comment.push(line.slice(2));
      continue;
    } else if (comment.length > 0) parts.push(`${escaped(comment.join(" "))}\n`);
    comment = [];
  }
  return parts.join("");
}

/** Of the part "Settings" of docs/chat.md: paragraphs and one example. */
export function chatFileBody(markdown: string): string {
  const part = /^### Settings\n([\s\S]*?)(?=^#|(?![\s\S]))/m.exec(withoutFences(markdown))?.[1] ?? "";
  const blocks = part.trim().split(/\n\n+/);
  const body = blocks.map((block, index) => {
    const code = /^@example-(\d+)@$/.exec(block)?.[1];
    if (code === undefined) return `${index === 0 ? "" : ".PP\n"}${escaped(block.replaceAll("`", ""))}\n`;
    return asItIs(fences(markdown)[Number(code)]?.split("\n") ?? []);
  });
  return `.SH SYNOPSIS\n~/.config/multiproto/chat.toml\n.SH DESCRIPTION\n${body.join("")}`;
}

const FENCE = /^```\w*\n([\s\S]*?)^```$/gm;

function fences(markdown: string): readonly string[] {
  return [...markdown.matchAll(FENCE)].map(([, code = ""]) => code.trimEnd().replace(/\n\n/g, "\n \n"));
}

/** The text with a mark in place of each example, whose lines may begin as headings do. */
function withoutFences(markdown: string): string {
  let count = 0;
  return markdown.replace(FENCE, () => `@example-${count++}@`);
}
