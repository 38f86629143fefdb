import { type Command, Option } from "commander";
import type { RestrictionLevel } from "../chat/restrictions.ts";
import { systemClock } from "../io/clock.ts";
import { changeTrustedKeys } from "../service/trust-keys.ts";
import {
  runFingerprint,
  runTrustAccept,
  runTrustForget,
  runTrustList,
  runTrustRestrict,
  type TrustContext,
} from "../tui/trust.ts";
import type { Whose } from "../tui/trust-changes.ts";
import { type ChatOptions, openProfile } from "./chat-run.ts";

interface WhoseOptions {
  readonly json?: boolean;
  readonly kind?: Exclude<Whose, undefined>;
}

/** Adds `fingerprint` and `trust` to multiproto-chat; `ended` takes the exit code. */
export function addTrustCommands(
  program: Command,
  options: () => ChatOptions,
  ended: (code: number) => void,
): void {
  const context = (json = false): TrustContext => {
    const { version } = options();
    const streams = { output: process.stdout, errors: process.stderr };
    const { profile, socketPath } = openProfile(options());
    const keys = { pins: profile.pins, socketPath, version, clock: systemClock };
    const changeKeys: TrustContext["changeKeys"] = (choose) => changeTrustedKeys(keys, choose);
    return { profile, changeKeys, clock: systemClock, ...streams, json };
  };
  program
    .command("fingerprint")
    .description("print the fingerprint of your key, to be read to others")
    .option("--json", "as JSON")
    .action(async ({ json }: { json?: boolean }) => ended(await runFingerprint(context(json))));
  const trust = program.command("trust").description("the keys of people and registries that are trusted");
  trust
    .command("list", { isDefault: true })
    .description("print them, and those that were refused")
    .option("--json", "as JSON")
    .action(({ json }: { json?: boolean }) => ended(runTrustList(context(json))));
  withWhose(trust.command("accept"))
    .description("trust the key that came last under NAME; with FINGERPRINT only if it is that one")
    .argument("<name>", "nickname, or a registry's realm or host")
    .argument("[fingerprint...]", "the digits that the other person reads to you")
    .action(async (name: string, spoken: readonly string[], options: WhoseOptions) => {
      const how = { name, whose: options.kind, spoken: spoken.length === 0 ? undefined : spoken.join(" ") };
      ended(await runTrustAccept(context(options.json), how));
    });
  withWhose(trust.command("forget"))
    .description("forget the key of NAME: the next one is taken as the first")
    .argument("<name>", "nickname, or a registry's realm or host")
    .action(async (name: string, options: WhoseOptions) => {
      ended(await runTrustForget(context(options.json), { name, whose: options.kind }));
    });
  for (const { word, level, lifts, description } of RESTRICTING)
    trust
      .command(word)
      .description(description)
      .argument("<name>", "nickname")
      .option("--json", "as JSON")
      .action(async (name: string, { json }: { json?: boolean }) =>
        ended(await runTrustRestrict(context(json), { name, level, lifts })),
      );
}

const RESTRICTING: readonly {
  readonly word: string;
  readonly level: RestrictionLevel;
  readonly lifts: boolean;
  readonly description: string;
}[] = [
  {
    ...{ word: "ignore", level: "ignored", lifts: false },
    description: "hear nothing of NAME: what comes is stored, and not shown, counted or told to hooks",
  },
  { ...{ word: "unignore", level: "ignored", lifts: true }, description: "hear NAME again" },
  {
    ...{ word: "block", level: "blocked", lifts: false },
    description: "take nothing from NAME and send nothing there",
  },
  { ...{ word: "unblock", level: "blocked", lifts: true }, description: "take what NAME sends again" },
];

function withWhose(command: Command): Command {
  const kind = new Option("--kind <kind>", "whose NAME is, where both have it").choices(["peer", "registry"]);
  return command.option("--json", "as JSON").addOption(kind);
}
