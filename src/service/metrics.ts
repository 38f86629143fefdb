import type { Gauge as GaugeOf, Metric as MetricOf, Registry as MetricsRegistry } from "prom-client";
import type { Entry } from "../roster/roster.ts";
import { DETECTION_MILLIS, type Detections } from "../roster/tallies.ts";
import { registryReport } from "./reports.ts";
import type { Serving } from "./serving.ts";

export interface MetricsOptions {
  readonly serving: () => Serving | undefined;
  readonly version: string;
}

type Labels = Readonly<Record<string, string>>;
/** One value for each set of labels; the sets are few and known beforehand. */
type Values = Iterable<readonly [labels: Labels, value: number]>;

interface Named {
  readonly name: string;
  readonly help: string;
}

type Metric = Named &
  (
    | {
        readonly type: "counter" | "gauge";
        readonly labels?: readonly string[];
        readonly values: (serving: Serving) => Values;
      }
    /** Has been counted already, where it happened. */
    | { readonly type: "histogram"; readonly counted: (serving: Serving) => Detections }
  );

const QUANTILES = [0.5, 0.9, 0.99] as const;
const NO_LABELS: Labels = {};

/** All but those of Node and the process. Documented in docs/control.md, which a test holds against this. */
export const METRICS: readonly Metric[] = [
  {
    name: "multiproto_clients",
    help: "Clients by protocol and state",
    type: "gauge",
    labels: ["protocol", "state"],
    values: ({ shell }) => clients(shell.registry.clients()),
  },
  {
    name: "multiproto_joins_total",
    help: "Clients that came online, by kind",
    type: "counter",
    labels: ["client"],
    values: ({ shell }) => labelled("client", shell.registry.tallies.joins),
  },
  {
    name: "multiproto_losses_total",
    help: "Clients that went offline, by reason",
    type: "counter",
    labels: ["reason"],
    values: ({ shell }) => labelled("reason", shell.registry.tallies.losses),
  },
  {
    name: "multiproto_suspects_total",
    help: "Clients that missed a heartbeat",
    type: "counter",
    values: ({ shell }) => one(shell.registry.tallies.suspects),
  },
  {
    name: "multiproto_recoveries_total",
    help: "Suspects that answered again",
    type: "counter",
    values: ({ shell }) => one(shell.registry.tallies.recoveries),
  },
  {
    name: "multiproto_detection_seconds",
    help: "Time from the last sign of life of a client until it was declared lost",
    type: "histogram",
    counted: ({ shell }) => shell.registry.tallies.detections,
  },
  {
    name: "multiproto_round_trip_seconds",
    help: "Smoothed round-trip time to clients, by quantile",
    type: "gauge",
    labels: ["quantile"],
    values: roundTrips,
  },
  {
    name: "multiproto_registrations_pending",
    help: "Clients that are being called back",
    type: "gauge",
    values: ({ shell }) => one(shell.registry.counts.pending),
  },
  {
    name: "multiproto_roster_seq",
    help: "Number of the roster's last change in its epoch; starts again with an epoch",
    type: "gauge",
    values: ({ shell }) => one(shell.registry.published.seq),
  },
  {
    name: "multiproto_roster_messages_total",
    help: "Messages of the roster that were sent to clients of mp2: changes, and pages of the whole",
    type: "counter",
    labels: ["kind"],
    values: ({ shell }) => labelled("kind", shell.registry.sent),
  },
  {
    name: "multiproto_input_dropped_total",
    help: "Datagrams, packets and messages that were not taken, by reason",
    type: "counter",
    labels: ["reason"],
    values: (serving) => labelled("reason", registryReport(serving).counters),
  },
  {
    name: "multiproto_nicknames_bound",
    help: "Nicknames that are bound to keys",
    type: "gauge",
    values: ({ state }) => one(state.ledger.counts.bindings),
  },
  {
    name: "multiproto_keys_banned",
    help: "Keys that are kept out",
    type: "gauge",
    values: ({ state }) => one(state.ledger.counts.bans),
  },
  {
    name: "multiproto_store_failing",
    help: "1 while the registry's state cannot be written",
    type: "gauge",
    values: ({ state }) => one(state.ledger.trouble === undefined ? 0 : 1),
  },
];

/** The registry in numbers, in Prometheus' text format. The library is loaded when they are first asked for. */
export class Metrics {
  readonly #options: MetricsOptions;
  #registry: Promise<MetricsRegistry> | undefined;

