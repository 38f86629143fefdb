import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { errorCode, errorText, SystemError } from "../base/errors.ts";
import { type ListenWords, listen } from "./listen.ts";

/** Where metrics can be had: a port of this machine alone, or a Unix socket, 0660 as the control socket is. */
export type MetricsPlace = { readonly host: string; readonly port: number } | { readonly path: string };

/** Prometheus keeps one connection; beyond these nobody is served. */
const MAX_CONNECTIONS = 8;
/** For a request's head, and for a client that does not read. */
const PATIENCE_MILLIS = 5_000;
const WORDS: ListenWords = {
  taken: "another program serves at it",
  look: "see: ss -lxp",
  elsewhere: "choose another by metrics.listen",
  denied: "may the registry write to the directory?",
};
const CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Serves `GET /metrics` and nothing else. */
export class MetricsServer {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
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
    try {
      if ("path" in place) await listen(server, place, WORDS);
      else await listenAt(server, place);
    } catch (error) {
      throw new SystemError(`Cannot serve metrics: ${errorText(error)}`, "EMETRICS", { cause: error });
    }
    server.on("error", () => undefined);
    return new MetricsServer(server);
  }

  /** A socket's path goes with it. */
  async close(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }
}

async function listenAt(server: Server, { host, port }: { readonly host: string; readonly port: number }) {
  server.listen({ host, port });
  try {
    await once(server, "listening");
  } catch (error) {
    const text = `Cannot listen on ${host}:${port}: ${errorText(error)} (${WORDS.elsewhere})`;
    throw new SystemError(text, errorCode(error), { cause: error });
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
  } catch (error) {
    response.writeHead(503, { Connection: "close" });
    response.end(`${errorText(error)}\n`);
  }
}
