import { systemClock } from "../../src/io/clock.ts";
import { systemRandom } from "../../src/io/random.ts";
import { SctpDriver } from "../../src/io/sctp-driver.ts";
import { UdpEncapsulation } from "../../src/io/sctp-udp.ts";
import { DEFAULT_SCTP_SETTINGS, type Path, type SctpEvent, type SctpSettings } from "../../src/sctp/api.ts";
import { createSctpEndpoint } from "../../src/sctp/index.ts";
import { type Owner, Watched } from "../support/until.ts";

interface SpeakerOptions {
  readonly sctpPort: number;
  readonly ipv6Address?: string;
  readonly settings?: Partial<SctpSettings>;
}

/** An endpoint on real sockets in the test's own process, with every event it has had. */
export class Speaker {
  readonly events: SctpEvent[] = [];
  readonly watched = new Watched();
  readonly driver: SctpDriver;
  readonly #transport: UdpEncapsulation;

  private constructor(driver: SctpDriver, transport: UdpEncapsulation) {
    this.driver = driver;
    this.#transport = transport;
  }

  static async open(owner: Owner, options: SpeakerOptions): Promise<Speaker> {
    const driver = new SctpDriver({
      endpoint: createSctpEndpoint({
        localPort: options.sctpPort,
        settings: { ...DEFAULT_SCTP_SETTINGS, ...options.settings },
        random: systemRandom,
        now: systemClock.now(),
      }),
      clock: systemClock,
      onEvent: (event) => {
        speaker.events.push(event);
        speaker.watched.changed();
      },
    });
    const { ipv6Address } = options;
    const transport = await UdpEncapsulation.open({
      address: "127.0.0.1",
      ...(ipv6Address === undefined ? {} : { ipv6Address }),
      port: 0,
      sink: driver.receive,
    });
    driver.attach(transport);
    const speaker = new Speaker(driver, transport);
    owner.after(() => driver.close());
    return speaker;
  }

  get outerPort(): number {
    return this.#transport.port;
  }

  get transport(): UdpEncapsulation {
    return this.#transport;
  }

  associate(address: string, outerPort: number, sctpPort: number): void {
    this.driver.connect({ via: "udp", address, outerPort, local: "" }, sctpPort);
  }

  /** The path of the association that is up first. */
  up(millis?: number): Promise<Path> {
    const find = () => this.events.find((event) => event.type === "up")?.path;
    return this.watched.until("an association", find, millis);
  }

  /** The text of the first message. */
  async message(): Promise<string> {
    const find = () => this.events.find((event) => event.type === "message")?.bytes;
    return Buffer.from(await this.watched.until("a message", find)).toString();
  }
}
