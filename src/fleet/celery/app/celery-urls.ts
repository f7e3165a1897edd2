import { hasUnencodedPassword, urlScheme } from "../../../base/url.ts";
import { OrangeryError } from "../../../errors.ts";
import { checkConnection } from "../../queue/redis-connection.ts";

export type BrokerKind = "redis" | "rabbitmq";
export type BackendKind = "redis" | "rpc" | "database";

/** The kind of a checked `broker_url`. */
export function kindOfBroker(url: string): BrokerKind {
  return /^rediss?:/i.test(url) ? "redis" : "rabbitmq";
}

/** The kind of a checked `result_backend`. */
export function kindOfBackend(url: string): BackendKind {
  if (/^rediss?:/i.test(url)) return "redis";
  return /^rpc:/i.test(url) ? "rpc" : "database";
}

/**
 * The URLs of the nodes of one RabbitMQ, as Kombu writes them: separated by semicolons, with
 * `pyamqp` for `amqp`, and the virtual host `/` as a second slash, or not at all.
 */
export function amqpUrls(broker: string): readonly string[] {
  return broker.split(";").map((url) => url.trim().replace(/^py(?=amqp)/i, ""));
}

/** @throws `INVALID_ARGUMENT`, without the URL, which may contain a password */
export function checkBrokerUrl(url: string): void {
  const scheme = urlScheme(String(url));
  if (scheme === "redis" || scheme === "rediss") {
    checkConnection(url, "--broker or `broker`");
    return;
  }
  const isAmqp = /^(py)?amqps?$/.test(scheme ?? "");
  const nodes = isAmqp ? amqpUrls(url) : [];
  const isWhole = nodes.every((node) => /^amqps?:$/.test(URL.parse(node)?.protocol ?? ""));
  if (isAmqp && isWhole && !nodes.some(hasUnencodedPassword)) return;
  throw refused(
    "broker",
    "a Redis, redis://… or rediss://…, or a RabbitMQ, amqp://… or amqps://…",
    isAmqp ? "one whose parts are not percent-encoded, or that cannot be read" : nameOf(scheme),
  );
}

/** @throws `INVALID_ARGUMENT`, without the URL, which may contain a password */
export function checkBackendUrl(url: string, broker: string): void {
  const scheme = urlScheme(String(url));
  if (scheme === "redis" || scheme === "rediss") {
    checkConnection(url, "--result-backend or `resultBackend`");
    return;
  }
  if (scheme === "rpc" && kindOfBroker(broker) === "rabbitmq") return;
  const isDatabase = /^db\+postgres(ql)?(\+\w+)?$/.test(scheme ?? "");
  if (isDatabase && !hasUnencodedPassword(url)) return;
  throw refused(
    "resultBackend",
    "a Redis, redis://… or rediss://…, a PostgreSQL, db+postgresql://…, " +
      "or, with a broker on RabbitMQ, rpc://",
    isDatabase ? "one whose password is not percent-encoded" : nameOf(scheme),
  );
}

function nameOf(scheme: string | undefined): string {
  return scheme === undefined ? "something else" : `${scheme}://…`;
}

function refused(option: string, expected: string, came: string): OrangeryError {
  return new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected \`${option}\` of the Celery app to be ${expected}, got ${came}. No other is served.`,
    { details: { option } },
  );
}
