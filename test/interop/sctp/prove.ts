import { after, before, describe, test } from "node:test";
import { Scope } from "../../support/until.ts";
import { BEHAVIOURS } from "./behaviours.ts";
import { Pair, type PeerStack } from "./pair.ts";
import { saveColumn } from "./results.ts";

/** For booting a guest, and for a row whose own deadlines all hold. */
const TIMEOUT = { timeout: 600_000 };

/** A test for each behaviour, on one pair of programs. */
export function proveAll(stack: PeerStack): void {
  describe(stack.title, () => {
    const scope = new Scope();
    const cells: Record<string, string> = {};
    let pair: Pair;

    before(async () => {
      pair = await Pair.create(scope, stack);
    }, TIMEOUT);
    after(async () => {
      saveColumn({ title: stack.title, version: stack.version(), cells });
      await scope.end();
    });

    for (const { name, prove } of BEHAVIOURS) {
      test(name, TIMEOUT, async (context) => {
        cells[name] = "**fails**";
        try {
          cells[name] = await prove(pair);
        } catch (error) {
          await pair.reset();
          throw error;
        }
        context.diagnostic(cells[name]);
      });
    }
  });
}
