import { decodeUtf8, encodeUtf8 } from "../../src/base/text.ts";
import type { RegistryLimits } from "../../src/registry/limits.ts";
import type { DialId, RegistryOutput } from "../../src/registry/output.ts";
import type { Registry } from "../../src/registry/registry.ts";
import type { LostReason, SctpEvent } from "../../src/sctp/api.ts";
import { encodeHello } from "../../src/wire/mp1-discovery.ts";
import { parseRosterAnswer, type RosterAnswer } from "../../src/wire/mp1-roster.ts";

import { type Given, newRegistry } from "./new-registry.ts";

export type Client = "original" | "own";

/** A registry core on a virtual clock, with everything it asked for so far. */
export class Bench {
  now = 1_000;
  readonly registry: Registry;
  readonly outputs: RegistryOutput[] = [];
  #nextAssociation = 1;

  constructor(
    limits: Partial<RegistryLimits> = {},
    legacy = true,
    stores: Pick<Given, "store" | "rosterStore"> = {},
  ) {
    this.registry = newRegistry(this.now, { limits, legacy, ...stores });
  }

  hello(address: string, port: number, client: Client = "own"): DialId | undefined {
    this.datagram(address, port, encodeHello({ client }));
    return this.last("dial")?.dial;
  }

  datagram(address: string, port: number, bytes: Uint8Array): void {
    this.registry.datagram(this.now, { address, port }, bytes);
    this.collect();
  }

  connected(dial: DialId): void {
    this.registry.dialConnected(this.now, dial);
    this.collect();
  }

  say(dial: DialId, text: string | Uint8Array): void {
    this.registry.dialData(this.now, dial, typeof text === "string" ? encodeUtf8(text) : text);
    this.collect();
  }

  hungUp(dial: DialId, refused = false): void {
    this.registry.dialClosed(this.now, dial, refused ? "refused" : "ended");
    this.collect();
  }

  event(event: SctpEvent): void {
    this.registry.sctpEvent(this.now, event);
    this.collect();
  }

  up(address: string, port: number): number {
    const id = this.#nextAssociation++;
    const path = { via: "udp", address, outerPort: 40_000, local: "" } as const;
    this.event({ type: "up", id, path, remotePort: port, initiatedBy: "peer" });
    return id;
  }

  lost(id: number, reason: LostReason = "timeout"): void {
    this.event({ type: "lost", id, reason, detail: "no answer for 4 s" });
  }

  /** The whole way in; returns the association. */
  join(nickname: string, address: string, port: number, client: Client = "own"): number {
    const dial = this.hello(address, port, client);
    if (dial === undefined) throw new Error("no dial-back");
    this.connected(dial);
    this.say(dial, client === "own" ? `${nickname}\n` : nickname);
    this.hungUp(dial);
    return this.up(address, port);
  }

  /** Lets time pass, stopping at every deadline. */
  pass(millis: number): void {
    const end = this.now + millis;
    for (
      let at = this.registry.nextDeadline();
      at !== undefined && at <= end;
      at = this.registry.nextDeadline()
    ) {
      this.now = Math.max(this.now, at);
      this.registry.advance(this.now);
      this.collect();
    }
    this.now = end;
  }

  collect(): void {
    for (let out = this.registry.takeOutputs(); out.length > 0; out = this.registry.takeOutputs()) {
      this.outputs.push(...out);
    }
  }

  /** What was asked for since, then forgotten. */
  take(): readonly RegistryOutput[] {
    return this.outputs.splice(0);
  }

  last<Type extends RegistryOutput["type"]>(type: Type): Extract<RegistryOutput, { type: Type }> | undefined {
    return this.outputs.findLast(
      (output): output is Extract<RegistryOutput, { type: Type }> => output.type === type,
    );
  }

  answer(): RosterAnswer | undefined {
    const answer = this.last("answer");
    return answer === undefined ? undefined : parseRosterAnswer(answer.bytes);
  }

  /** Nicknames in the last push to an association, offline ones in brackets. */
  pushed(association: number): string {
    const push = this.outputs.findLast(
      (output) => output.type === "push" && output.association === association,
    );
    return push?.type === "push" ? names(push.bytes) : "nothing";
  }

  logs(): readonly string[] {
    return this.outputs.flatMap((output) =>
      output.type === "log" ? [`${output.entry.level} ${output.entry.text}`] : [],
    );
  }
}

export function names(bytes: Uint8Array): string {
  const answer = parseRosterAnswer(bytes);
  if (answer?.type !== "roster") return `not a roster: ${decodeUtf8(bytes)}`;
  return answer.items.map(({ nickname, online }) => (online ? nickname : `[${nickname}]`)).join(" ");
}
