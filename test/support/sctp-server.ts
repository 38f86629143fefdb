/**
 * An SCTP server on the product's shells as a program of its own, for benchmarks and for tests that stop it.
 *
 *   sctp-server.ts SCTP_PORT [SETTINGS]        SETTINGS: what differs from the defaults, as JSON
 *
 * Run it by `fork`. Each IPC message is a {@link SctpServerCommand} and has one {@link SctpServerReport} as its answer;
 * the first report comes unasked, when the server is ready. It ends with its channel.
 */
import { systemClock } from "../../src/io/clock.ts";
import { systemRandom } from "../../src/io/random.ts";
import { SctpDriver } from "../../src/io/sctp-driver.ts";
import { UdpEncapsulation } from "../../src/io/sctp-udp.ts";
import { type AssociationId, DEFAULT_SCTP_SETTINGS, type Path, type SctpEvent } from "../../src/sctp/api.ts";
import { createSctpEndpoint } from "../../src/sctp/index.ts";
import { memoryReport, monotonicMillis, type SubjectReport } from "./subject-report.ts";

export type SctpServerCommand =
  | { readonly do: "report" }
  /** Keeps the processor busy, as a long garbage collection would. */
  | { readonly do: "spin"; readonly millis: number };

export interface SctpServerReport extends SubjectReport {
  /** When each association was lost, on the monotonic clock. */
  readonly lostAt: readonly number[];
  readonly suspects: number;
  readonly counters: Readonly<Record<string, number>>;
}

const [sctpPort = "0", settings = "{}"] = process.argv.slice(2);
const up = new Set<AssociationId>();
const lostAt: number[] = [];
let [datagrams, suspects] = [0, 0];

const driver = new SctpDriver({
  endpoint: createSctpEndpoint({
    localPort: Number(sctpPort),
    settings: { ...DEFAULT_SCTP_SETTINGS, ...JSON.parse(settings) },
    random: systemRandom,
    now: systemClock.now(),
  }),
  clock: systemClock,
  onEvent,
});
const sink = (path: Path, bytes: Uint8Array): void => {
  datagrams += 1;
  driver.receive(path, bytes);
};
const transport = await UdpEncapsulation.open({ address: "127.0.0.1", port: 0, sink });
driver.attach(transport);

function onEvent(event: SctpEvent): void {
  if (event.type === "up") up.add(event.id);
  else if (event.type === "suspect") suspects += 1;
  else if (event.type === "lost") lostAt.push(monotonicMillis());
  if (event.type === "lost" || event.type === "closed") up.delete(event.id);
}

function report(): void {
  const common = { port: transport.port, up: up.size, datagrams, ...memoryReport() };
  process.send?.({ ...common, lostAt, suspects, counters: driver.counters() } satisfies SctpServerReport);
}

process.on("message", (command: SctpServerCommand) => {
  if (command.do === "spin") {
    const end = performance.now() + command.millis;
    while (performance.now() < end);
  }
  report();
});
process.on("disconnect", () => process.exit(0));
report();
