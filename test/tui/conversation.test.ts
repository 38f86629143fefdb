import assert from "node:assert/strict";
import { test } from "node:test";
import { type Fingerprint, fingerprintText } from "../../src/base/fingerprint.ts";
import type { Peer, ReceivedMessage } from "../../src/chat/notices.ts";
import { Pins } from "../../src/chat/pins.ts";
import type { SessionNotice } from "../../src/chat/session.ts";
import { Conversation, type ConversationSession } from "../../src/tui/conversation.ts";
import type { MessageId, RoomName } from "../../src/wire/mp2-values.ts";
import { nickname } from "../chat/virtual-client.ts";
import { peer as listed } from "./screen-scene.ts";

const OWN = "c2".repeat(32) as Fingerprint;
const OLD = "a0".repeat(32) as Fingerprint;
const NEW = "b1".repeat(32) as Fingerprint;
const AT = Date.UTC(2026, 10, 22);

const peer = (name: string, more: Partial<Peer> = {}): Peer => listed(name, { fingerprint: OLD, ...more });

function message(from: string, more: Partial<ReceivedMessage> = {}): ReceivedMessage {
  return {
    from: nickname(from),
    address: "10.0.0.2",
    text: "hello",
    standing: "pinned",
    messageId: "60".repeat(16) as MessageId,
    time: AT,
    fingerprint: OLD,
    ...more,
  };
}

const idOf = (number: number): MessageId => String(number).padStart(32, "0") as MessageId;

function scene(roster: readonly Peer[], pins = Pins.none) {
  const asked: string[] = [];
  let ids = 0;
  const session: ConversationSession = {
    snapshot: {
      nickname: nickname("adam"),
      registry: {
        protocol: "mp2",
        address: "10.0.0.1",
        realm: "office",
        fingerprint: OWN,
        trust: "pinned",
      },
      registryLostAt: undefined,
      away: false,
      isIdle: false,
      quietUntil: undefined,
      status: undefined,
      rooms: [],
      roster,
    },
    pins,
    fingerprint: OWN,
    send: (to, text) => {
      asked.push(`send ${to} ${text}`);
      ids += 1;
      return idOf(ids);
    },
    rename: (name) => {
      asked.push(`rename ${name}`);
      return name !== "never";
    },
    join: (room) => {
      asked.push(`join ${room}`);
      return room !== "full";
    },
    part: (room) => {
      asked.push(`part ${room}`);
      return room === "lab";
    },
    setStatus: (away, status) => void asked.push(`${away ? "away" : "back"} ${status ?? "-"}`),
    markRead: (from, messageIds) => void asked.push(`read ${from} ${messageIds.length}`),
    accept: ({ kind, name }, fingerprint) =>
      void asked.push(`accept ${kind} ${name} ${fingerprintText(fingerprint)}`),
    files: [],
    sendFile: (to: string, path: string) => {
      asked.push(`send-file ${to} ${path}`);
      return "f".repeat(32) as MessageId;
    },
    changeFile: (id: MessageId, action: string) => void asked.push(`${action} ${id}`),
    setQuiet: (until) => void asked.push(`quiet ${until}`),
    restrict: ({ name, fingerprint }, level) =>
      void asked.push(`restrict ${name} ${fingerprint?.slice(0, 4)} ${level}`),
    forget: ({ kind, name }) => void asked.push(`forget ${kind} ${name}`),
  };
  const clock = { now: () => 0, wall: () => AT };
  const conversation = new Conversation({ session, clock, context: { place: "here" } });
  const enter = (line: string): string => {
    const entered = conversation.enter(line);
    return entered.type === "lines" ? entered.lines.map(({ text }) => text).join("\n") : entered.type;
  };
  return { conversation, asked, enter };
}

