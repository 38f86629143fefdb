import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Running } from "../lab/command.ts";
import { programOf } from "../support/programs.ts";

const PROJECT = new URL("../..", import.meta.url).pathname;
const NODE = join(PROJECT, "node_modules/.bin/node");

/** A real registry of this checkout on ports of its own, and the command line of clients for it. */
export class Registry {
  readonly port: number;
  readonly encapsulationPort: number;
  readonly directory: string;
  #daemon: Running;

  private constructor(options: { port: number; encapsulationPort: number; directory: string }) {
    this.port = options.port;
    this.encapsulationPort = options.encapsulationPort;
    this.directory = options.directory;
    this.#daemon = this.#start();
  }

  /** `realm`: what it calls itself; without it the name of this host. */
  static async start({ realm }: { realm?: string } = {}): Promise<Registry> {
    const directory = await mkdtemp(join(tmpdir(), "multiproto-test-"));
    const [port, encapsulationPort] = [await freePort(), await freePort()];
    const named = realm === undefined ? "" : `realm = "${realm}"\n`;
    const config = `[network]\n${named}port = ${port}\nencapsulation-port = ${encapsulationPort}\n`;
    await writeFile(join(directory, "multiproto.toml"), config);
    const registry = new Registry({ port, encapsulationPort, directory });
    await registry.#ready();
    return registry;
  }

  /** The command line of a client; its files are in a directory of its own. */
  client(
    profile: string,
    ...rest: readonly string[]
  ): { argv: string[]; environment: Record<string, string> } {
    const ports = ["--port", `${this.port}`, "--encapsulation-port", `${this.encapsulationPort}`];
    const files = join(this.directory, profile);
    const environment = { XDG_STATE_HOME: files, XDG_DATA_HOME: join(files, "data"), LC_ALL: "C.UTF-8" };
    return { argv: [NODE, programOf("multiproto-chat"), ...ports, ...rest], environment };
  }

  /** Runs a client that is no terminal program, with the files of its `--nick`. */
  run(...rest: readonly string[]): Running {
    const { argv, environment } = this.client(profileOf(rest), ...rest);
    return new Running(argv, { environment });
  }

  /** With input: its standard input is this text. */
  runWith(input: string, ...rest: readonly string[]): Running {
    const { argv, environment } = this.client(profileOf(rest), ...rest);
    return new Running(argv, { environment, input });
  }

  /** Runs multiprotoctl at this registry. */
  ctl(...argv: readonly string[]): Running {
    const socket = join(this.directory, "run", "control.sock");
    return new Running([NODE, programOf("multiprotoctl"), "--socket", socket, ...argv]);
  }

  async kill(): Promise<void> {
    await this.#daemon.stop("SIGKILL");
  }

  async stop(): Promise<void> {
    await this.#daemon.stop("SIGTERM");
  }

  async startAgain(): Promise<void> {
    this.#daemon = this.#start();
    await this.#ready();
  }

  async dispose(): Promise<void> {
    await this.kill();
    await rm(this.directory, { recursive: true, force: true });
  }

  #start(): Running {
    const at = (name: string): string => join(this.directory, name);
    const places = [
      "--config",
      at("multiproto.toml"),
      "--state-dir",
      at("state"),
      "--runtime-dir",
      at("run"),
    ];
    return new Running([NODE, programOf("multiprotod"), ...places]);
  }

  async #ready(): Promise<void> {
    await this.#daemon.output((text) => text.includes(" ready "), "the registry is ready");
  }
}

/** Whoever goes by a name of their own is another person. */
function profileOf(argv: readonly string[]): string {
  return argv[argv.indexOf("--nick") + 1 || argv.length] ?? "script";
}

function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "0.0.0.0", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
