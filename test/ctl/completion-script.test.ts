import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { Argument, Command } from "commander";
import { completionScript, SHELLS } from "../../src/ctl/completion.ts";

function program(): Command {
  const made = new Command("my-chat").option("--nick <name>", "it's a name");
  made.command("send").option("--wait <time>", "so long").addArgument(new Argument("<name>"));
  const trust = made.command("trust").description("keys");
  trust.command("accept").option("--kind <kind>", "whose");
  trust.command("list");
  return made;
}

/** What bash offers for this line, its last word being the one that is typed. */
function offered(words: readonly string[]): readonly string[] {
  const script = `${completionScript(program(), "bash")}
COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${words.length - 1}
_my_chat; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync("bash", ["-c", script], { encoding: "utf8" }).trim().split("\n").filter(Boolean);
}

test("bash offers commands and options of where one is", () => {
  assert.deepEqual(offered(["my-chat", ""]), ["send", "trust", "--nick", "--help"]);
  assert.deepEqual(offered(["my-chat", "tr"]), ["trust"]);
  assert.deepEqual(offered(["my-chat", "--nick", "ola", "send", "--w"]), ["--wait"]);
  assert.deepEqual(offered(["my-chat", "trust", ""]), ["accept", "list", "--help"]);
  assert.deepEqual(offered(["my-chat", "trust", "accept", "--k"]), ["--kind"]);
});

test("every shell gets all commands and options, and quotes what they mean", () => {
  for (const shell of SHELLS) {
    const script = completionScript(program(), shell);
    for (const word of ["send", "trust", "accept", "list", "nick", "wait", "kind"])
      assert.ok(script.includes(word), `${shell}: ${word}`);
  }
  assert.match(completionScript(program(), "fish"), /-l nick -d 'it'\\''s a name'/);
  assert.match(completionScript(program(), "zsh"), /^#compdef my-chat\n/);
});