test("the list says in words how far each key may be believed, and what people say of themselves", () => {
  const { enter } = scene([
    peer("ola", { trust: "verified", state: "away", status: "back at 3" }),
    peer("eva", { trust: "new" }),
    peer("per", { trust: "changed" }),
    peer("kari", { trust: "unverified", fingerprint: undefined, kind: "mp1-original" }),
    peer("tom", { state: "offline", online: false, reason: "left" }),
  ]);
  assert.deepEqual(enter("list").split("\n"), [
    "ola                  10.0.0.2:51000        away     verified   back at 3",
    "eva                  10.0.0.2:51000        online   new key",
    "per(!)               10.0.0.2:51000        online   OTHER KEY",
    "kari*                10.0.0.2:51000        online   unverified",
    "tom                  10.0.0.2:51000        offline  known key  left",
  ]);
});

test("help and quit alone are asked about once and then sent; with // and in a sentence they go at once", () => {
  const { enter, asked } = scene([peer("ola")]);
  assert.equal(enter("quit"), "not sent: /quit leaves; to say it to somebody enter it once more");
  assert.match(enter(" Help "), /^not sent: \/help shows the help; /);
  assert.match(enter("quit"), /^not sent: /, "something else was entered between");
  assert.deepEqual(asked, []);
  for (const line of ["quit", "//help", "quit it", "constructor"]) assert.equal(enter(line), "sent");
  assert.deepEqual(asked, ["send ola quit", "send ola help", "send ola quit it", "send ola constructor"]);
  assert.match(enter("quit"), /^not sent: /, "each time anew");
});

test("a changed key is a warning in words, marked on each line, with both keys and the command", () => {
  const { conversation } = scene([]);
  const notice = { type: "peer-changed", nickname: nickname("ola"), address: "10.0.0.9" } as const;
  const lines = conversation.lines({ ...notice, pinned: OLD, offered: NEW, proved: true });
  const text = lines.map((line) => line.text).join("\n");
  assert.ok(lines.every((line) => line.text.startsWith("!!! ") && line.tone === "alarm"));
  for (const part of [
    "WARNING",
    "10.0.0.9",
    fingerprintText(OLD),
    fingerprintText(NEW),
    "/trust accept ola DIGITS",
  ])
    assert.ok(text.includes(part), part);
  const none = conversation.lines({ ...notice, pinned: OLD, offered: undefined, proved: false });
  assert.match(
    none.map((line) => line.text).join("\n"),
    /WITHOUT THE KEY.*none \(mp1\).*\/trust forget ola/s,
  );
});

test("a registry with another key is a warning as well", () => {
  const { conversation } = scene([]);
  const notice = { type: "registry-changed", subject: "office", address: "10.0.0.9" } as const;
  const text = conversation
    .lines({ ...notice, pinned: OLD, offered: NEW })
    .map((line) => line.text)
    .join("\n");
  assert.match(text, /^!!! WARNING: the registry office at 10\.0\.0\.9 shows ANOTHER KEY/);
  assert.match(text, /multiproto-chat trust accept office DIGITS$/);
});

test("/trust accept takes the key that the roster shows, with or without its digits; a notice says so", () => {
  const pins = Pins.none.meet({ kind: "peer", name: "ola" }, OLD, AT);
  const { enter, asked, conversation } = scene([peer("ola", { trust: "changed", fingerprint: NEW })], pins);
  assert.match(enter(`/trust accept ola ${"1".repeat(40)}`), /^that is not the key that came as ola/);
  assert.equal(enter(`/trust accept ola ${fingerprintText(NEW)}`), "");
  assert.equal(enter("/trust accept ola"), "");
  assert.equal(enter("/trust forget OLA"), "");
  const notice = { type: "trust", subject: { kind: "peer", name: "ola" }, fingerprint: NEW } as const;
  const told = (["accepted", "forgotten"] as const).flatMap((change) =>
    conversation.lines({ ...notice, change }),
  );
  assert.deepEqual(
    told.map(({ text }) => text),
    [`accepted: ola ${fingerprintText(NEW)}`, "forgotten: ola; the next key is taken as the first"],
  );
  assert.match(enter("/trust accept nobody"), /no key of nobody has been seen/);
  const accept = `accept peer ola ${fingerprintText(NEW)}`;
  assert.deepEqual(asked, [accept, accept, "forget peer ola"]);
});

