import type { Fingerprint } from "../../src/base/fingerprint.ts";
import { Seals } from "../../src/base/seal.ts";
import { DEFAULT_LIMITS } from "../../src/registry/limits.ts";
import { Receiver } from "../../src/registry/mp2/receiver.ts";
import type { Session } from "../../src/registry/mp2/sessions.ts";
import { Telling } from "../../src/registry/mp2/telling.ts";
import type { RegistryOutput } from "../../src/registry/output.ts";
import type { Listed } from "../../src/roster/listed.ts";
import { Publication } from "../../src/roster/publication.ts";
import { entryKey } from "../../src/roster/roster.ts";
import type { SessionId } from "../../src/wire/mp2-values.ts";
import type { Nickname } from "../../src/wire/nickname.ts";
import { epoch } from "../roster/entries.ts";

/** Telling alone, with so many attached; `entries` are what they have been told. */
export function crowd(size: number, entries: Iterable<Listed> = []) {
  const publication = new Publication({ epoch: epoch("00000000000000e1"), entries });
  const position = { epoch: publication.epoch, told: 0, run: undefined };
  const sessions = Array.from({ length: size }, (_, index): Session => {
    const key = (byte: number) => new Uint8Array(32).fill(byte).fill(index & 255, 0, 1);
    const receiver = new Receiver(0, position, DEFAULT_LIMITS);
    return {
      id: index.toString(16).padStart(32, "0") as SessionId,
      fingerprint: index.toString(16).padStart(64, "0") as Fingerprint,
      nickname: `c${index}` as Nickname,
      port: 51_000,
      begunAt: 0,
      seals: new Seals("registry", { toClient: key(1), toRegistry: key(2) }),
      secret: key(3),
      key: entryKey(`10.0.${index >> 8}.${index & 255}`, 51_000),
      address: `10.0.${index >> 8}.${index & 255}`,
      state: { step: "attached", association: index, receiver },
    };
  });
  const outputs: RegistryOutput[] = [];
  let turn = 0;
  const telling = new Telling({
    limits: DEFAULT_LIMITS,
    publication,
    emit: (output) => outputs.push(output),
    attached: () => sessions,
    time: () => 0,
    ticket: () => ({ bytes: new Uint8Array(116), life: 1 }),
    turn: () => turn,
  });
  /** One advance, and what it sent. */
  const sent = (now: number) => {
    telling.advance(now);
    turn += 1;
    return outputs.splice(0).filter((output) => output.type === "send");
  };
  const advance = (now: number): readonly number[] => sent(now).map(({ association }) => association);
  return { publication, telling, sent, advance };
}
