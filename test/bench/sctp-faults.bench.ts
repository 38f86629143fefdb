/** How fast an SCTP server misses peers that vanish, and what a flood of INITs does to those that are there. */
import { setTimeout as pass } from "node:timers/promises";
import { DEFAULT_SCTP_SETTINGS } from "../../src/sctp/api.ts";
import type { SctpServerReport } from "../support/sctp-server.ts";
import type { SubjectReport } from "../support/subject-report.ts";
import { Scope } from "../support/until.ts";
import { line, ratio, title } from "./figures.ts";
import { BARE_SERVER, buildLoad, Load, OUR_SERVER, SCTP_PORT, Subject } from "./sctp-lab.ts";

const COUNT = 5_000;
const VANISHING = 1_000;
const ADDRESSES = 20;
const AT_ONCE = 256;
/** Twice what the settings allow: what is not lost by then never will be. */
const LOST_LIMIT_MILLIS = 2 * DEFAULT_SCTP_SETTINGS.lostAfterMillis;
const FLOOD_PER_SECOND = 50_000;
const FLOOD_SECONDS = 15;
const FLOOD_BEGIN_MILLIS = 3_000;

/** A server with {@link COUNT} peers and default settings. */
async function populated(scope: Scope, program: string) {
  const [subject, { port }] = await Subject.start<SctpServerReport>(scope, OUR_SERVER, [String(SCTP_PORT)]);
  const clients = await Load.start(scope, program, port, ADDRESSES);
  const { up } = await clients.join(COUNT, AT_ONCE);
  if (up !== COUNT) throw new Error(`${up} of ${COUNT} came up`);
  // One round of heartbeats, which follow each other at random afterwards.
  await pass(2 * DEFAULT_SCTP_SETTINGS.heartbeatMillis);
  return { subject, clients, port };
}

async function measureVanishing(program: string): Promise<void> {
  const scope = new Scope();
  try {
    const { subject, clients } = await populated(scope, program);
    const vanishedAt = await clients.vanish(VANISHING);
    // The span in which losses are counted, false ones too, not a wait for something to happen.
    await pass(LOST_LIMIT_MILLIS);
    const { lostAt, up } = await subject.report();
    const after = lostAt.map((at) => at - vanishedAt).sort((a, b) => a - b);
    const seconds = (value: number | undefined): string => `${((value ?? Number.NaN) / 1_000).toFixed(2)} s`;
    line("vanished until lost, fastest", seconds(after[0]));
    line("vanished until lost, median", seconds(after[Math.floor(after.length / 2)]));
    line("vanished until lost, slowest", seconds(after.at(-1)), "aim: 3.5 s");
    line("not missed", String(up - (COUNT - VANISHING)), `of ${VANISHING}`);
    line("falsely lost", String(COUNT - VANISHING - (await clients.counts()).up), "aim: 0");
  } finally {
    await scope.end();
  }
}

async function measureFlood(program: string): Promise<void> {
  const scope = new Scope();
  try {
    const bare = await measureBareFlood(program);
    const { subject, clients, port } = await populated(scope, program);
    const before = await subject.report();
    const dropped = subject.droppedAt(port);
    const heartbeats = (await clients.counts()).heartbeats;
    const quiet = await share(subject, () => pass(5_000));
    const quietBeats = (await clients.counts()).heartbeats - heartbeats;
    const answered = (await subject.report()).datagrams;
    let [sent, suspectsAtFirst] = [0, 0];
    const flooded = await share(subject, async () => {
      const flood = clients.flood(FLOOD_PER_SECOND, FLOOD_SECONDS);
      // INITs of a return are answered, and before the flood is known it is read.
      await pass(FLOOD_BEGIN_MILLIS);
      suspectsAtFirst = (await subject.report()).suspects - before.suspects;
      ({ sent } = await flood);
    });
    const droppedNow = subject.droppedAt(port) - dropped;
    const during = await subject.report();
    // Losses come to light only now.
    await pass(LOST_LIMIT_MILLIS);
    const after = await subject.report();
    const perSecond = (packets: number): string => (packets / FLOOD_SECONDS).toFixed(0);
    const percent = (value: number): string => `${(value * 100).toFixed(1)} %`;
    line("without a flood, server's CPU", percent(quiet), `${(quietBeats / 5).toFixed(0)} heartbeats/s`);
    line("INITs sent a second", perSecond(sent));
    line(
      "datagrams taken a second",
      perSecond(during.datagrams - answered),
      "answers to heartbeats among them",
    );
    line("dropped by the kernel a second", perSecond(droppedNow), "the server's socket was full");
    line("in a flood, server's CPU", percent(flooded), "of a core; aim: below 60 %");
    line(
      "bare UDP in Node, the same flood",
      percent(bare),
      `nothing is done with it; ours ${ratio(flooded, bare)}`,
    );
    line("healthy peers lost", String(after.lostAt.length - before.lostAt.length), `of ${COUNT}; aim: 0`);
    const suspects = after.suspects - before.suspects;
    line("suspected meanwhile", String(suspects), `${suspectsAtFirst} in the first ${FLOOD_BEGIN_MILLIS} ms`);
  } finally {
    await scope.end();
  }
}

/** The share of a core that Node takes only to read such a flood. */
async function measureBareFlood(program: string): Promise<number> {
  const scope = new Scope();
  try {
    const [subject, { port }] = await Subject.start(scope, BARE_SERVER, []);
    const clients = await Load.start(scope, program, port, 1);
    return await share(subject, () => clients.flood(FLOOD_PER_SECOND, FLOOD_SECONDS));
  } finally {
    await scope.end();
  }
}

/** The server's share of a core while `work` goes on. */
async function share(subject: Subject<SubjectReport>, work: () => Promise<unknown>): Promise<number> {
  const [begun, spent] = [performance.now(), subject.processorMillis];
  await work();
  return (subject.processorMillis - spent) / (performance.now() - begun);
}

const scope = new Scope();
title(`SCTP over UDP, ${VANISHING} of ${COUNT} peers vanish at once (default settings)`);
const program = buildLoad(scope);
if (program !== undefined) {
  await measureVanishing(program);
  title(`SCTP over UDP, ${FLOOD_PER_SECOND} INITs a second while ${COUNT} peers are up (default settings)`);
  await measureFlood(program);
}
await scope.end();
