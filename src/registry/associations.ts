import type { Millis } from "../base/clock.ts";
import type { Entry } from "../roster/roster.ts";
import type { AssociationId, SctpEvent } from "../sctp/api.ts";
import { MP2_PPID } from "../wire/mp2-presence.ts";
import type { Mp2 } from "./mp2/mp2.ts";
import { placeKey } from "./mp2/sessions.ts";
import type { Emit } from "./output.ts";
import type { Presence } from "./presence.ts";

/** Which protocol an association is of, so that each hears of its own. */
export class Associations {
  readonly #mp1: Presence;
  readonly #mp2: Mp2;
  readonly #emit: Emit;

  constructor(mp1: Presence, mp2: Mp2, emit: Emit) {
    this.#mp1 = mp1;
    this.#mp2 = mp2;
    this.#emit = emit;
  }

  event(now: Millis, event: SctpEvent): void {
    if (event.type === "up") this.#up(now, event);
    else if (event.type === "restarted") this.#restarted(now, event);
    else if (!this.#mp2.event(now, event)) {
      if (event.type === "message" && event.ppid === MP2_PPID) this.#turnAway(event.id);
      else this.#mp1.event(now, event);
    }
  }

  of({ key, profile }: Entry): AssociationId | undefined {
    if (profile === undefined) return this.#mp1.of(key)?.association;
    const state = this.#mp2.sessions.of(profile.fingerprint)?.state;
    return state?.step === "attached" ? state.association : undefined;
  }

  /** An association belongs to the session at its other end; without one it may be of mp1, or a stranger's. */
  #up(now: Millis, event: Extract<SctpEvent, { type: "up" }>): void {
    const { id, path, remotePort } = event;
    const session = this.#mp2.sessions.at(placeKey(path.address, remotePort));
    if (session !== undefined) this.#mp2.up(now, id, path, remotePort);
    else this.#mp1.event(now, event);
  }

  /** Its client may be another than before, over the other protocol: the same program, or the port's next user. */
  #restarted(now: Millis, event: Extract<SctpEvent, { type: "restarted" }>): void {
    const { id } = event;
    const held = this.#mp2.sessions.held(id);
    const before = held ?? this.#mp1.by(id);
    if (before === undefined) return;
    const { path, port } = before;
    if (this.#mp2.sessions.at(placeKey(path.address, port)) !== undefined) {
      if (held === undefined) this.#mp1.release(id);
      this.#mp2.up(now, id, path, port);
    } else if (held !== undefined) {
      this.#mp2.sessions.release(id);
      this.#mp1.event(now, { type: "up", id, path, remotePort: port, initiatedBy: "peer" });
    } else this.#mp1.event(now, event);
  }

  /** A client of mp2 without a session: it finds out at once, and registers again. */
  #turnAway(association: AssociationId): void {
    if (this.#mp1.release(association) === undefined) return;
    this.#emit({ type: "abort", association, reason: "not registered" });
  }
}
