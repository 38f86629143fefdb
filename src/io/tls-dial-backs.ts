import type { Fingerprint } from "../base/fingerprint.ts";
import type { SealKeys } from "../base/seal.ts";
import type { DialId } from "../registry/output.ts";
import type { Progress, TlsFailure } from "../registry/settings.ts";
import { ALPN_REGISTRY } from "../wire/mp2-values.ts";
import { isNoDescriptors } from "./descriptors.ts";
import type { Identity } from "./identity.ts";
import type { ChannelEvents, TlsChannel } from "./tls-channel.ts";
import { type DialFailure, TlsDialler } from "./tls-dialler.ts";
import { DEFAULT_TLS_TIMES, type TlsTimes } from "./tls-settings.ts";

/** Of the exporter: the keys that seal a client's presence. */
const PRESENCE = "presence";

/** What became of a dial-back by TLS. */
export interface TlsDialEvents {
  opened(dial: DialId, peer: { readonly fingerprint: Fingerprint; readonly keys: SealKeys }): void;
  received(dial: DialId, bytes: Uint8Array): Progress;
  /** What was to be awaited has left. */
  taken(dial: DialId): void;
  ended(dial: DialId): void;
  closed(dial: DialId): void;
  failed(dial: DialId, failure: TlsFailure): void;
}

/** What can be told to hang up: an attempt, then its channel. */
type Connection =
  | { readonly step: "dialling"; readonly cancel: () => void }
  | { readonly step: "open"; readonly channel: TlsChannel };

/**
 * The registry's TLS connections to clients that have proved their address. How many there are and how long each may
 * take in all is the core's to say; handshake, slow messages and unread bytes are bounded by the channel.
 */
export class TlsDialBacks {
  readonly #events: TlsDialEvents;
  readonly #dialler: TlsDialler;
  readonly #connections = new Map<DialId, Connection>();

  constructor(identity: Identity, events: TlsDialEvents, times: TlsTimes = DEFAULT_TLS_TIMES) {
    this.#events = events;
    this.#dialler = new TlsDialler({ identity, times });
  }

  dial(dial: DialId, address: string, port: number): void {
    const cancel = this.#dialler.dial({
      address,
      port,
      protocol: ALPN_REGISTRY,
      onOpen: (channel) => this.#opened(dial, channel),
      onFailed: (failure, code, isConnected) => {
        if (this.#connections.delete(dial)) this.#events.failed(dial, failureOf(failure, code, isConnected));
      },
    });
    this.#connections.set(dial, { step: "dialling", cancel });
  }

  /** `awaited`: "taken" follows. */
  send(dial: DialId, bytes: Uint8Array, awaited: boolean): void {
    const connection = this.#connections.get(dial);
    if (connection?.step === "open")
      connection.channel.send(bytes, awaited ? () => this.#taken(dial) : undefined);
  }

  end(dial: DialId): void {
    const connection = this.#connections.get(dial);
    if (connection?.step === "open") connection.channel.end();
  }

  /** No event follows. */
  hangUp(dial: DialId): void {
    const connection = this.#connections.get(dial);
    this.#connections.delete(dial);
    if (connection?.step === "dialling") connection.cancel();
    else connection?.channel.destroy();
  }

  close(): void {
    for (const dial of [...this.#connections.keys()]) this.hangUp(dial);
    this.#dialler.close();
  }

  #taken(dial: DialId): void {
    if (this.#connections.has(dial)) this.#events.taken(dial);
  }

  #opened(dial: DialId, channel: TlsChannel): ChannelEvents {
    this.#connections.set(dial, { step: "open", channel });
    const { sending, receiving } = channel.exportKeys(PRESENCE);
    const keys = { toClient: sending, toRegistry: receiving };
    this.#events.opened(dial, { fingerprint: channel.fingerprint, keys });
    const isOurs = (): boolean => this.#connections.has(dial);
    return {
      received: (bytes) => (isOurs() ? this.#events.received(dial, bytes) : { messages: 0, pending: 0 }),
      ended: () => {
        if (isOurs()) this.#events.ended(dial);
      },
      closed: () => {
        if (this.#connections.delete(dial)) this.#events.closed(dial);
      },
    };
  }
}

/** A firewall drops, or says no; there is no way; or TCP is through and it is not our protocol, or not in time. */
function failureOf(failure: DialFailure, code: string, isConnected: boolean): TlsFailure {
  if (isConnected) return "tls";
  if (failure === "refused") return "refused";
  if (isNoDescriptors(code)) return "no-descriptors";
  return failure === "too-slow" || code === "ETIMEDOUT" ? "timeout" : "unreachable";
}
