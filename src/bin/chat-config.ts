import type { Command } from "commander";
import { EXIT } from "../chat/exit-codes.ts";
import { configurationFile } from "../io/profile.ts";
import { CHAT_KEYS, readChatConfiguration } from "../service/chat-configuration.ts";
import type { ChatOptions, Typed } from "./chat-run.ts";

/** The options with what chat.toml says where the user typed nothing. Errors: ConfigurationError. */
export function withConfiguration(options: ChatOptions, isTyped: Typed): ChatOptions {
  const file = readChatConfiguration(configurationFile(process.env), options.profile);
  const said = {
    nick: file.nickname,
    registry: file.registry,
    interface: file.interface,
    port: file.port,
    encapsulationPort: file.encapsulationPort,
    legacy: file.legacy,
    onMessage: file.onMessage,
    retention: file.retention,
    downloads: file.downloads,
    acceptFiles: file.acceptFiles,
    acceptFilesUpTo: file.acceptFilesUpTo,
    acceptFilesPerDay: file.acceptFilesPerDay,
    messagesPerDay: file.messagesPerDay,
    autoAway: file.autoAway,
    bell: file.bell,
    notify: file.notify,
  };
  const counts = Object.entries(said).filter(
    ([name, value]) => value !== undefined && !isTyped(name as keyof ChatOptions),
  );
  return { ...options, ...(Object.fromEntries(counts) as Partial<ChatOptions>) };
}

/** Adds `config`; `ended` takes the exit code. */
export function addConfigCommands(program: Command, ended: (code: number) => void): void {
  const config = program.command("config").description("your settings in chat.toml");
  const file = configurationFile(process.env);
  const read = () => readChatConfiguration(file, program.opts<{ profile?: string }>().profile);
  config
    .command("show", { isDefault: true })
    .description("print what chat.toml says, and where it is")
    .action(() => {
      const settings = read();
      const lines = CHAT_KEYS.flatMap(([name, field]) => {
        const value = settings[field];
        return value === undefined ? [] : [`${name} = ${shown(value)}`];
      });
      process.stdout.write(`${[`# ${file}`, ...lines].join("\n")}\n`);
      ended(EXIT.ok);
    });
  config
    .command("check")
    .description("say whether chat.toml is right; if not, where it is wrong")
    .action(() => {
      read();
      process.stdout.write(`${file}: ok\n`);
      ended(EXIT.ok);
    });
}

/** As TOML has it: JSON's texts, numbers and lists are TOML's, too. */
function shown(value: unknown): string {
  if (!Array.isArray(value)) return JSON.stringify(value);
  const items = value.map((item) => (typeof item === "string" ? item : item.typed));
  return `[${items.map((item) => JSON.stringify(item)).join(", ")}]`;
}
