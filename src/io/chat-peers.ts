import { connect, type Server, type Socket } from "node:net";
import type { Clock } from "../base/clock.ts";
import { errorCode } from "../base/errors.ts";
import { Admission } from "../peer/admission.ts";
import { Mp1Receiver, RECEIVE_LIMIT_MILLIS } from "../peer/mp1-receiver.ts";
import { Mp1Sender } from "../peer/mp1-sender.ts";
import type { ChatMessage, DeliveryOutcome } from "../wire/mp1-chat.ts";
import { Alarm } from "./alarm.ts";

/** Chat by mp1: its listener and the connections to peers, each run by its own session core. */
export class PeerConnections {
  readonly #clock: Clock;
  readonly #takes: (address: string, message: ChatMessage) => boolean;
  readonly #onMessage: (address: string, message: ChatMessage) => void;
  readonly #admission = new Admission();
  readonly #sockets = new Set<Socket>();

  constructor(options: {
    /** None: only for sending. */
    server: Server | undefined;
    clock: Clock;
    /** One that is not taken is not confirmed. */
    takes: (address: string, message: ChatMessage) => boolean;
    onMessage: (address: string, message: ChatMessage) => void;
  }) {
    this.#clock = options.clock;
    this.#takes = options.takes;
    this.#onMessage = options.onMessage;
    options.server?.on("connection", (socket) => this.#accepted(socket));
  }

  /** Sends one message on a connection of its own; `done` is called exactly once. */
  transmit(address: string, port: number, bytes: Uint8Array, done: (outcome: DeliveryOutcome) => void): void {
    const sender = new Mp1Sender(this.#clock.now(), bytes);
    const socket = this.#keep(connect({ host: address, port, noDelay: true }));
    const alarm = new Alarm(this.#clock, () => step(() => sender.advance(this.#clock.now())));
    const step = (action: () => void): void => {
      action();
      for (let out = sender.poll(); out !== undefined; out = sender.poll()) {
        if (out.type === "write") socket.write(out.bytes);
        else {
          socket.destroy();
          done(out.outcome);
        }
      }
      alarm.set(sender.nextDeadline());
    };
    socket.on("connect", () => step(() => sender.connected(this.#clock.now())));
    socket.on("data", (chunk: Buffer) => step(() => sender.received(chunk)));
    socket.on("error", (error) => step(() => sender.failed(errorCode(error))));
    socket.on("close", () => step(() => sender.ended()));
    step(() => {});
  }

  closeAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #accepted(socket: Socket): void {
    const address = socket.remoteAddress;
    socket.on("error", () => {});
    if (address === undefined || !this.#admission.admit(this.#clock.now(), address)) {
      socket.destroy();
      return;
    }
    this.#keep(socket).on("close", () => this.#admission.release(address));
    const receiver = new Mp1Receiver(this.#clock.now());
    const alarm = new Alarm(this.#clock, () => step(() => receiver.advance(this.#clock.now())));
    const step = (action: () => void): void => {
      action();
      alarm.set(receiver.nextDeadline());
      for (let out = receiver.poll(); out !== undefined; out = receiver.poll()) {
        if (out.type === "message") {
          if (!this.#takes(address, out.message)) {
            socket.destroy();
            return;
          }
          this.#onMessage(address, out.message);
        } else if (out.type === "confirm") this.#confirm(socket, out.bytes);
        else socket.destroy();
      }
    };
    socket.on("data", (chunk: Buffer) => step(() => receiver.received(this.#clock.now(), chunk)));
    socket.on("end", () => step(() => receiver.ended()));
    socket.on("close", () => alarm.clear());
    step(() => {});
  }

  /** Closes after the answer; a peer that keeps its side open is not waited for. */
  #confirm(socket: Socket, bytes: Uint8Array): void {
    const lingering = new Alarm(this.#clock, () => socket.destroy());
    lingering.set(this.#clock.now() + RECEIVE_LIMIT_MILLIS);
    socket.on("close", () => lingering.clear());
    socket.end(bytes);
  }

  #keep(socket: Socket): Socket {
    this.#sockets.add(socket);
    return socket.on("close", () => this.#sockets.delete(socket));
  }
}
