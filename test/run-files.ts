/**
 * Runs test files as `node --test` does, each in a process of its own, but begins them in the order that is given; `node
 * --test` sorts them. Arguments: how many at once, minutes that a test may take, a file for the TAP report, test files.
 * The readable report goes to standard output. Ends with 1 when a test failed.
 */
import { createWriteStream } from "node:fs";
import { run } from "node:test";
import { spec, tap } from "node:test/reporters";

const [, , concurrency, minutes, report = "", ...files] = process.argv;
const events = run({ files, concurrency: Number(concurrency), timeout: Number(minutes) * 60_000 });
events.on("test:summary", ({ success }) => {
  if (!success) process.exitCode = 1;
});
events.compose(tap).pipe(createWriteStream(report));
events.compose(new spec()).pipe(process.stdout);
