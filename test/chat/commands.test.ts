import assert from "node:assert/strict";
import { test } from "node:test";
import { type Command, parseCommand } from "../../src/chat/commands.ts";

const TABLE: readonly [string, Command][] = [
  ["list", { type: "list" }],
  [" /list ", { type: "list" }],
  ["list of things", { type: "say", text: "list of things" }],
  ["msg ola hello  there ", { type: "message", to: "ola", text: "hello  there" }],
  ["/msg 10.0.0.2:51000 hello", { type: "message", to: "10.0.0.2:51000", text: "hello" }],
  ["msg ola", { type: "wrong", text: "usage: msg NAME TEXT" }],
  ["exit", { type: "exit" }],
  ["/quit", { type: "exit" }],
  ["exit strategy", { type: "say", text: "exit strategy" }],
  ["help", { type: "say", text: "help" }],
  ["/help", { type: "help" }],
  ["//help me", { type: "say", text: "help me" }],
  ["//msg is a command", { type: "say", text: "msg is a command" }],
  ["/frob x", { type: "wrong", text: "unknown command /frob; see /help" }],
  ["/away  at lunch ", { type: "away", text: "at lunch" }],
  ["away at lunch", { type: "say", text: "away at lunch" }],
  ["/nick eve", { type: "nick", name: "eve" }],
  ["/back", { type: "back" }],
  ["/fingerprint", { type: "fingerprint", name: undefined }],
  ["/fingerprint ola", { type: "fingerprint", name: "ola" }],
  ["/trust", { type: "trust-list" }],
  ["/trust accept ola", { type: "trust-accept", name: "ola", spoken: undefined }],
  ["/trust accept ola 04521 61200", { type: "trust-accept", name: "ola", spoken: "04521 61200" }],
  ["/trust forget ola", { type: "trust-forget", name: "ola" }],
  [
    "/trust forget",
    { type: "wrong", text: "usage: /trust, /trust accept NAME [DIGITS], /trust forget NAME" },
  ],
  ["  ", { type: "nothing" }],
  ["hello", { type: "say", text: "hello" }],
];

for (const [line, command] of TABLE) {
  test(`a line: ${JSON.stringify(line)}`, () => assert.deepEqual(parseCommand(line), command));
}
