import assert from "node:assert/strict";
import { test } from "node:test";
import PackageChunk from "sctp/lib/chunk.js";
import PackagePacket from "sctp/lib/packet.js";
import { encodeCookieAck, encodeData, encodeInterleavedData, encodePacket } from "../../src/sctp/encode.ts";

const SIZES = [1, 2, 3, 4, 5, 250, 1_172];
const TSNS = [0, 1, 2 ** 31, 2 ** 32 - 1];

test("our DATA is, byte for byte, what the package makes of the same", () => {
  for (const size of SIZES) {
    for (const tsn of TSNS) {
      for (const [begins, ends] of [
        [true, true],
        [true, false],
        [false, false],
        [false, true],
      ] as const) {
        const bytes = Buffer.from(Array.from({ length: size }, (_, at) => (at * 7 + tsn) & 0xff));
        const theirs = new PackageChunk("data", {
          ...{ flags: (begins ? 2 : 0) | (ends ? 1 : 0), tsn, stream_id: 15, ssn: 65_535 },
          ...{ ppid: 2 ** 32 - 2, user_data: Buffer.from(bytes) },
        }).toBuffer();
        const ours = encodeData({ tsn, stream: 15, ssn: 65_535, ppid: 2 ** 32 - 2, begins, ends, bytes });
        assert.equal(ours.toString("hex"), theirs.toString("hex"), `${size} bytes, TSN ${tsn}`);
      }
    }
  }
});

test("I-DATA as RFC 8260 §2.1 lays it out: PPID in the first fragment, FSN in the others", () => {
  const fields = { tsn: 0x01020304, stream: 0x0506, mid: 0x0708090a, ppid: 0x0b0c0d0e, fsn: 0x0f101112 };
  const bytes = Buffer.from("abcde");
  const first = encodeInterleavedData({ ...fields, begins: true, ends: false, bytes });
  assert.equal(first.toString("hex"), "4002001901020304050600000708090a0b0c0d0e6162636465000000");
  const last = encodeInterleavedData({ ...fields, begins: false, ends: true, bytes });
  assert.equal(last.toString("hex"), "4001001901020304050600000708090a0f1011126162636465000000");
});

test("our packets are, byte for byte, what the package makes of the same chunks, however long", () => {
  for (const size of [1, 4, 250, 1_172, 5_000]) {
    const bytes = Buffer.alloc(size, "x");
    const data = encodeData({ tsn: 7, stream: 1, ssn: 2, ppid: 3, begins: true, ends: true, bytes });
    for (const chunks of [[], [data], [encodeCookieAck(), data, data]]) {
      const header = { src_port: 65_535, dst_port: 10_001, v_tag: 2 ** 32 - 2 };
      const theirs = new PackagePacket(header, chunks).toBuffer();
      const ours = encodePacket(header.src_port, header.dst_port, header.v_tag, chunks);
      assert.equal(Buffer.from(ours).toString("hex"), theirs.toString("hex"), `${chunks.length} of ${size}`);
    }
  }
});