test("who is accepted already is said to be, since nothing changes", () => {
  const pins = Pins.none.accept({ kind: "peer", name: "ola" }, NEW, AT);
  const { enter } = scene([peer("ola", { trust: "verified", fingerprint: NEW })], pins);
  assert.equal(enter("/trust accept ola"), `accepted: ola ${fingerprintText(NEW)}`);
});

test("/dnd for a time, until it is ended, and not any more", () => {
  const { enter, asked } = scene([]);
  for (const line of ["/dnd", "/dnd 30m", "/dnd 2h", "/dnd off"]) assert.equal(enter(line), "");
  for (const line of ["/dnd 0m", "/dnd 31d", "/dnd soon", "/dnd 5"])
    assert.match(enter(line), /^usage: \/dnd/);
  const [forever, half, two, off] = asked.map((what) => what.replace("quiet ", ""));
  assert.deepEqual([Number(forever) > AT * 2, off], [true, "undefined"]);
  assert.equal(Number(two) - Number(half), 90 * 60_000);
});

test("/ignore and /block take the key that the roster shows, else the one that is known, else the name", () => {
  const pins = Pins.none
    .meet({ kind: "peer", name: "tom" }, OLD, AT)
    .restrict({ name: "Eve", fingerprint: NEW }, "blocked", AT);
  const { enter, asked } = scene(
    [peer("Ola", { fingerprint: NEW }), peer("eva", { fingerprint: NEW })],
    pins,
  );
  assert.equal(enter("/ignore ola"), "");
  assert.equal(enter("/block tom"), "");
  assert.equal(enter("/ignore kari"), "");
  assert.match(enter("/unignore eva"), /^eva is not ignored/);
  assert.equal(enter("/unblock eva"), "", "by the key, which had another name then");
  assert.match(enter("/ignore"), /^Eve +blocked since 20\d\d-\d\d-\d\d {2}\d{5} /);
  assert.match(enter("/unblock"), /^usage: \/unblock NAME/);
  assert.deepEqual(asked, [
    `restrict Ola ${NEW.slice(0, 4)} ignored`,
    `restrict tom ${OLD.slice(0, 4)} blocked`,
    "restrict kari undefined ignored",
    `restrict Eve ${NEW.slice(0, 4)} undefined`,
  ]);
});

test("/fingerprint shows our digits, a peer's, and that an mp1 peer has none", () => {
  const { enter } = scene([peer("ola"), peer("kari", { fingerprint: undefined, trust: "unverified" })]);
  assert.match(enter("/fingerprint"), new RegExp(`^you: ${fingerprintText(OWN)}$`, "m"));
  assert.match(enter("/fingerprint OLA"), new RegExp(`^ola: ${fingerprintText(OLD)}$`, "m"));
  assert.match(enter("/fingerprint kari"), /has no key \(mp1\)/);
  assert.match(enter("/fingerprint bob"), /nobody here is called bob/);
});

test("/away says why, within 128 characters; /back ends it", () => {
  const { enter, asked } = scene([]);
  assert.equal(enter("/away  at   lunch "), "you are away: at lunch; /back ends that");
  assert.equal(enter("/away"), "you are away; /back ends that");
  assert.match(enter(`/away ${"x".repeat(129)}`), /^not set: that text has more than 128 characters/);
  enter("/back");
  assert.deepEqual(asked, ["away at lunch", "away -", "back -"]);
});

test("/nick asks for another name, if it is one", () => {
  const { enter, asked } = scene([]);
  assert.equal(enter("/nick eve"), "asking for the name eve …");
  assert.match(enter("/nick a b"), /no white space/);
  assert.match(enter("/nick never"), /cannot be changed here/);
  assert.equal(enter("/nick"), "usage: /nick NAME");
  assert.deepEqual(asked, ["rename eve", "rename never"]);
});

