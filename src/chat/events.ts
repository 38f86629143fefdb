import type { Millis, UnixMillis } from "../base/clock.ts";
import type { Fingerprint } from "../base/fingerprint.ts";
import type { SealKeys } from "../base/seal.ts";
import type { ChatMessage, DeliveryOutcome } from "../wire/mp1-chat.ts";
import type { ArchiveChange } from "./archive.ts";
import type { FileEvent, FileRequest } from "./files/requests.ts";
import type { ChatNotice } from "./notices.ts";
import type { PinSubject, Pins } from "./pins.ts";
import type { Restricted, RestrictionLevel } from "./restrictions.ts";

/** Of a hello, a registry, a peer. */
export type Protocol = "mp1" | "mp2";

/** The address may be IPv6 with its zone ("fe80::1%eth0"); answers go where it says. */
export interface Source {
  readonly address: string;
  readonly port: number;
}

/** An address that a named registry has: `host` is one of the settings' hosts, as typed. */
export interface AskedHost {
  readonly host: string;
  readonly address: string;
}

/**
 * What the network brings to the chat core. Connections and associations are named by numbers of their maker: TLS
 * connections that the core dials count down from -1, those that the shell accepts count up from 1, so that a number
 * names one.
 */
export type ChatEvent =
  /** The hello went out, to these addresses; "any" by multicast. */
  | {
      readonly type: "hello-sent";
      readonly protocol: Protocol;
      readonly to: readonly AskedHost[] | "any";
    }
  | { readonly type: "hello-failed"; readonly text: string }
  /** Whatever came to UDP P, or to the groups of mp2: cookies, reports, announcements. */
  | { readonly type: "datagram"; readonly from: Source; readonly bytes: Uint8Array }
  | { readonly type: "dialed-back"; readonly connection: number; readonly address: string }
  /** All that the registry answered, up to its end. */
  | { readonly type: "dial-back-answer"; readonly connection: number; readonly bytes: Uint8Array }
  | { readonly type: "dial-back-failed"; readonly connection: number }
  | TlsOpened
  /** The other side sends nothing more. */
  | { readonly type: "tls-ended"; readonly connection: number }
  /** The last of a connection that had opened. */
  | { readonly type: "tls-closed"; readonly connection: number }
  /** The last of one that we dialled and that never opened; `code` says what the system or OpenSSL said. */
  | {
      readonly type: "tls-failed";
      readonly connection: number;
      readonly failure: TlsFailure;
      readonly code: string;
    }
  | { readonly type: "association-up"; readonly association: number }
  | {
      readonly type: "association-message";
      readonly association: number;
      readonly stream: number;
      readonly ppid: number;
      readonly bytes: Uint8Array;
    }
  | { readonly type: "association-ended"; readonly association: number; readonly how: AssociationEnd }
  /** By mp1. */
  | { readonly type: "message"; readonly address: string; readonly message: ChatMessage }
  | { readonly type: "transmitted"; readonly transmission: number; readonly outcome: DeliveryOutcome }
  /**
   * All that was asked to be archived, up to that entry, is on disk; the messages of `known` were there before. `seqs`: the
   * places of those that were not, by their entry.
   */
  | {
      readonly type: "archived";
      readonly through: number;
      readonly known: readonly number[];
      readonly seqs: ReadonlyMap<number, number>;
    }
  /** Nothing of it is that was not yet. */
  | { readonly type: "archive-failed" }
  | { readonly type: "file"; readonly event: FileEvent }
  /** The set on disk has changed, by us or by another program. */
  | { readonly type: "pins"; readonly pins: Pins }
  /** Interfaces came or went. */
  | { readonly type: "network-changed" };

/** A TLS connection whose peer has proved its key. What it brings goes to `ChatClient.received`. */
export interface TlsOpened {
  readonly type: "tls-opened";
  readonly connection: number;
  /** Who connected. */
  readonly initiative: "ours" | "theirs";
  readonly address: string;
  readonly port: number;
  readonly fingerprint: Fingerprint;
  readonly protocol: "mp2-registry" | "mp2-chat";
  /** With "mp2-registry": of the exporter, purpose "presence". We are the TLS server, so `toRegistry` is what we send by. */
  readonly keys?: SealKeys;
}

