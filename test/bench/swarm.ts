/**
 * Many clients in a process of their own, so that the registry's processor time is its own. Commands come as IPC
 * messages, one answer each: {join: N} adds N clients, {leave: true} lets the oldest leave and waits until all others
 * see it. `node swarm.ts PORT ENCAPSULATION_PORT`.
 */
import { Mp1Client } from "../support/mp1-client.ts";
import { Scope } from "../support/until.ts";

export type SwarmCommand = { readonly join: number } | { readonly leave: true };
export interface SwarmAnswer {
  readonly millis: number;
  /** Pushes that the clients got meanwhile, and their bytes. */
  readonly pushes: number;
  readonly pushBytes: number;
}

/** Joins under way at once; a LAN party, not a flood. */
const AT_ONCE = 50;
const PATIENCE_MILLIS = 60_000;

const [port = 0, encapsulationPort = 0] = process.argv.slice(2).map(Number);
const scope = new Scope();
const clients: Mp1Client[] = [];
let total = 0;

async function addClients(count: number): Promise<void> {
  const added: Mp1Client[] = [];
  for (let number = 0; number < count; number += 1) {
    const options = { nickname: `c${total}`, address: `127.0.2.${1 + (total % 50)}` };
    added.push(await Mp1Client.open(scope, { registry: { port, encapsulationPort }, ...options }));
    total += 1;
  }
  clients.push(...added);
  const waiting = added.values();
  const worker = async (): Promise<void> => {
    for (const client of waiting) await client.join(PATIENCE_MILLIS);
  };
  begun = performance.now();
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** The oldest stands in everybody's roster, however many there are. */
async function oldestLeaves(): Promise<void> {
  const oldest = clients.shift();
  if (oldest === undefined) throw new Error("nobody there");
  begun = performance.now();
  await oldest.leave();
  await Promise.all(
    clients.map((client) =>
      client.watched.until(
        `${oldest.nickname} gone at ${client.nickname}`,
        () => !client.roster.some(({ nickname, online }) => nickname === oldest.nickname && online),
        PATIENCE_MILLIS,
      ),
    ),
  );
}

let begun = 0;

process.on("message", async (command: SwarmCommand) => {
  for (const client of clients) client.pushes.splice(0, client.pushes.length - 1);
  const [pushes, bytes] = counted();
  await ("join" in command ? addClients(command.join) : oldestLeaves());
  const millis = performance.now() - begun;
  const [pushesNow, bytesNow] = counted();
  process.send?.({ millis, pushes: pushesNow - pushes, pushBytes: bytesNow - bytes } satisfies SwarmAnswer);
});
process.on("disconnect", () => process.exit(0));

function counted(): [number, number] {
  const all = clients.flatMap((client) => client.pushes);
  return [all.length, all.reduce((sum, push) => sum + push.length, 0)];
}
