/**
 * Our endpoint as a program, for the interoperability tests: the product's shells, driven by lines.
 *
 *   speaker.ts udp|raw PORT [ENCAPSULATION_PORT]
 *
 * Commands on standard input, for the association that came up last; the peers (usrsctp-peer.c, kernel_peer.py) take
 * the same: `connect ADDRESS PORT`, `send STREAM LENGTH` (PPID 7, byte n is n mod 251), `close`, `abort`, `quit`.
 * Ours alone: `packets` prints how many have arrived.
 *
 * Events on standard output, one a line: `ready`, `up`, `message STREAM PPID LENGTH right|wrong`, `suspect`,
 * `recovered`, `restarted`, `lost REASON`, `closed`.
 */
import { createInterface } from "node:readline";
import { systemClock } from "../../../src/io/clock.ts";
import { systemRandom } from "../../../src/io/random.ts";
import { SctpDriver } from "../../../src/io/sctp-driver.ts";
import { RawIp } from "../../../src/io/sctp-raw.ts";
import { UdpEncapsulation } from "../../../src/io/sctp-udp.ts";
import {
  createSctpEndpoint,
  DEFAULT_SCTP_SETTINGS,
  type Path,
  type SctpEvent,
} from "../../../src/sctp/index.ts";

const [via, port = "10001", encapsulation = "9899"] = process.argv.slice(2);
const pattern = Uint8Array.from({ length: 65_536 }, (_, index) => index % 251);
let association = 0;
let packets = 0;

const endpoint = createSctpEndpoint({
  localPort: Number(port),
  settings: DEFAULT_SCTP_SETTINGS,
  random: systemRandom,
  now: systemClock.now(),
});
const driver = new SctpDriver({ endpoint, clock: systemClock, onEvent: tell });
const sink = (path: Path, bytes: Uint8Array): void => {
  packets += 1;
  driver.receive(path, bytes);
};
const onError = (error: Error): void => console.error(error);
driver.attach(
  via === "raw"
    ? await RawIp.open({ sink, onError })
    : await UdpEncapsulation.open({ address: "0.0.0.0", port: Number(encapsulation), sink }),
);
console.log("ready");

function tell(event: SctpEvent): void {
  if (event.type === "up") association = event.id;
  if (event.type === "message") {
    const right = Buffer.compare(event.bytes, pattern.subarray(0, event.bytes.length)) === 0;
    const { stream, ppid, bytes } = event;
    console.log(`message ${stream} ${ppid} ${bytes.length} ${right ? "right" : "wrong"}`);
  } else if (event.type === "lost") console.log(`lost ${event.reason}`);
  else console.log(event.type);
}

for await (const line of createInterface({ input: process.stdin })) {
  const [command, first = "", second = ""] = line.split(" ");
  if (command === "connect") {
    const path: Path = {
      via: via === "raw" ? "raw" : "udp",
      address: first,
      outerPort: via === "raw" ? 0 : Number(encapsulation),
      local: "",
    };
    association = driver.connect(path, Number(second));
  } else if (command === "send") {
    console.log(driver.send(association, Number(first), 7, pattern.subarray(0, Number(second))));
  } else if (command === "close") driver.shutdown(association);
  else if (command === "abort") driver.abort(association, "asked to");
  else if (command === "packets") console.log(`packets ${packets} ${JSON.stringify(driver.counters())}`);
  else if (command === "quit") process.exit(0);
}
