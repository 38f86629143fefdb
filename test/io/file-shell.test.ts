import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { TLSSocket } from "node:tls";
import type { Fingerprint } from "../../src/base/fingerprint.ts";
import type { FileEvent, IncomingStream } from "../../src/chat/files/requests.ts";
import { partPath } from "../../src/io/file-parts.ts";
import { FileShell } from "../../src/io/file-shell.ts";
import { FILE_STREAM, type FileHash, type TransferId } from "../../src/wire/mp2-files.ts";
import { encodeFrame } from "../../src/wire/mp2-frames.ts";
import { scratchDirectory } from "../support/chat-shell.ts";
import { Watched } from "../support/until.ts";

/** Disk and connections of files, with a sender that does what a test says. TLS is the acceptor's; here it is TCP. */

const ID = "80".repeat(16) as TransferId;
const FROM = "aa".repeat(32) as Fingerprint;

class Scene {
  readonly folder: string;
  readonly events: FileEvent[] = [];
  readonly troubles: string[] = [];
  readonly watched = new Watched();
  readonly shell: FileShell;
  stream: IncomingStream | undefined;
  isExpected = true;
  readonly #listener;

  private constructor(t: TestContext) {
    this.folder = join(scratchDirectory(t), "in");
    this.shell = new FileShell({
      folder: this.folder,
      dial: () => () => {},
      onEvent: (event) => {
        this.events.push(event);
        this.watched.changed();
      },
      onTrouble: (text) => void this.troubles.push(text),
      expects: () => this.isExpected,
      arrives: (from, id, offset) =>
        from === FROM && id === ID && offset === this.stream?.offset ? this.stream : undefined,
      times: { first: 300, progress: 20, stall: 300 },
    });
    this.#listener = createServer((socket) => this.shell.accept(socket as unknown as TLSSocket, FROM));
    t.after(() => {
      this.shell.close();
      this.#listener.close();
    });
  }

