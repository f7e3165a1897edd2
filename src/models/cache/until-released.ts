import type { Logger } from "../../logger.ts";
import type { CachedModel } from "./cached-model.ts";

/** A task may take a while; a lost lease never ends. */
const defaultWarnAfterMs = 5000;

/**
 * Waits until models are released, since their users may be at work. If a lease is never disposed,
 * because an error skipped it, a warning follows after a while. Once the process has nothing else
 * to do, nobody can give it back: then its model is released with a warning. Otherwise Node would
 * end with status 13 and no reason.
 */
export async function untilReleased(
  models: readonly CachedModel[],
  {
    logger,
    warnAfterMs = defaultWarnAfterMs,
  }: { readonly logger: Logger; readonly warnAfterMs?: number },
): Promise<void> {
  const held = () => models.filter(({ users }) => users > 0);
  const warn = () => {
    logger.warn(
      { models: held().map(toLeases) },
      "a disposed model cache waits for models that are still leased",
    );
  };
  const release = () => {
    const lost = held();
    if (lost.length === 0) return;
    const leases = lost.map(toLeases);
    logger.warn(
      { models: leases },
      "models that are still leased are released: nothing is left that could give them back",
    );
    const names = leases.map(({ name, leases: count }) => `\`${name}\` (${count})`).join(", ");
    process.emitWarning(
      `A model cache was disposed while leases were held of ${names}, and nothing is left ` +
        "that could give them back: the models are released. " +
        "Dispose every lease, as `await using` does.",
      "OrangeryWarning",
    );
    for (const cached of lost) cached.releaseAnyway();
  };
  const timer = setTimeout(warn, warnAfterMs).unref();
  process.on("beforeExit", release);
  try {
    await Promise.all(models.map(({ released }) => released));
  } finally {
    clearTimeout(timer);
    process.off("beforeExit", release);
  }
}

function toLeases({ name, workerId, users }: CachedModel) {
  return { name, workerId, leases: users };
}
