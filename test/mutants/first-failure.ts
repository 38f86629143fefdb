/** A reporter for node:test: tells the first test that fails, and ends the run with it. */
import type { TestEvent } from "node:test/reporters";

export default async function* firstFailure(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const { type, data } of events) {
    if (type !== "test:fail" || data.todo !== undefined) continue;
    process.stdout.write(data.name);
    process.exit(1);
  }
  yield "";
}