  static async open(t: TestContext): Promise<Scene> {
    const scene = new Scene(t);
    scene.#listener.listen(0, "127.0.0.1");
    await once(scene.#listener, "listening");
    return scene;
  }

  /** The next event that is no progress. */
  async next(): Promise<FileEvent> {
    const found = await this.watched.until("an event", () =>
      this.events.find(({ type }) => type !== "progress"),
    );
    this.events.splice(0, this.events.indexOf(found) + 1);
    return found;
  }

  async prepare(size: number, { name = "a.txt", anew = false } = {}): Promise<FileEvent> {
    this.shell.perform({ type: "prepare", id: ID, folder: undefined, name, size, anew });
    const event = await this.next();
    const offset = event.type === "prepared" ? event.offset : 0;
    this.stream = { folder: this.folder, name, size, offset };
    return event;
  }

  async connect(): Promise<Socket> {
    const address = this.#listener.address();
    if (address === null || typeof address === "string") throw new Error("not on TCP");
    const socket = connect(address.port, "127.0.0.1");
    socket.on("error", () => {});
    socket.resume();
    await once(socket, "connect");
    return socket;
  }

  /** A connection that brings these bytes and ends. */
  async send(offset: number, bytes: Uint8Array, end?: Uint8Array | "right"): Promise<Socket> {
    const socket = await this.connect();
    socket.write(encodeFrame(FILE_STREAM.encode({ type: "fileData", id: ID, offset })));
    socket.write(bytes);
    if (end === "right") socket.write(trailer(bytes));
    else if (end !== undefined) socket.write(end);
    socket.end();
    return socket;
  }

  get names(): readonly string[] {
    return existsSync(this.folder) ? readdirSync(this.folder).filter((name) => !name.endsWith(".part")) : [];
  }
}

function trailer(bytes: Uint8Array): Uint8Array {
  const sha256 = createHash("sha256").update(bytes).digest("hex") as FileHash;
  return encodeFrame(FILE_STREAM.encode({ type: "fileEnd", sha256 }));
}

test("whole, verified and named; an empty file as well", async (t) => {
  for (const size of [0, 1, 5_000_000]) {
    const scene = await Scene.open(t);
    const bytes = randomBytes(size);
    assert.deepEqual(await scene.prepare(size), {
      type: "prepared",
      id: ID,
      folder: scene.folder,
      offset: 0,
    });
    await scene.send(0, bytes, "right");
    assert.deepEqual(await scene.next(), { type: "saved", id: ID, path: join(scene.folder, "a.txt") });
    assert.deepEqual(readFileSync(join(scene.folder, "a.txt")), bytes);
  }
});

test("a connection that breaks leaves what came, and the next one goes on there; also for a shell that has not seen it", async (t) => {
  const scene = await Scene.open(t);
  const bytes = randomBytes(3_000_000);
  await scene.prepare(bytes.length);
  await scene.send(0, bytes.subarray(0, 1_200_000));
  assert.deepEqual(await scene.next(), { type: "ended", id: ID, how: "broken" });
  const prepared = await scene.prepare(bytes.length);
  assert.deepEqual(prepared, { type: "prepared", id: ID, folder: scene.folder, offset: 1_200_000 });
  const socket = await scene.connect();
  socket.write(encodeFrame(FILE_STREAM.encode({ type: "fileData", id: ID, offset: 1_200_000 })));
  socket.write(bytes.subarray(1_200_000, 2_000_000));
  await scene.watched.until("more came", () => scene.events.some(({ type }) => type === "progress"));
  socket.destroy();
  assert.equal((await scene.next()).type, "ended");

  const other = await Scene.open(t);
  mkdirSync(other.folder);
  writeFileSync(partPath(other.folder, ID), readFileSync(partPath(scene.folder, ID)), { mode: 0o600 });
  const again = await other.prepare(bytes.length);
  assert.equal(again.type === "prepared" && again.offset > 1_200_000, true);
  const offset = other.stream?.offset ?? 0;
  const last = await other.connect();
  last.write(encodeFrame(FILE_STREAM.encode({ type: "fileData", id: ID, offset })));
  last.write(bytes.subarray(offset));
  last.end(trailer(bytes));
  assert.equal((await other.next()).type, "saved");
  assert.deepEqual(readFileSync(join(other.folder, "a.txt")), bytes);
});

test("more or other bytes than were offered, a wrong hash, anything else after the last byte: corrupt, and no file", async (t) => {
  const bytes = randomBytes(100_000);
  const data = FILE_STREAM.encode({ type: "fileData", id: ID, offset: 0 });
  const ends: readonly [string, Uint8Array][] = [
    ["more bytes", randomBytes(5_000)],
    ["the hash of other bytes", trailer(randomBytes(10))],
    ["another message", encodeFrame(data)],
    ["bytes behind the end", Buffer.concat([trailer(bytes), Buffer.alloc(1)])],
    ["an empty frame", new Uint8Array(4)],
  ];
  for (const [what, end] of ends) {
    const scene = await Scene.open(t);
    await scene.prepare(bytes.length);
    await scene.send(0, bytes, end);
    assert.deepEqual(await scene.next(), { type: "ended", id: ID, how: "corrupt" }, what);
    assert.deepEqual(scene.names, [], what);
  }
});

test("fewer bytes than were offered are not the file", async (t) => {
  const scene = await Scene.open(t);
  const bytes = randomBytes(100_000);
  await scene.prepare(bytes.length + 1);
  await scene.send(0, bytes, "right");
  const event = await scene.next();
  // The trailer is taken for the missing byte, and what is left of it for no trailer.
  assert.ok(event.type === "ended" && event.how !== "sent", JSON.stringify(event));
  assert.deepEqual(scene.names, []);
});

test("what stands under the name is never touched: another file, a symbolic link, a folder", async (t) => {
  const scene = await Scene.open(t);
  mkdirSync(scene.folder);
  const outside = join(scene.folder, "..", "outside");
  writeFileSync(outside, "precious");
  writeFileSync(join(scene.folder, "a.txt"), "mine");
  symlinkSync(outside, join(scene.folder, "a (2).txt"));
  symlinkSync("/nowhere/at/all", join(scene.folder, "a (3).txt"));
  mkdirSync(join(scene.folder, "a (4).txt"));
  await scene.prepare(3);
  await scene.send(0, Buffer.from("new"), "right");
  assert.deepEqual(await scene.next(), { type: "saved", id: ID, path: join(scene.folder, "a (5).txt") });
  assert.equal(readFileSync(outside, "utf8"), "precious");
  assert.equal(readFileSync(join(scene.folder, "a.txt"), "utf8"), "mine");
});

test("a name that is taken while the file comes is left to whoever took it", async (t) => {
  const scene = await Scene.open(t);
  await scene.prepare(4);
  const socket = await scene.connect();
  socket.write(encodeFrame(FILE_STREAM.encode({ type: "fileData", id: ID, offset: 0 })));
  socket.write("ab");
  await scene.watched.until("some came", () => scene.events.some(({ type }) => type === "progress"));
  writeFileSync(join(scene.folder, "a.txt"), "mine");
  socket.write("cd");
  socket.end(trailer(Buffer.from("abcd")));
  assert.deepEqual(await scene.next(), { type: "saved", id: ID, path: join(scene.folder, "a (2).txt") });
  assert.equal(readFileSync(join(scene.folder, "a.txt"), "utf8"), "mine");
});

test("a link or a folder in the place of a part is not followed, and said so", async (t) => {
  const scene = await Scene.open(t);
  mkdirSync(scene.folder);
  const outside = join(scene.folder, "..", "outside");
  writeFileSync(outside, "precious");
  symlinkSync(outside, partPath(scene.folder, ID));
  assert.deepEqual(await scene.prepare(3), { type: "ended", id: ID, how: "storage" });
  assert.match(
    scene.troubles.join(),
    /^Cannot receive files in .*: something else is in its place \(look for/,
  );
  assert.equal(readFileSync(outside, "utf8"), "precious");
});

test("a folder that cannot be one is said so, with what to do", async (t) => {
  const scene = await Scene.open(t);
  writeFileSync(scene.folder, "a file");
  assert.deepEqual(await scene.prepare(3), { type: "ended", id: ID, how: "storage" });
  assert.match(scene.troubles.join(), /^Cannot receive files in .*: it is no folder \(see: ls -ld/);
});

test("more than there is room for is not begun", async (t) => {
  const scene = await Scene.open(t);
  assert.deepEqual(await scene.prepare(2 ** 52), { type: "ended", id: ID, how: "disk-full" });
  assert.match(scene.troubles.join(), /not enough room \(free some: df -h/);
});

test("a part that has its name already, from before a kill, is that file, whatever it is called", async (t) => {
  const scene = await Scene.open(t);
  mkdirSync(scene.folder);
  writeFileSync(partPath(scene.folder, ID), "new", { mode: 0o600 });
  linkSync(partPath(scene.folder, ID), join(scene.folder, "a (7).txt"));
  const path = join(scene.folder, "a (7).txt");
  assert.deepEqual(await scene.prepare(3), { type: "saved", id: ID, path });
  scene.shell.perform({ type: "discard", id: ID, folder: scene.folder });
  scene.shell.perform({ type: "inspect", id: ID, path });
  await scene.next();
  assert.deepEqual(readdirSync(scene.folder), ["a (7).txt"]);
});

test("connections that nobody expects, that say nothing, or something else, are closed at once or soon", async (t) => {
  const scene = await Scene.open(t);
  await scene.prepare(3);
  const data = (id: string, offset: number): Uint8Array =>
    encodeFrame(FILE_STREAM.encode({ type: "fileData", id: id as TransferId, offset }));
  const words: readonly Uint8Array[] = [
    Buffer.from("GET / HTTP/1.1\r\n\r\n"),
    new Uint8Array(4),
    Buffer.from([0, 1, 0, 0, 1]),
    data("81".repeat(16), 0),
    data(ID, 1),
    trailer(Buffer.from("")),
    Buffer.from([0, 0, 0, 20, 1]),
    Buffer.alloc(0),
  ];
  for (const word of words) {
    const socket = await scene.connect();
    if (word.length > 0) socket.write(word);
    await once(socket, "close");
  }
  scene.isExpected = false;
  await once(await scene.connect(), "close");
  assert.deepEqual(scene.events, []);
  assert.deepEqual(scene.names, []);
});

test("many silent connections at once are bounded", async (t) => {
  const scene = await Scene.open(t);
  await scene.prepare(3);
  const sockets = await Promise.all(Array.from({ length: 40 }, () => scene.connect()));
  let closed = 0;
  for (const socket of sockets)
    socket.on("close", () => {
      closed += 1;
      scene.watched.changed();
    });
  await scene.watched.until("those beyond the bound are closed", () => closed >= 24);
  await scene.watched.until("the others, too", () => closed === 40);
});

test("who stops in the middle is given up, and what came stays", async (t) => {
  const scene = await Scene.open(t);
  await scene.prepare(100_000);
  const socket = await scene.connect();
  socket.write(encodeFrame(FILE_STREAM.encode({ type: "fileData", id: ID, offset: 0 })));
  socket.write(randomBytes(50_000));
  assert.deepEqual(await scene.next(), { type: "ended", id: ID, how: "broken" });
  const prepared = await scene.prepare(100_000);
  assert.equal(prepared.type === "prepared" && prepared.offset, 50_000);
});

test("what is stopped tells nothing more, and what follows waits until it has let go of the disk", async (t) => {
  const scene = await Scene.open(t);
  const bytes = randomBytes(8_000_000);
  await scene.prepare(bytes.length);
  const socket = await scene.connect();
  socket.write(encodeFrame(FILE_STREAM.encode({ type: "fileData", id: ID, offset: 0 })));
  socket.write(bytes);
  await scene.watched.until("some came", () => scene.events.some(({ type }) => type === "progress"));
  scene.shell.perform({ type: "stop", id: ID });
  scene.events.length = 0;
  const prepared = await scene.prepare(bytes.length);
  const offset = prepared.type === "prepared" ? prepared.offset : -1;
  assert.equal(readFileSync(partPath(scene.folder, ID)).length, offset);
  assert.deepEqual(readFileSync(partPath(scene.folder, ID)), bytes.subarray(0, offset));
});
