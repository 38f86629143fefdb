/**
 * Clients, good and bad ones, in whatever network namespace this was started. Each line of standard input is a command
 * as JSON, {"id", "do", "with"}; its answer {"id", "result"} or {"id", "error"} is a line, too, in any order.
 */
import { createInterface } from "node:readline";
import { errorText } from "../../src/base/errors.ts";
import { Commands } from "./commands.ts";
import { Crowds } from "./crowd.ts";
import { Impostors } from "./impostor.ts";
import { Relays } from "./relay.ts";

type Method = (...args: readonly unknown[]) => Promise<unknown>;
type Command = { readonly id: number; readonly do: string; readonly with: readonly unknown[] };

const place = JSON.parse(process.argv[2] ?? "{}");
const parts = [new Commands(place), new Crowds(place), new Impostors(place), new Relays(place)];
const receivers = parts as unknown as readonly Record<string, Method>[];
const lines = createInterface(process.stdin);

async function obey(command: Command): Promise<void> {
  let answer: Record<string, unknown>;
  try {
    const receiver = receivers.find((candidate) => candidate[command.do] !== undefined);
    answer = { result: await receiver?.[command.do]?.(...command.with) };
  } catch (error) {
    answer = { error: errorText(error) };
  }
  process.stdout.write(`${JSON.stringify({ id: command.id, ...answer })}\n`);
}

lines.on("line", (line) => void obey(JSON.parse(line)));
lines.on("close", () => process.exit(0));
process.stdout.write('"ready"\n');
