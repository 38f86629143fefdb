import assert from "node:assert/strict";
import { test } from "node:test";
import type { Archiving } from "../../src/chat/archiving.ts";
import { newDelivery } from "../../src/chat/delivery.ts";
import type { ChatOutput } from "../../src/chat/events.ts";
import { Mp1Transmissions } from "../../src/chat/mp1-transmissions.ts";
import type { MessageId } from "../../src/wire/mp2-values.ts";
import { nickname } from "./virtual-client.ts";

const PLACE = { address: "10.0.0.7", port: 40_000 };

function lasting() {
  const id = "07".repeat(16) as MessageId;
  return newDelivery({
    id,
    to: "ola",
    text: "hello",
    reply: undefined,
    time: 0,
    patience: "lasting",
    until: 1e9,
  });
}

function scene() {
  const put: string[] = [];
  const marked: (() => void)[] = [];
  const outputs: ChatOutput[] = [];
  const archiving = {
    put: (_now: number, { type }: { readonly type: string }, done?: () => void) => {
      put.push(type);
      if (done !== undefined) marked.push(done);
    },
  };
  const transmissions = new Mp1Transmissions({
    archiving: archiving as unknown as Archiving,
    nickname: () => nickname("adam"),
    emit: (output) => outputs.push(output),
  });
  return { transmissions, put, marked, outputs };
}

test("nothing leaves before it is on disk that it may have arrived", () => {
  const { transmissions, put, marked, outputs } = scene();
  const delivery = lasting();
  transmissions.begin(0, delivery, PLACE);
  assert.deepEqual([put, outputs.length, delivery.state.type], [["trying"], 0, "marking"]);
  for (const done of marked) done();
  assert.deepEqual([outputs.length, delivery.state.type], [1, "transmitting"]);
});

test("who leaves before that has sent nothing, and sends nothing afterwards: it waits as before", () => {
  const { transmissions, put, marked, outputs } = scene();
  const delivery = lasting();
  transmissions.begin(0, delivery, PLACE);
  transmissions.withdraw(1, delivery);
  for (const done of marked) done();
  assert.deepEqual([put, outputs], [["trying", "waiting"], []]);
  assert.equal(delivery.state.type, "queued");
  transmissions.withdraw(2, delivery);
  assert.deepEqual(put, ["trying", "waiting"], "once");
});
