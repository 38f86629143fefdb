import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Fingerprint } from "../../src/base/fingerprint.ts";
import {
  type ArchiveChange,
  type ArchivedMessage,
  type ArchiveStore,
  conversationWith,
} from "../../src/chat/archive.ts";
import type { TransferRecord } from "../../src/chat/files/transfer.ts";
import type { ReceivedMessage } from "../../src/chat/notices.ts";
import type { MessageId, RoomName } from "../../src/wire/mp2-values.ts";
import { key, nick, WALL } from "../support/stores.ts";
import type { Owner } from "../support/until.ts";

export function id(number: number): MessageId {
  return number.toString(16).padStart(32, "0") as MessageId;
}

export function sent(number: number, to: string, text: string, reply?: MessageId): ArchiveChange {
  const conversation = conversationWith(to);
  const record = { messageId: id(number), conversation, to, text, reply, time: WALL, until: WALL + 1_000 };
  return { type: "sent", message: record };
}

export function received(number: number | undefined, from: string, text: string, owner = 1): ArchiveChange {
  const isKeyed = number !== undefined;
  const message: ReceivedMessage = {
    ...{ from: nick(from), address: "10.0.0.2", text, standing: isKeyed ? "pinned" : "unverified" },
    messageId: isKeyed ? id(number) : undefined,
    time: isKeyed ? WALL - 5 : undefined,
    fingerprint: isKeyed ? key(owner) : undefined,
  };
  return { type: "received", message: { conversation: conversationWith(from), message, at: WALL } };
}

export function transfer(number: number, change: Partial<TransferRecord> = {}): ArchiveChange {
  const record: TransferRecord = {
    ...{ id: id(number), direction: "in", fingerprint: key(1), peer: "ola", name: "a \u{1f44b}.jpg" },
    ...{ size: 2 ** 53 - 1, time: WALL + number, path: "", stamp: "", state: "offered", why: undefined },
    ...change,
  };
  return { type: "transfer", record };
}

function delivered(number: number, fingerprint: Fingerprint | undefined = key(1)): ArchiveChange {
  return { type: "delivered", messageId: id(number), fingerprint };
}

function stored(archive: ArchiveStore, ...changes: readonly ArchiveChange[]): readonly number[] {
  const result = archive.commit(changes);
  assert.ok(result.type === "stored", JSON.stringify(result));
  return result.known;
}

function texts(messages: readonly ArchivedMessage[]): readonly string[] {
  return messages.map(({ text }) => text);
}

