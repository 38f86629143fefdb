/** The part of node-ipc 14.0.0 that is used here; the package brings no types. */

declare module "node-ipc/parsers" {
  export interface ParserConfig {
    readonly delimiter: string;
    readonly maxMessageSize: number;
    readonly maxPendingBytes: number;
    readonly maxEventNameLength: number;
    readonly messageTimeout: number;
    readonly allowReservedEvents: false;
    readonly allowedEvents: readonly string[];
  }

  export interface Frame {
    readonly type: string;
    readonly data?: unknown;
  }

  export interface FrameParser {
    encode(type: string, data: unknown): string;
    /** Hands each complete frame to `receive` and returns what is left over. Throws {@link IPCProtocolError}. */
    read(buffer: string, data: string, receive: (frame: Frame) => void): string;
  }

  export class AssuredParser implements FrameParser {
    constructor(config: ParserConfig);
    encode(type: string, data: unknown): string;
    read(buffer: string, data: string, receive: (frame: Frame) => void): string;
  }

  export class IPCProtocolError extends Error {
    readonly code: string;
  }
}

declare module "node-ipc" {
  import type { Socket } from "node:net";
  import type { FrameParser } from "node-ipc/parsers";

  export interface IPCServerParser extends FrameParser {
    readonly raw: false;
    readonly encoding: "utf8";
    readonly maxPendingBytes: number;
    readonly messageTimeout: number;
  }

  export interface IPCServer {
    addSocket(socket: Socket): void;
    /** Writes a frame to one client; false when the client is too far behind, who is then dropped. */
    emit(socket: Socket, type: string, data: unknown): boolean;
    on(type: "error", handler: (error: Error) => void): void;
    on(type: string, handler: (data: unknown, socket: Socket) => void): void;
  }

  export class IPCModule {
    readonly config: {
      silent: boolean;
      unlink: boolean;
      maxConnections: number;
      parser: IPCServerParser;
    };
    readonly server: IPCServer;
    serve(path: string): void;
  }
}
