import { errorText } from "../base/errors.ts";
import type { Attention } from "../chat/alerts.ts";
import type { SendOptions } from "../chat/session.ts";
import type { PresenceLink } from "../control/chat-client.ts";
import type { ChatMethodName, ChatRequestOf, SessionCommands } from "../control/chat-methods.ts";
import { ConnectionError } from "../control/request-client.ts";
import { MAX_ROOMS, type MessageId } from "../wire/mp2-values.ts";

/** What whoever holds the presence does when it is told to. */
export type PresenceCommands = SessionCommands & {
  send(to: string, text: string, options: SendOptions, id: MessageId): void;
  sendFile(to: string, path: string, id: MessageId): void;
  /** Of this program's screen. */
  attend(attention: Attention): void;
  /** The end of the presence. */
  leave(): void;
};

/** The holder is another program: it is asked over its socket. */
export class RemoteCommands implements PresenceCommands {
  readonly #link: PresenceLink;
  readonly #onTrouble: (text: string) => void;

  constructor(link: PresenceLink, onTrouble: (text: string) => void) {
    this.#link = link;
    this.#onTrouble = onTrouble;
  }

  rename: PresenceCommands["rename"] = (nickname) => {
    if (this.#link.snapshot.registry?.protocol === "mp1") return false;
    void this.#ask("rename", { nickname }).then((can) => {
      if (can === false) this.#onTrouble("the name cannot be changed now");
    });
    return true;
  };

  setStatus: PresenceCommands["setStatus"] = (away, status) => void this.#ask("set-status", { away, status });

  setQuiet: PresenceCommands["setQuiet"] = (until) => void this.#ask("set-quiet", { until });

  join: PresenceCommands["join"] = (room) => {
    void this.#ask("join", { room });
    const { rooms } = this.#link.snapshot;
    return rooms.includes(room) || rooms.length < MAX_ROOMS;
  };

  part: PresenceCommands["part"] = (room) => {
    void this.#ask("part", { room });
    return this.#link.snapshot.rooms.includes(room);
  };

  markRead: PresenceCommands["markRead"] = (from, ids) => void this.#ask("mark-read", { from, ids });

  typing: PresenceCommands["typing"] = (to, active) => void this.#ask("typing", { to, active });

  accept: PresenceCommands["accept"] = (subject, fingerprint) =>
    void this.#ask("accept", { subject, fingerprint });

  forget: PresenceCommands["forget"] = (subject) => void this.#ask("forget", { subject });

  restrict: PresenceCommands["restrict"] = (who, level) => void this.#ask("restrict", { who, level });

  changeFile: PresenceCommands["changeFile"] = (id, action) => void this.#ask("change-file", { id, action });

  send: PresenceCommands["send"] = (to, text, { waitMillis, reply }, messageId) =>
    void this.#ask("send", { messageId, to, text, waitMillis, reply });

  sendFile: PresenceCommands["sendFile"] = (to, path, id) => void this.#ask("send-file", { id, to, path });

  attend: PresenceCommands["attend"] = (attention) => void this.#ask("attend", attention);

  leave(): void {
    void this.#ask("quit", undefined);
  }

  /** A request to the holder. One that ends before it answers is followed by another holder; nothing else fails. */
  async #ask<Name extends ChatMethodName>(name: Name, params: ChatRequestOf<Name>) {
    try {
      return await this.#link.request(name, params);
    } catch (error) {
      if (!(error instanceof ConnectionError && error.reason === "closed")) this.#onTrouble(errorText(error));
      return undefined;
    }
  }
}
