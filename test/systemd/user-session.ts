import type { Finished } from "../lab/command.ts";
import type { SystemdLab } from "../lab/systemd-lab.ts";

/** A person of the lab with a service manager of their own, as after a login. */
export class UserSession {
  readonly #lab: SystemdLab;
  readonly #name: string;
  readonly #uid: string;

  private constructor(lab: SystemdLab, name: string, uid: string) {
    this.#lab = lab;
    this.#name = name;
    this.#uid = uid;
  }

  /** Makes the user and lets them linger: the manager runs without anybody at a keyboard. */
  static async begin(lab: SystemdLab, name: string): Promise<UserSession> {
    await lab.addUser(name);
    const uid = (await lab.must(["id", "-u", name])).trim();
    await lab.must(["loginctl", "enable-linger", name]);
    await lab.waitFor(`user@${uid}.service`, "ActiveState", (state) => state === "active");
    return new UserSession(lab, name, uid);
  }

  /** Runs a line of a shell as that person would type it. */
  exec(line: string): Promise<Finished> {
    return this.#lab.exec(["sh", "-c", `cd && ${line}`], this.#as);
  }

  /** The same; it must succeed. */
  must(line: string): Promise<string> {
    return this.#lab.must(["sh", "-c", `cd && ${line}`], this.#as);
  }

  spawn(line: string) {
    return this.#lab.spawn(["sh", "-c", `cd && ${line}`], this.#as);
  }

  /** Properties of the user unit multiproto-chat, in the order asked. */
  async show(...names: readonly string[]): Promise<string[]> {
    const text = await this.must(`systemctl --user show multiproto-chat --property=${names.join(",")}`);
    const values = new Map(text.split("\n").map((line) => line.split(/=(.*)/s, 2) as [string, string]));
    return names.map((name) => values.get(name) ?? "");
  }

  /** Ends the manager with all that it runs, and begins another, as a restart of the machine would. */
  async loginAgain(): Promise<void> {
    await this.#lab.must(["systemctl", "restart", `user@${this.#uid}.service`]);
  }

  get #as() {
    return { user: this.#name, environment: { XDG_RUNTIME_DIR: `/run/user/${this.#uid}` } };
  }
}