test("what was shown is read once somebody is at the keyboard; a first contact names the key", () => {
  const { conversation, asked } = scene([peer("ola")]);
  const first = conversation.lines({ type: "received", message: message("ola", { standing: "new" }) });
  assert.match(first[0]?.text ?? "", /^\d\d:\d\d ola: hello$/);
  assert.match(
    first[1]?.text ?? "",
    new RegExp(`for the first time; remembered: ola's key ${fingerprintText(OLD)}`),
  );
  conversation.lines({ type: "received", message: message("ola") });
  conversation.lines({
    type: "received",
    message: message("kari", { standing: "unverified", messageId: undefined }),
  });
  assert.deepEqual(asked, []);
  conversation.seen();
  conversation.seen();
  assert.deepEqual(asked, ["read ola 2"]);
});

test("a new name of a known key is said to be that", () => {
  const pins = Pins.none.meet({ kind: "peer", name: "ola" }, OLD, AT);
  const { conversation } = scene([], pins);
  const lines = conversation.lines({ type: "received", message: message("olga", { standing: "new" }) });
  assert.equal(lines[1]?.text, "olga has the key that you know as ola");
});

test("one line says that the last message was read", () => {
  const { conversation, enter } = scene([peer("ola")]);
  enter("msg ola one");
  enter("two");
  const read = (id: number, text: string) =>
    conversation.lines({ type: "read", messageId: idOf(id), to: "ola", text }).map((line) => line.text);
  assert.deepEqual([read(1, "one"), read(2, "two")], [[], ["ola has read it ✓✓"]]);
});

test("rooms: joined, talked to, listed, left", () => {
  const lab = ["lab" as RoomName];
  const { conversation, asked, enter } = scene([
    peer("ola", { rooms: lab }),
    peer("eva", { rooms: ["tea" as RoomName] }),
  ]);
  assert.equal(enter("/join Lab"), "you are in #lab with ola; what you type goes there");
  enter("hello all");
  enter("/msg #tea one");
  assert.equal(enter("/rooms"), "#lab  ola\n#tea  eva");
  assert.equal(conversation.partner, "#tea");
  assert.match(enter("/part"), /not in that room/);
  assert.equal(enter("/part #lab"), "you left #lab");
  assert.match(enter("/join full"), /16 rooms already/);
  assert.match(enter("/join #two words"), /usage: \/join #ROOM/);
  assert.deepEqual(asked.slice(0, 4), ["join lab", "send #lab hello all", "send #tea one", "part tea"]);
});

test("what is said in rooms, and what happens there, is shown with the room", () => {
  const { conversation } = scene([peer("ola")]);
  const room = "lab" as RoomName;
  const texts = (notice: SessionNotice): readonly string[] =>
    conversation.lines(notice).map(({ text }) => text.replace(/^\d\d:\d\d /, ""));
  assert.deepEqual(texts({ type: "received", message: message("ola", { room, text: "hi" }) }), [
    "#lab ola: hi",
  ]);
  const names = ["ola", "eva"].map(nickname);
  assert.deepEqual(texts({ type: "room", change: { room, joined: names, left: [] } }), [
    "ola, eva joined #lab",
  ]);
  assert.deepEqual(texts({ type: "room", change: { room, joined: [], left: names } }), [
    "ola, eva left #lab",
  ]);
  const said = { messageId: idOf(1), room, text: "hi" };
  assert.deepEqual(texts({ type: "room-delivered", ...said, reached: names }), ["to #lab: hi ✓ (2)"]);
  assert.deepEqual(texts({ type: "room-undelivered", ...said, why: "not-reached", missed: names }), [
    "to #lab: hi",
    "did not reach ola, eva",
  ]);
});
