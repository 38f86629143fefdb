/**
 * The full-screen face: from a key to the bytes that show it, with 10,000 lines of history and 500 people, in a process
 * with all of ink and React. The terminal is a stream that notes when it was written to.
 */
import { EventEmitter } from "node:events";
import type { ReadStream, WriteStream } from "node:tty";
import { paintParts } from "../../src/tui/screen-style.ts";
import { MemoryArchive } from "../tui/memory-archive.ts";
import { PAGE_UP, peer, ScreenScene } from "../tui/screen-scene.ts";
import { line, millis, sampleLine, summary, title } from "./figures.ts";

// As it is installed: scripts/setup.sh makes it.
const view = new URL("../../dist/tui/screen-view.js", import.meta.url).href;
const { openView }: typeof import("../../src/tui/screen-view.tsx") = await import(view);

const LINES = 10_000;
const PEOPLE = 500;
const KEYS = 300;
const PAGES = 60;
const WARM_UP = 100;
const BETWEEN_KEYS_MILLIS = 10;

class Screen extends EventEmitter {
  readonly isTTY = true;
  readonly writable = true;
  writtenAt = 0;
  bytes = 0;
  readonly columns: number;
  readonly rows: number;

  constructor(columns: number, rows: number) {
    super();
    this.columns = columns;
    this.rows = rows;
  }

  write(text: string): boolean {
    this.bytes += text.length;
    this.writtenAt = performance.now();
    return true;
  }
}

function history(): MemoryArchive {
  const archive = new MemoryArchive();
  const words =
    "the build is green since ten minutes ago; 你好 the slow test waited for a timer 👍 and not for an event";
  for (let number = 0; number < LINES; number += 1) {
    if (number % 2 === 0) archive.incoming("p1", `${number}: ${words}`);
    else archive.outgoing("p1", `${number}: ${words.slice(0, number % 90)}`);
  }
  return archive;
}

async function measure(columns: number, rows: number, archive: MemoryArchive): Promise<void> {
  const roster = Array.from({ length: PEOPLE }, (_, index) =>
    peer(`p${index}`, { status: `busy with ${index}` }),
  );
  const scene = new ScreenScene({ roster, archive, size: { columns, rows } }).type("\x1b1");
  const output = new Screen(columns, rows);
  const view = openView({ input: process.stdin as ReadStream, output: output as unknown as WriteStream });
  const press = async (key: string): Promise<{ took: number; bytes: number }> => {
    const [began, before] = [performance.now(), output.bytes];
    scene.type(key);
    const { rows: drawn, cursor } = scene.model.frame();
    view.show(
      drawn.map((row) => paintParts(row, true)),
      cursor,
    );
    while (output.bytes === before && performance.now() - began < 500)
      await new Promise((resolve) => setImmediate(resolve));
    const pressed = { took: output.writtenAt - began, bytes: output.bytes - before };
    // Nobody types faster; ink keeps frames a millisecond apart, and would count for the next one.
    await new Promise((resolve) => setTimeout(resolve, BETWEEN_KEYS_MILLIS));
    return pressed;
  };
  const typed = [];
  for (let count = 0; count < WARM_UP; count += 1) await press("x");
  const before = process.cpuUsage();
  for (let count = 0; count < KEYS; count += 1) typed.push(await press(count % 40 === 39 ? "\x15" : "x"));
  const paged = [];
  const { user, system } = process.cpuUsage(before);
  // Half a history up, so that each page is another one.
  const beforePages = process.cpuUsage();
  for (let count = 0; count < PAGES; count += 1) paged.push(await press(PAGE_UP));
  const pages = process.cpuUsage(beforePages);
  view.close();
  const { median } = summary(typed.map(({ bytes }) => bytes));
  sampleLine(
    `${columns}x${rows}: a letter`,
    typed.map(({ took }) => took),
    "aim: under 30 ms",
  );
  sampleLine(
    `${columns}x${rows}: a page up`,
    paged.map(({ took }) => took),
    "aim: under 30 ms",
  );
  line(`${columns}x${rows}: processor time for a letter`, millis((user + system) / 1_000 / KEYS));
  line(`${columns}x${rows}: processor time for a page`, millis((pages.user + pages.system) / 1_000 / PAGES));
  line(`${columns}x${rows}: bytes for a letter`, `${median}`);
}

title(`The full screen, ${LINES} lines of history, ${PEOPLE} people: key to bytes`);
const archive = history();
const began = performance.now();
archive.page("@p1", { limit: 200 });
line("(of that the test's own archive, a page)", millis(performance.now() - began));
await measure(80, 24, archive);
await measure(200, 60, archive);
process.exit(0);