/** What every archive does. `open` opens the same one again. */
export function archiveContract(name: string, make: (owner: Owner) => { open: () => ArchiveStore }): void {
  suite(`archive: ${name}`, () => {
    test("files come back as they were last, in the order in which they began, until they are forgotten", (t) => {
      const place = make(t);
      const first = place.open();
      const paused = { state: "paused", why: "disk-full", path: "/in" } as const;
      const ours = { direction: "out", path: "/home/x", stamp: "1 2 3 4" } as const;
      stored(first, transfer(1), transfer(2, ours), transfer(3));
      stored(first, transfer(1, paused), { type: "transfer-forgotten", id: id(3) });
      first.close();
      const wanted = [transfer(1, paused), transfer(2, ours)].map(
        (change) => "record" in change && change.record,
      );
      assert.deepEqual(place.open().load().transfers, wanted);
    });

    test("what was said comes back as it was, in order, also to the next holder", (t) => {
      const place = make(t);
      const first = place.open();
      assert.deepEqual(first.conversations(), []);
      stored(
        first,
        sent(1, "Ola", "good morning"),
        received(2, "ola", "hi \u{1f44b}\0 there"),
        received(undefined, "bob", "old"),
      );
      stored(first, sent(3, "ola", "two", id(2)));
      first.close();
      const archive = place.open();
      const common = { conversation: "@ola", time: WALL, at: WALL, reply: undefined, fingerprint: undefined };
      assert.deepEqual(archive.page("@ola", { limit: 10 }), [
        {
          seq: 1,
          ...common,
          direction: "out",
          messageId: id(1),
          peer: "Ola",
          text: "good morning",
          state: "waiting",
          why: undefined,
        },
        {
          ...{
            seq: 2,
            ...common,
            direction: "in",
            messageId: id(2),
            peer: "ola",
            text: "hi \u{1f44b}\0 there",
          },
          ...{
            fingerprint: key(1),
            time: WALL - 5,
            address: "10.0.0.2",
            standing: "pinned",
            state: "unread",
          },
        },
        {
          ...{
            seq: 4,
            ...common,
            direction: "out",
            messageId: id(3),
            peer: "ola",
            text: "two",
            state: "waiting",
          },
          ...{ why: undefined, reply: id(2) },
        },
      ]);
      assert.deepEqual(texts(archive.page(undefined, { limit: 10 })).slice(2), ["old", "two"]);
      const summaries = archive
        .conversations()
        .map(({ key: of, title, unread, waiting, last }) => [of, title, unread, waiting, last.text]);
      assert.deepEqual(summaries, [
        ["@ola", "ola", 1, 2, "two"],
        ["@bob", "bob", 1, 0, "old"],
      ]);
      assert.deepEqual(archive.message(id(3))?.text, "two");
      assert.equal(archive.message(id(9)), undefined);
      archive.close();
    });

    test("a commit says where each new message is from now on, by its change", (t) => {
      const archive = make(t).open();
      stored(archive, received(1, "ola", "there before"));
      const result = archive.commit([
        { type: "waiting", messageId: id(7) },
        sent(2, "ola", "mine"),
        received(1, "ola", "again"),
        received(undefined, "bob", "by mp1"),
      ]);
      assert.ok(result.type === "stored");
      assert.deepEqual([result.known, [...result.seqs.keys()]], [[2], [1, 3]]);
      const byPlace = new Map(archive.page(undefined, { limit: 9 }).map(({ seq, text }) => [seq, text]));
      assert.deepEqual(
        [...result.seqs.values()].map((seq) => byPlace.get(seq)),
        ["mine", "by mp1"],
      );
      archive.close();
    });

    test("a room is called by its own name, whoever spoke there last", (t) => {
      const archive = make(t).open();
      const said = received(1, "ola", "hello all");
      const mine = sent(2, "#lab", "hello ola");
      assert.ok(said.type === "received" && mine.type === "sent");
      stored(archive, { ...said, message: { ...said.message, conversation: "#lab" } });
      stored(archive, { ...mine, message: { ...mine.message, conversation: "#lab" } });
      const [lab] = archive.conversations();
      assert.deepEqual([lab?.key, lab?.title, lab?.last.text], ["#lab", "#lab", "hello ola"]);
      archive.close();
    });

    test("rooms that were joined and not left, and who has not got what was said there, are known to the next holder", (t) => {
      const place = make(t);
      const archive = place.open();
      const room = (name: string): RoomName => name as RoomName;
      const members = [1, 2, 3].map((owner) => ({ fingerprint: key(owner), nickname: nick(`n${owner}`) }));
      const said = (number: number): ArchiveChange => {
        const about = { messageId: id(number), conversation: "#lab", to: "#lab", text: `${number}` } as const;
        return {
          type: "sent",
          message: { ...about, reply: undefined, time: WALL, until: WALL + 1_000, members },
        };
      };
      stored(archive, { type: "joined", room: room("lab") }, { type: "joined", room: room("tea") });
      stored(archive, { type: "joined", room: room("lab") }, { type: "parted", room: room("tea") });
      stored(archive, said(1), said(2), said(3), sent(4, "ola", "alone"));
      for (const owner of [1, 1, 9])
        stored(archive, { type: "reached", messageId: id(1), fingerprint: key(owner) });
      stored(archive, delivered(2, undefined), { type: "failed", messageId: id(3), why: "not-confirmed" });
      archive.close();
      const next = place.open();
      const { rooms, posts, waiting } = next.load();
      assert.deepEqual(rooms, ["lab"]);
      assert.deepEqual(
        posts.map(({ text, until, reached, left }) => [text, until, reached, left]),
        [["1", WALL + 1_000, members.slice(0, 1), members.slice(1)]],
      );
      assert.deepEqual(
        waiting.map(({ text }) => text),
        ["alone"],
      );
      next.close();
    });

    test("what is known by its id is told and not stored again; another sender's same id is another message", (t) => {
      const place = make(t);
      const archive = place.open();
      assert.deepEqual(
        stored(
          archive,
          received(1, "ola", "a"),
          received(1, "ola", "a"),
          sent(1, "ola", "b"),
          sent(1, "ola", "b"),
        ),
        [1, 3],
      );
      archive.close();
      const next = place.open();
      assert.deepEqual(
        stored(next, received(1, "ola", "a"), received(1, "eve", "a", 2), received(undefined, "ola", "c")),
        [0],
      );
      assert.deepEqual(stored(next, received(undefined, "ola", "c")), []);
      assert.deepEqual(texts(next.page(undefined, { limit: 10 })), ["a", "b", "a", "c", "c"]);
      next.close();
    });

    test("what waits is there for the next holder: same ids, same order; what has ended is not", (t) => {
      const place = make(t);
      const archive = place.open();
      stored(archive, ...[1, 2, 3, 4, 5].map((number) => sent(number, "ola", `text ${number}`)));
      stored(archive, delivered(2), { type: "failed", messageId: id(3), why: "timeout" });
      stored(
        archive,
        { type: "trying", messageId: id(4) },
        { type: "trying", messageId: id(5) },
        { type: "waiting", messageId: id(5) },
      );
      archive.close();
      const next = place.open();
      const { waiting, unread, names } = next.load();
      assert.deepEqual(
        waiting.map(({ messageId, wasTried }) => [messageId, wasTried]),
        [
          [id(1), false],
          [id(4), true],
          [id(5), false],
        ],
      );
      assert.deepEqual(waiting[0], {
        messageId: id(1),
        conversation: "@ola",
        to: "ola",
        text: "text 1",
        reply: undefined,
        time: WALL,
        until: WALL + 1_000,
        wasTried: false,
      });
      assert.deepEqual(unread, [{ messageId: id(2), to: "ola", text: "text 2", fingerprint: key(1) }]);
      assert.deepEqual([...names], ["ola"]);
      const states = next
        .page("@ola", { limit: 9 })
        .map((message) => message.direction === "out" && [message.state, message.why]);
      assert.deepEqual(states, [
        ["waiting", undefined],
        ["delivered", undefined],
        ["failed", "timeout"],
        ["waiting", undefined],
        ["waiting", undefined],
      ]);
      // What has ended does not change any more.
      stored(next, delivered(3), { type: "failed", messageId: id(2), why: "left" });
      assert.deepEqual(next.message(id(3))?.state, "failed");
      assert.deepEqual(next.message(id(2))?.state, "delivered");
      next.close();
    });

    test("read marks: here until told, there only by whom it was delivered to", (t) => {
      const archive = make(t).open();
      stored(
        archive,
        received(1, "ola", "a"),
        received(2, "ola", "b"),
        received(undefined, "ola", "c"),
        sent(3, "ola", "d"),
        delivered(3),
      );
      stored(archive, { type: "read-there", fingerprint: key(2), messageIds: [id(3)] });
      assert.equal(archive.message(id(3))?.state, "delivered");
      stored(archive, { type: "read-there", fingerprint: key(1), messageIds: [id(3)] });
      assert.equal(archive.message(id(3))?.state, "read");
      stored(archive, { type: "read-here", conversation: "@ola", messageIds: [id(1)] });
      assert.deepEqual(
        archive.page("@ola", { limit: 9 }).map(({ state }) => state),
        ["read", "unread", "read", "read"],
      );
      assert.equal(archive.conversations()[0]?.unread, 1);
      assert.deepEqual(archive.load().untold, [{ fingerprint: key(1), messageId: id(1) }]);
      stored(archive, { type: "read-told", fingerprint: key(1), messageIds: [id(1)] });
      assert.deepEqual(archive.load().untold, []);
      archive.close();
    });

    test("pages go back and forth, and are bounded", (t) => {
      const archive = make(t).open();
      stored(
        archive,
        ...Array.from({ length: 1_010 }, (_, index) =>
          sent(index + 1, index % 2 === 0 ? "ola" : "bob", `${index + 1}`),
        ),
      );
      assert.deepEqual(texts(archive.page("@ola", { limit: 2 })), ["1007", "1009"]);
      assert.deepEqual(texts(archive.page("@ola", { before: 1_007, limit: 2 })), ["1003", "1005"]);
      assert.deepEqual(texts(archive.page("@ola", { after: 1, limit: 2 })), ["3", "5"]);
      assert.deepEqual(texts(archive.page(undefined, { after: 0, limit: 3 })), ["1", "2", "3"]);
      assert.equal(archive.page(undefined, { limit: 5_000 }).length, 1_000);
      assert.deepEqual(archive.page("@nobody", { limit: 5 }), []);
      assert.deepEqual(archive.page("@ola", { limit: 0 }), []);
      archive.close();
    });

    test("search finds words by their beginnings, whatever case and accents, and signs anywhere", (t) => {
      const archive = make(t).open();
      const said = [
        "The build is green",
        "Zażółć gęślą jaźń",
        "foo-bar 100% done",
        "ok \u{1f44d}",
        "今日は良い天気です",
        "x'); DROP TABLE message; --",
      ];
      const changes = said.map((text, index) => sent(index + 1, index === 3 ? "bob" : "ola", text));
      // Some are in the index, the others are found without it.
      stored(archive, ...changes.slice(0, 2));
      stored(archive, { type: "index" });
      stored(archive, ...changes.slice(2));
      const found = (words: string) => texts(archive.search(words, { limit: 10 }));
      assert.deepEqual(found("BUI gre"), [said[0]]);
      assert.deepEqual(found("uild"), []);
      assert.deepEqual(found("zazo"), [said[1]]);
      assert.deepEqual(found("foo-ba"), [said[2]]);
      assert.deepEqual(found("\u{1f44d}"), [said[3]]);
      assert.deepEqual(found("天気"), [said[4]]);
      assert.deepEqual(found('drop "table"'), [said[5]]);
      for (const hostile of ['"', "*", "AND", "NEAR(", "text:", "^", "  ", "\0", "' OR 1=1 --"])
        found(hostile);
      assert.deepEqual(found("   "), []);
      assert.deepEqual(texts(archive.search("o", { key: "@bob", limit: 10 })), [said[3]]);
      assert.deepEqual(archive.search("foo", { before: 3, limit: 10 }), []);
      assert.deepEqual(archive.search("foo", { limit: 0 }), []);
      archive.close();
    });

    test("what is indexed and what is not is found alike: in order, once, up to a place, and not when it has gone", (t) => {
      const archive = make(t).open();
      const found = (before?: number) => texts(archive.search("tea", { before: before ?? 99, limit: 3 }));
      stored(archive, received(1, "ola", "tea 1"), sent(2, "bob", "tea 2"), received(3, "ola", "coffee"));
      assert.deepEqual(found(), ["tea 2", "tea 1"]);
      stored(archive, { type: "index" }, { type: "index" });
      assert.deepEqual(found(), ["tea 2", "tea 1"]);
      stored(archive, received(4, "ola", "tea 4"), received(5, "bob", "tea 5"));
      assert.deepEqual(found(), ["tea 5", "tea 4", "tea 2"]);
      assert.deepEqual(found(5), ["tea 4", "tea 2", "tea 1"]);
      assert.deepEqual(texts(archive.search("tea", { key: "@bob", limit: 9 })), ["tea 5", "tea 2"]);
      // One that is indexed waits and stays, of the others both kinds go.
      stored(archive, { type: "prune", textsBefore: WALL + 1, idsBefore: 0 });
      assert.deepEqual(found(), ["tea 2"]);
      stored(archive, received(6, "ola", "tea 6"), { type: "index" });
      assert.deepEqual(found(), ["tea 6", "tea 2"]);
      archive.close();
    });

    test("what is too old goes, but not what waits; its id is still known", (t) => {
      const archive = make(t).open();
      stored(archive, received(1, "ola", "a"), sent(2, "ola", "b"), sent(3, "ola", "c"), delivered(3));
      stored(archive, { type: "prune", textsBefore: WALL + 1, idsBefore: WALL + 1 });
      assert.deepEqual(texts(archive.page(undefined, { limit: 9 })), ["b"]);
      assert.deepEqual(stored(archive, received(1, "ola", "a")), [0]);
      assert.deepEqual(texts(archive.search("a", { limit: 9 })), []);
      archive.close();
    });
  });
}
