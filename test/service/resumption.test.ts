import assert from "node:assert/strict";
import { test } from "node:test";
import type { ChatSnapshot } from "../../src/chat/notices.ts";
import { Pins } from "../../src/chat/pins.ts";
import type { SessionNotice } from "../../src/chat/session.ts";
import type { ChatShell } from "../../src/io/chat-shell.ts";
import type { Holding } from "../../src/service/presence-place.ts";
import { Resumption } from "../../src/service/resumption.ts";

/** What the user sees of a takeover, and what the new holder takes on. */

function scene() {
  const done: string[] = [];
  const server = { changed: () => void done.push("changed") };
  const state = { isDeferring: false, held: { type: "holding", server } as unknown as Holding | undefined };
  const resumption = new Resumption({
    sending: {
      get isDeferring() {
        return state.isDeferring;
      },
      again: () => {
        state.isDeferring = false;
        done.push("again");
      },
    },
    held: () => state.held,
  });
  const shell = {
    join: (room: string) => void done.push(`join ${room}`),
    setStatus: (away: boolean, status: unknown) => void done.push(`status ${away} ${status}`),
    setQuiet: (until: number) => void done.push(`quiet ${until}`),
    start: () => void done.push("start"),
  } as unknown as ChatShell;
  return { done, state, resumption, shell };
}

function view(snapshot: object) {
  return {
    snapshot: { nickname: "ola", rooms: [], ...snapshot } as unknown as ChatSnapshot,
    pins: Pins.none,
  };
}

function online(nickname: string): SessionNotice {
  return { type: "online", nickname, again: false } as unknown as SessionNotice;
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test("who was online does not hear that this program searches and is online in place of the former holder", async () => {
  const { done, state, resumption } = scene();
  assert.deepEqual(resumption.shown(online("ola")), online("ola"));
  resumption.keep(view({}));
  state.isDeferring = true;
  assert.equal(resumption.shown({ type: "searching" }), undefined);
  assert.ok(resumption.former !== undefined, "what was before is shown until then");
  assert.equal(resumption.shown(online("ola")), undefined);
  assert.equal(resumption.former, undefined);
  await settled();
  assert.deepEqual(done, ["changed", "again"]);
});

test("another name than before is told, as one that comes again; who never was online hears of the first time", async () => {
  for (const wasOnline of [true, false]) {
    const { state, resumption } = scene();
    if (wasOnline) resumption.shown(online("ola"));
    resumption.keep(view({}));
    state.isDeferring = true;
    const told = resumption.shown(online(wasOnline ? "ola~2" : "ola"));
    assert.ok(told?.type === "online");
    assert.equal(told.again, wasOnline);
    await settled();
  }
});

test("the new holder takes on rooms, status and quiet before it starts", () => {
  const { done, resumption, shell } = scene();
  resumption.keep(view({ rooms: ["den"], away: true, status: "lunch", quietUntil: 7 }));
  resumption.here(shell);
  assert.deepEqual(done, ["join den", "status true lunch", "quiet 7", "start"]);
});

test("who was away by itself is not away at the new holder", () => {
  const { done, resumption, shell } = scene();
  resumption.keep(view({ away: true, isIdle: true }));
  resumption.here(shell);
  assert.deepEqual(done, ["start"]);
});

test("when another program took over, what that one shows counts, and it is given what was sent", () => {
  const { done, state, resumption } = scene();
  resumption.keep(view({ nickname: "first" }));
  resumption.keep(view({ nickname: "second" }));
  assert.equal(resumption.former?.snapshot.nickname, "first");
  state.held = undefined;
  state.isDeferring = true;
  assert.deepEqual(resumption.shown(online("ola")), online("ola"));
  resumption.elsewhere();
  assert.deepEqual([resumption.former, done], [undefined, ["again"]]);
});
