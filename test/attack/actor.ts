/**
 * Clients, good and bad ones, in whatever network namespace this was started. Each line of standard input is a command
 * as JSON, {"id", "do", "with"}; its answer {"id", "result"} or {"id", "error"} is a line, too, in any order.
 */
import { createInterface } from "node:readline";
import { errorText } from "../../src/base/errors.ts";
import { Commands } from "./commands.ts";

type Command = { readonly id: number; readonly do: keyof Commands; readonly with: readonly unknown[] };

const commands = new Commands(JSON.parse(process.argv[2] ?? "{}"));
const lines = createInterface(process.stdin);

async function obey(command: Command): Promise<void> {
  const method = commands[command.do] as (...args: readonly unknown[]) => Promise<unknown>;
  let answer: Record<string, unknown>;
  try {
    answer = { result: await method.apply(commands, [...command.with]) };
  } catch (error) {
    answer = { error: errorText(error) };
  }
  process.stdout.write(`${JSON.stringify({ id: command.id, ...answer })}\n`);
}

lines.on("line", (line) => void obey(JSON.parse(line)));
lines.on("close", () => process.exit(0));
process.stdout.write('"ready"\n');
