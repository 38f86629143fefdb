/** The parts of the untyped npm package `sctp` 1.0.0 that encode.ts uses: its encoders and its tables. */

declare module "sctp/lib/chunk.js" {
  interface ErrorCause {
    readonly cause_code: number;
    readonly unrecognized_parameters: Uint8Array;
  }

  /** Parameters by the package's names (lib/defs.js: chunkdefs and tlvs). */
  interface ChunkOptions {
    readonly flags?: number;
    readonly tsn?: number;
    readonly stream_id?: number;
    readonly ssn?: number;
    readonly ppid?: number;
    readonly user_data?: Buffer;
    readonly initiate_tag?: number;
    readonly a_rwnd?: number;
    readonly outbound_streams?: number;
    readonly inbound_streams?: number;
    readonly initial_tsn?: number;
    readonly supported_extensions?: Buffer;
    readonly state_cookie?: Buffer;
    readonly unrecognized_parameter?: Buffer[];
    readonly c_tsn_ack?: number;
    readonly sack_info?: {
      readonly gap_blocks: readonly { readonly start: number; readonly finish: number }[];
      readonly duplicate_tsn: readonly number[];
    };
    readonly heartbeat_info?: Buffer;
    readonly error_causes?: readonly ErrorCause[];
    readonly cookie?: Buffer;
  }

  class Chunk {
    constructor(chunkType: string, options?: ChunkOptions);
    /** The chunk with its padding. Runs the package's filters on the object, so call it once. */
    toBuffer(): Buffer;
  }
  export default Chunk;
}

/** Tests hold ours against it. */
declare module "sctp/lib/packet.js" {
  class Packet {
    constructor(
      headers: { readonly src_port: number; readonly dst_port: number; readonly v_tag: number },
      chunks: readonly Uint8Array[],
    );
    /** The packet with its CRC32c. */
    toBuffer(): Buffer;
  }
  export default Packet;
}

declare module "sctp/lib/defs.js" {
  const definitions: {
    readonly chunkdefs: Readonly<Record<string, { readonly id: number }>>;
    readonly tlvs: Readonly<Record<string, { readonly id: number }>>;
    readonly CAUSE_CODES: Readonly<Record<string, number>>;
  };
  export default definitions;
}
