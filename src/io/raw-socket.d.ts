/** The part of npm `raw-socket` 1.8 that we use. It is native and optional at run time. */
declare module "raw-socket" {
  import type { EventEmitter } from "node:events";

  export interface RawSocket extends EventEmitter {
    setOption(level: number, option: number, value: number): void;
    setOption(level: number, option: number, value: Buffer, length: number): void;
    send(
      bytes: Buffer,
      offset: number,
      length: number,
      address: string,
      done: (error: Error | null) => void,
    ): void;
    close(): void;
  }
  export const SocketLevel: Readonly<Record<"SOL_SOCKET" | "IPPROTO_IP", number>>;
  export const SocketOption: Readonly<Record<"SO_RCVBUF" | "SO_SNDBUF" | "IP_HDRINCL", number>>;
  export function createSocket(options: { protocol: number; bufferSize: number }): RawSocket;
}
