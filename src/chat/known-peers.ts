import { isIpv4, type RosterItem } from "../wire/mp1-roster.ts";
import { foldNickname, type Nickname } from "../wire/nickname.ts";
import type { Destination } from "./events.ts";

export interface PresenceChanges {
  readonly online: readonly Nickname[];
  readonly offline: readonly Nickname[];
}

/** The last roster, and which part of it the user has been told. */
export class KnownPeers {
  #items: ReadonlyMap<string, RosterItem> = new Map();
  /** Those of a registry that went away, until its successor has had time to hear of them. */
  #former: ReadonlyMap<string, RosterItem> = new Map();
  /** Those online as the user last saw it. */
  #shown: ReadonlyMap<string, Nickname> = new Map();

  /** A roster replaces the former one. */
  replace(items: readonly RosterItem[]): void {
    this.#items = new Map(items.map((item) => [foldNickname(item.nickname), item]));
  }

  /** The registry is gone: whoever was known stays known although the next one's first rosters lack them. */
  keep(): void {
    this.#former = this.#current();
  }

  /** From now on only the latest roster counts. */
  settle(): void {
    this.#former = new Map();
  }

  /** By nickname, however it is written. */
  find(nickname: string): RosterItem | undefined {
    const key = foldNickname(nickname);
    return this.#items.get(key) ?? this.#former.get(key);
  }

  /** Online first, then by name. */
  list(): readonly RosterItem[] {
    const compare = new Intl.Collator("en").compare;
    return [...this.#current().values()].sort(
      (left, right) => Number(right.online) - Number(left.online) || compare(left.nickname, right.nickname),
    );
  }

  /** What differs from what the user was told; told from now on. */
  takeChanges(): PresenceChanges {
    const before = this.#shown;
    const after = this.#online();
    this.#shown = after;
    return {
      online: [...after].filter(([key]) => !before.has(key)).map(([, nickname]) => nickname),
      offline: [...before].filter(([key]) => !after.has(key)).map(([, nickname]) => nickname),
    };
  }

  #current(): ReadonlyMap<string, RosterItem> {
    return new Map([...this.#former, ...this.#items]);
  }

  #online(): ReadonlyMap<string, Nickname> {
    const online = [...this.#items].filter(([, item]) => item.online);
    return new Map(online.map(([key, item]) => [key, item.nickname]));
  }
}

/** "ADDRESS:PORT" with the port P of the roster, as the original client takes it. */
export function parseDestination(text: string): Destination | undefined {
  const match = /^([0-9.]+):([0-9]{1,5})$/.exec(text);
  const [, address, digits] = match ?? [];
  const port = Number(digits);
  if (address === undefined || !isIpv4(address) || port < 1 || port > 65_534) return undefined;
  return { address, port };
}
