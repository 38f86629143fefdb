import type { Millis } from "../../src/base/clock.ts";
import type { ArchiveStore } from "../../src/chat/archive.ts";
import type { ChatClient } from "../../src/chat/client.ts";
import type { ChatOutput } from "../../src/chat/events.ts";
import { GatheredChanges } from "../../src/io/chat-archive.ts";

/** Takes what a core puts out, as a shell does: what is to be stored is stored, and what follows from that comes, too. */
export function drainArchived(
  client: ChatClient,
  now: Millis,
  archive: ArchiveStore,
  take: (out: ChatOutput) => void,
): void {
  const changes = new GatheredChanges({ archive, onTrouble: () => undefined });
  for (;;) {
    for (let out = client.poll(); out !== undefined; out = client.poll()) {
      if (out.type === "archive") changes.add(out);
      else take(out);
    }
    const event = changes.store();
    if (event === undefined) return;
    client.handle(now, event);
  }
}