  constructor(options: MetricsOptions) {
    this.#options = options;
  }

  /** From then on the event loop's delay is measured. */
  async text(): Promise<string> {
    this.#registry ??= this.#make();
    try {
      return await (await this.#registry).metrics();
    } catch (error) {
      // Not for ever: what failed once may be better the next time.
      this.#registry = undefined;
      throw error;
    }
  }

  async #make(): Promise<MetricsRegistry> {
    const { collectDefaultMetrics, Gauge, Registry } = await import("prom-client");
    const registry = new Registry();
    collectDefaultMetrics({ register: registry });
    const info = { name: "multiproto_build_info", help: "Version of the registry", labelNames: ["version"] };
    new Gauge({ ...info, registers: [registry] }).set({ version: this.#options.version }, 1);
    for (const metric of METRICS) await this.#add(registry, metric);
    return registry;
  }

  async #add(registry: MetricsRegistry, metric: Metric): Promise<void> {
    const { Counter, Gauge } = await import("prom-client");
    const { serving } = this.#options;
    const { name, help, type } = metric;
    if (type === "histogram") {
      const counted = (): Detections | undefined => {
        const now = serving();
        return now === undefined ? undefined : metric.counted(now);
      };
      registry.registerMetric(asHistogram(metric, counted));
      return;
    }
    const { labels = [], values } = metric;
    const collect = function (this: Pick<GaugeOf, "reset" | "inc">): void {
      this.reset();
      const now = serving();
      if (now === undefined) return;
      for (const [of, value] of values(now)) this.inc(of, value);
    };
    const configuration = { name, help, labelNames: labels, registers: [registry], collect };
    if (type === "counter") new Counter(configuration);
    else new Gauge(configuration);
  }
}

/** The library's own histogram counts what it is shown, and it is loaded only when somebody asks: too late for most. */
function asHistogram({ name, help }: Named, counted: () => Detections | undefined): MetricOf {
  const type = "histogram";
  const get = async () => {
    const { within, count, sumMillis } = counted() ?? NOTHING_DETECTED;
    const bucket = (le: number | string, value: number) => ({
      metricName: `${name}_bucket`,
      labels: { le },
      value,
    });
    const values = [
      ...within.map((value, index) => bucket((DETECTION_MILLIS[index] ?? 0) / 1_000, value)),
      bucket("+Inf", count),
      { metricName: `${name}_sum`, labels: {}, value: sumMillis / 1_000 },
      { metricName: `${name}_count`, labels: {}, value: count },
    ];
    return { name, help, type, aggregator: "sum", values };
  };
  // Of a metric, a registry uses no more than this.
  return { name, help, type, get } as unknown as MetricOf;
}

const NOTHING_DETECTED: Detections = { within: DETECTION_MILLIS.map(() => 0), count: 0, sumMillis: 0 };

function one(value: number): Values {
  return [[NO_LABELS, value]];
}

function labelled(label: string, counts: Readonly<Record<string, number>>): Values {
  return Object.entries(counts).map(([name, count]) => [{ [label]: name }, count] as const);
}

function clients(all: Iterable<{ readonly entry: Entry }>): Values {
  const counts = new Map<string, number>();
  for (const protocol of ["mp1", "mp2"])
    for (const state of ["joining", "online", "suspect", "returning", "offline"])
      counts.set(`${protocol} ${state}`, 0);
  for (const { entry } of all) {
    const key = `${entry.profile === undefined ? "mp1" : "mp2"} ${entry.presence.state}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts].map(([key, count]) => {
    const [protocol = "", state = ""] = key.split(" ");
    return [{ protocol, state }, count] as const;
  });
}

/** Nothing while nobody has been measured. */
function roundTrips({ shell }: Serving): Values {
  const all: number[] = [];
  for (const { association } of shell.registry.clients()) {
    const rttMillis = association === undefined ? undefined : shell.association(association)?.rttMillis;
    if (rttMillis !== undefined) all.push(rttMillis);
  }
  all.sort((left, right) => left - right);
  if (all.length === 0) return [];
  return QUANTILES.map((quantile) => {
    const value = all[Math.min(all.length - 1, Math.floor(quantile * all.length))] ?? 0;
    return [{ quantile: String(quantile) }, value / 1_000] as const;
  });
}
