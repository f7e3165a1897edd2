import { hasUnencodedPassword } from "../../../base/url.ts";
import { OrangeryError } from "../../../errors.ts";

/** Where people give the URL of a queue's server, of either kind. */
export const queueUrlPlaces = "--queue-url, ORANGERY_QUEUE_URL or `connection`";

/** Returns the URL of a connection to PostgreSQL; undefined for a connection to Redis. */
export function postgresUrlOf(connection: unknown): string | undefined {
  const isPostgres = typeof connection === "string" && /^postgres(ql)?:\/\//i.test(connection);
  return isPostgres ? connection : undefined;
}

/**
 * Returns a queue's name in PostgreSQL, where BullMQ has no prefixes: `photos`, and
 * `photos/0123456789ab` for the queue of one of its recipes.
 */
export function postgresQueueName({
  queue,
  prefix = "bull",
}: {
  readonly queue: string;
  readonly prefix?: string | undefined;
}): string {
  const [first, ...rest] = prefix.split(":");
  return [...(first === "bull" ? [] : [first]), ...rest, queue].join("/");
}

/** @throws `INVALID_ARGUMENT`, without the URL, which may contain a password */
export function checkPostgresUrl(url: string): void {
  const isUnencoded = hasUnencodedPassword(url);
  if (URL.parse(url) !== null && !isUnencoded) return;
  throw new OrangeryError(
    "INVALID_ARGUMENT",
    "Expected the queue's PostgreSQL as a URL, as in postgres://user:password@host/name, got " +
      (isUnencoded
        ? "one whose password is not percent-encoded. Write / as %2F, # as %23, ? as %3F, " +
          "@ as %40 and % as %25."
        : `one that cannot be read. Check ${queueUrlPlaces}.`),
    { details: { option: "connection" } },
  );
}
