import type { ChannelEvents, CloseCause, Progress, TlsChannel } from "../../src/io/tls-channel.ts";
import { encodeFrame, FrameReader } from "../../src/wire/mp2-frames.ts";
import {
  type Challenge,
  REGISTRATION_TO_CLIENT,
  REGISTRATION_TO_REGISTRY,
  REGISTRY_FRAME_BYTES,
  type Refused,
  type Register,
  type Registered,
} from "../../src/wire/mp2-registration.ts";
import type { Page } from "../../src/wire/mp2-roster.ts";
import type { Watched } from "./until.ts";

type Message = Challenge | Registered | Refused | Page;

/** The client's end of one dial-back of a registry: what came, in order. */
export class RegistryDialogue implements ChannelEvents {
  readonly channel: TlsChannel;
  readonly messages: Message[] = [];
  cause: CloseCause | undefined;
  readonly #frames = new FrameReader(REGISTRY_FRAME_BYTES);
  readonly #watched: Watched;

  constructor(channel: TlsChannel, watched: Watched) {
    this.channel = channel;
    this.#watched = watched;
    watched.changed();
  }

  received(bytes: Uint8Array): Progress {
    const { frames } = this.#frames.push(bytes);
    for (const frame of frames) {
      const decoded = REGISTRATION_TO_CLIENT.decode(frame);
      if (!decoded.ok) throw new Error(`the registry sent ${decoded.reason}`);
      this.messages.push(decoded.value);
    }
    this.#watched.changed();
    return { messages: frames.length, pending: this.#frames.pending };
  }

  ended(): void {
    this.channel.end();
  }

  closed(cause: CloseCause): void {
    this.cause = cause;
    this.#watched.changed();
  }

  register(register: Omit<Register, "type" | "capabilities">): void {
    const message = { ...register, type: "register", capabilities: new Set<never>() } as const;
    this.channel.send(encodeFrame(REGISTRATION_TO_REGISTRY.encode(message)));
  }

  async next<Type extends Message["type"]>(type: Type): Promise<Extract<Message, { type: Type }>> {
    const is = (message: Message): message is Extract<Message, { type: Type }> => message.type === type;
    return this.#watched.until(type, () => this.messages.find(is));
  }

  async answer(): Promise<Registered | Refused> {
    return this.#watched.until("an answer to the registration", () =>
      this.messages.find((message) => message.type === "registered" || message.type === "refused"),
    );
  }

  async closes(millis?: number): Promise<CloseCause> {
    return this.#watched.until("the end of the dial-back", () => this.cause, millis);
  }

  get pages(): readonly Page[] {
    return this.messages.filter((message) => message.type === "page");
  }
}
