import { setTimeout as after } from "node:timers/promises";
import { Option } from "commander";
import { MAX_TOP, TOP_ORDERS, type TopOrder, type TopReport } from "../../control/top.ts";
import { type AddCommand, type Context, examples } from "../context.ts";
import { OK } from "../exit-codes.ts";
import { asFailure } from "../failure.ts";
import { type Key, LiveTerminal } from "../live-terminal.ts";
import { whole } from "../options.ts";
import { headLine, roomFor, topScreen, topTable } from "../top-screen.ts";
import { cutTo } from "../width.ts";

/** Between two looks at the registry. */
const REFRESH_MILLIS = 1_000;
/** And after a key. */
const KEY_MILLIS = 50;

interface Options {
  readonly sort: TopOrder;
  readonly once?: boolean;
  readonly lines: number;
}

export const addTop: AddCommand = (program, run) => {
  program
    .command("top")
    .summary("show who costs and suffers what, every second")
    .description(
      "Shows clients with state, path, round-trip time, loss (heartbeats without an answer) and traffic (bytes of SCTP both ways, in all and a second), every second. Keys: s another order, arrows and page keys others, q leave. Goes on when the registry is restarted. With --json one object a line; where the output is no terminal, or with --once, it prints one table and ends.",
    )
    .addOption(
      new Option("--sort <order>", "what comes first")
        .choices(TOP_ORDERS)
        .default("traffic" satisfies TopOrder),
    )
    .option("--once", "print once and end")
    .option(
      "--lines <number>",
      `clients at most, where it is no screen (1 to ${MAX_TOP})`,
      whole(1, MAX_TOP),
      MAX_TOP,
    )
    .addHelpText(
      "after",
      examples("multiprotoctl top --sort loss", "multiprotoctl top --json --lines 10 | jq .clients[0]"),
    )
    .action(
      run(async (context, options: Options) => {
        const { stdin, stdout } = process;
        if (context.output.json) await records(context, options);
        else if (options.once === true || !stdout.isTTY || !stdin.isTTY) await once(context, options);
        else await new Live(context, options.sort).run();
        return OK;
      }),
    );
};

function ask({ registry }: Context, order: TopOrder, skip: number, limit: number): Promise<TopReport> {
  return registry.ask((client) => client.request("top", { order, skip, limit }));
}

async function once(context: Context, { sort, lines }: Options): Promise<void> {
  const report = await ask(context, sort, 0, lines);
  context.output.show({ ...report }, () => [
    context.output.paint("strong", headLine(report)),
    ...topTable(report.clients, undefined, report.time),
  ]);
}

/** Until nobody reads them any more, or the registry ends. */
async function records(context: Context, { sort, lines, once: isOnce = false }: Options): Promise<void> {
  for (;;) {
    context.output.record({ ...(await ask(context, sort, 0, lines)) });
    if (isOnce) return;
    await after(REFRESH_MILLIS);
  }
}

/** The screen, from its first picture until somebody leaves. */
class Live {
  readonly #context: Context;
  readonly #terminal: LiveTerminal;
  readonly #left = Promise.withResolvers<void>();
  #order: TopOrder;
  #skip = 0;
  #report: TopReport | undefined;
  #former: TopReport | undefined;
  /** Instead of the registry's word, when it has none. */
  #trouble: string | undefined;
  #failure: unknown;
  #isOver = false;
  /** Something was pressed since the registry was asked last. */
  #isStale = false;
  /** Ends the pause between two looks. */
  #hurry = new AbortController();

  constructor(context: Context, order: TopOrder) {
    this.#context = context;
    this.#order = order;
    this.#terminal = new LiveTerminal({
      input: process.stdin,
      output: process.stdout,
      onKey: (key) => this.#key(key),
      onResize: () => this.#look(),
    });
  }

  async run(): Promise<void> {
    // What is wrong at the beginning is said on the screen that people come from.
    await this.#refresh();
    if (this.#trouble !== undefined) throw this.#failure;
    this.#terminal.open();
    try {
      await Promise.race([this.#left.promise, this.#turn()]);
    } finally {
      this.#isOver = true;
      this.#hurry.abort();
      this.#terminal.close();
    }
  }

  async #turn(): Promise<void> {
    while (!this.#isOver) {
      this.#draw();
      this.#hurry = new AbortController();
      const { signal } = this.#hurry;
      if (!this.#isStale) await after(REFRESH_MILLIS, undefined, { signal }).catch(() => undefined);
      // A key that is held down is no reason to ask without a pause.
      if (this.#isStale) await after(KEY_MILLIS);
      this.#isStale = false;
      if (!this.#isOver) await this.#refresh();
    }
  }

  async #refresh(): Promise<void> {
    const room = Math.min(MAX_TOP, roomFor(this.#terminal.size.rows));
    const [order, skip] = [this.#order, this.#skip];
    try {
      const report = await ask(this.#context, order, skip, room);
      this.#trouble = undefined;
      this.#former = this.#report;
      this.#report = report;
      // Some may have gone.
      this.#skip = Math.max(0, Math.min(this.#skip, report.total - 1));
    } catch (error) {
      this.#failure = error;
      this.#trouble = asFailure(error).message;
    }
  }

  #draw(): void {
    const { columns, rows } = this.#terminal.size;
    const [order, skip, former] = [this.#order, this.#skip, this.#former];
    const { output } = this.#context;
    const lines =
      this.#report === undefined ? [] : topScreen(this.#report, { order, skip, columns, rows, former });
    if (this.#trouble !== undefined) lines[0] = cutTo(output.plain(this.#trouble), columns);
    const bold = (line: string): string => output.paint("strong", line);
    this.#terminal.show(lines.map((line, index) => (index === 0 || index === 2 ? bold(line) : line)));
  }

  #key(key: Key): void {
    const page = roomFor(this.#terminal.size.rows);
    switch (key) {
      case "leave":
        this.#left.resolve();
        return;
      case "order":
        this.#order = TOP_ORDERS[(TOP_ORDERS.indexOf(this.#order) + 1) % TOP_ORDERS.length] ?? this.#order;
        this.#skip = 0;
        break;
      case "first":
        this.#skip = 0;
        break;
      default:
        this.#move({ up: -1, down: 1, "page-up": -page, "page-down": page }[key]);
    }
    this.#look();
  }

  #move(by: number): void {
    const last = Math.max(0, (this.#report?.total ?? 0) - 1);
    this.#skip = Math.max(0, Math.min(last, this.#skip + by));
  }

  /** Not at the next second, but now. */
  #look(): void {
    this.#isStale = true;
    this.#hurry.abort();
  }
}