export type TlsFailure =
  /** The port answered with a reset. */
  | "refused"
  | "timeout"
  /** No way to the host. */
  | "unreachable"
  /** TCP came up, and TLS did not, or with another key than the one dialled. */
  | "tls"
  /** Our own system said no. */
  | "system";

export type AssociationEnd = "closed" | "lost" | "aborted" | "unreachable";

/** What a core made of bytes of a stream: messages completed by them, and bytes of one that is not complete yet. */
export interface Progress {
  readonly messages: number;
  readonly pending: number;
}

/** A change of the trusted keys, to be applied to what is on disk; a "pins" event follows. */
export type PinChange =
  /** A key was proved: pinned if the name is unknown, noted as refused if another one is pinned. */
  | {
      readonly type: "meet";
      readonly subject: PinSubject;
      readonly fingerprint: Fingerprint;
      readonly at: UnixMillis;
    }
  /** The user trusts it. */
  | {
      readonly type: "accept";
      readonly subject: PinSubject;
      readonly fingerprint: Fingerprint;
      readonly at: UnixMillis;
    }
  | { readonly type: "forget"; readonly subject: PinSubject }
  /** The user does not want to hear those; undefined: does again. */
  | {
      readonly type: "restrict";
      readonly who: Restricted;
      readonly level: RestrictionLevel | undefined;
      readonly at: UnixMillis;
    };

/** What the chat core wants done. */
export type ChatOutput =
  /** To the protocol's groups on all usable interfaces, or to the named hosts. "hello-sent" or "hello-failed" follows. */
  | { readonly type: "hello"; readonly protocol: Protocol; readonly bytes: Uint8Array }
  /** By unicast from UDP P. */
  | { readonly type: "datagram"; readonly to: Source; readonly bytes: Uint8Array }
  /** Write, then read the answer to its end. */
  | { readonly type: "answer-dial-back"; readonly connection: number; readonly bytes: Uint8Array }
  | { readonly type: "close-dial-back"; readonly connection: number }
  /** ALPN mp2-chat; only that key will do. "tls-opened" or "tls-failed" follows. */
  | {
      readonly type: "tls-dial";
      readonly connection: number;
      readonly address: string;
      readonly port: number;
      readonly fingerprint: Fingerprint;
    }
  | { readonly type: "tls-send"; readonly connection: number; readonly bytes: Uint8Array }
  /** What was sent goes out, then the connection ends. */
  | { readonly type: "tls-end"; readonly connection: number }
  /** At once; also one that is still being dialled. */
  | { readonly type: "tls-destroy"; readonly connection: number }
  | Associate
  | {
      readonly type: "association-send";
      readonly association: number;
      readonly stream: number;
      readonly ppid: number;
      readonly bytes: Uint8Array;
    }
  /** By SHUTDOWN. */
  | { readonly type: "dissociate"; readonly association: number }
  /** By ABORT. */
  | { readonly type: "abandon"; readonly association: number }
  /** mp1: one connection, one message. */
  | {
      readonly type: "transmit";
      readonly transmission: number;
      readonly address: string;
      readonly port: number;
      readonly bytes: Uint8Array;
    }
  | { readonly type: "pin"; readonly change: PinChange }
  /** Those of one pump in one transaction, in order; "archived" or "archive-failed" follows. */
  | { readonly type: "archive"; readonly entry: number; readonly change: ArchiveChange }
  /** Events "file" follow. */
  | { readonly type: "file"; readonly request: FileRequest }
  | { readonly type: "notice"; readonly notice: ChatNotice };

export interface Associate {
  readonly type: "associate";
  readonly association: number;
  readonly address: string;
  /** What the registry said; undefined over mp1, which does not say: all four are then as the shell was told. */
  readonly registryPort: number | undefined;
  /** UDP port of SCTP in UDP; with a `registryPort` and without this one, SCTP goes directly on IP. */
  readonly encapsulationPort: number | undefined;
  readonly heartbeatMillis: Millis | undefined;
  readonly lostAfterMillis: Millis | undefined;
}
