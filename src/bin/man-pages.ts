import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { multiprotoctlProgram } from "../ctl/program.ts";
import { chatFileBody, registryFileBody } from "./man-files.ts";
import { type ManPage, manText, programBody } from "./man-page.ts";
import { chatProgram } from "./multiproto-chat.ts";
import { registryProgram } from "./multiprotod.ts";

/** All manual pages; `project` is the checkout, whose documents say what the files mean. */
export async function manPages(project: string): Promise<readonly ManPage[]> {
  const read = (path: string): string => readFileSync(join(project, path), "utf8");
  const version = String((JSON.parse(read("package.json")) as { version?: unknown }).version);
  const all = [
    "multiprotoctl(1)",
    "multiproto-chat(1)",
    "chat.toml(5)",
    "multiproto.toml(5)",
    "multiprotod(8)",
  ];
  const page = (name: string, section: 1 | 5 | 8, about: string, body: string): ManPage => {
    const others = all.filter((other) => other !== `${name}(${section})`).join(", ");
    const reference = others.replaceAll("-", "\\-");
    return { name, section, about, version, body: `${body}.SH SEE ALSO\n${reference}\n` };
  };
  return [
    page("multiprotod", 8, "the registry of a LAN that chats", programBody(registryProgram())),
    page("multiprotoctl", 1, "steer the multiproto registry", programBody(await multiprotoctlProgram())),
    page("multiproto-chat", 1, "chat with the people on this network", programBody(chatProgram().program)),
    page("multiproto.toml", 5, "settings of the registry", registryFileBody(read("systemd/multiproto.toml"))),
    page("chat.toml", 5, "settings of the chat client", chatFileBody(read("docs/chat.md"))),
  ];
}

// man-pages.js PROJECT DIRECTORY: writes them, as man1/multiprotoctl.1 and so on.
if (import.meta.main) {
  const [project = ".", directory = "man"] = process.argv.slice(2);
  for (const page of await manPages(resolve(project))) {
    const place = join(directory, `man${page.section}`);
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, `${page.name}.${page.section}`), manText(page));
  }
}
