import { once } from "node:events";
import { rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { errorText, SystemError } from "../base/errors.ts";

/** Where metrics can be had: a port of this machine alone, or a Unix socket. */
export type MetricsPlace = { readonly host: string; readonly port: number } | { readonly path: string };

/** Prometheus keeps one connection; beyond these nobody is served. */
const MAX_CONNECTIONS = 8;
/** For a request's head, and for a client that does not read. */
const PATIENCE_MILLIS = 5_000;
const CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Serves `GET /metrics` and nothing else. */
export class MetricsServer {
  readonly #server: Server;
  readonly #place: MetricsPlace;

  private constructor(server: Server, place: MetricsPlace) {
    this.#server = server;
    this.#place = place;
  }

  /** `text` makes them, in Prometheus' text format. Errors: {@link SystemError}. */
  static async open(place: MetricsPlace, text: () => Promise<string>): Promise<MetricsServer> {
    const server = createServer({
      ...{
        headersTimeout: PATIENCE_MILLIS,
        requestTimeout: PATIENCE_MILLIS,
        keepAliveTimeout: PATIENCE_MILLIS,
      },
      maxHeaderSize: 8_192,
    });
    server.maxConnections = MAX_CONNECTIONS;
    server.setTimeout(PATIENCE_MILLIS * 2);
    server.on("request", (request, response) => void answer(request, response, text));
    // One that a killed registry has left behind.
    if ("path" in place) rmSync(place.path, { force: true });
    server.listen("path" in place ? { path: place.path } : { host: place.host, port: place.port });
    try {
      await once(server, "listening");
    } catch (error) {
      const where = "path" in place ? place.path : `${place.host}:${place.port}`;
      throw new SystemError(
        `Cannot serve metrics at ${where}: ${errorText(error)} (choose another by metrics.listen)`,
        "EMETRICS",
      );
    }
    server.on("error", () => undefined);
    return new MetricsServer(server, place);
  }

  /** As bound. */
  get port(): number | undefined {
    const address = this.#server.address();
    return typeof address === "object" ? address?.port : undefined;
  }

  async close(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
    if ("path" in this.#place) rmSync(this.#place.path, { force: true });
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  text: () => Promise<string>,
): Promise<void> {
  request.on("error", () => undefined);
  response.on("error", () => undefined);
  // A body is nothing that is wanted here: it is not read, so the connection is not used again.
  if (request.method !== "GET" || request.url !== "/metrics") {
    response.writeHead(request.method === "GET" ? 404 : 405, { Connection: "close" });
    response.end("GET /metrics\n");
    return;
  }
  try {
    const body = await text();
    response.writeHead(200, { "Content-Type": CONTENT_TYPE });
    response.end(body);
  } catch {
    response.writeHead(503, { Connection: "close" });
    response.end("the registry is not ready\n");
  }
}
