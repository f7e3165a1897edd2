import { readFile } from "node:fs/promises";
import { OrangeryError } from "../../../errors.ts";
import type { CeleryAppOptions } from "../../../fleet/celery/app/celery-options.ts";
import { displayPath, fromCaller } from "../../options/caller-paths.ts";

type Setting = (value: never) => Partial<CeleryAppOptions>;

/** The settings of a Celery app that matter to its workers, by their names there. */
const settings: Readonly<Record<string, Setting>> = {
  result_expires: (seconds: number | null) => ({ resultExpiresMs: 1000 * (seconds ?? 0) }),
  result_extended: (resultExtended: boolean) => ({ resultExtended }),
  task_ignore_result: (ignoreResult: boolean) => ({ ignoreResult }),
  task_store_errors_even_if_ignored: (stores: boolean) => ({ storeErrorsEvenIfIgnored: stores }),
  task_track_started: (trackStarted: boolean) => ({ trackStarted }),
  task_acks_late: (acksLate: boolean) => ({ acksLate }),
  task_reject_on_worker_lost: (rejects: boolean) => ({ rejectOnWorkerLost: rejects }),
  task_time_limit: (seconds: number) => ({ timeLimitMs: 1000 * seconds }),
  task_soft_time_limit: (seconds: number) => ({ softTimeLimitMs: 1000 * seconds }),
  task_default_queue: (defaultQueue: string) => ({ defaultQueue }),
  task_default_queue_type: (queueType: "classic" | "quorum") => ({ queueType }),
  task_queue_max_priority: (queueMaxPriority: number | null) => ({
    queueMaxPriority: queueMaxPriority ?? undefined,
  }),
  broker_native_delayed_delivery_queue_type: (nativeDelayQueueType: "classic" | "quorum") => ({
    nativeDelayQueueType,
  }),
  result_persistent: (resultPersistent: boolean) => ({ resultPersistent }),
  task_routes: (routes: Readonly<Record<string, string | { readonly queue: string }>>) => ({
    routes: Object.fromEntries(
      Object.entries(routes).map(([task, route]) => [
        task,
        typeof route === "string" ? route : route.queue,
      ]),
    ),
  }),
  worker_send_task_events: (sendTaskEvents: boolean) => ({ sendTaskEvents }),
  broker_transport_options: (options: TransportOptions) => ({
    ...(options.global_keyprefix !== undefined && { globalKeyPrefix: options.global_keyprefix }),
    ...(options.visibility_timeout !== undefined && {
      visibilityTimeoutMs: 1000 * options.visibility_timeout,
    }),
    ...(options.priority_steps !== undefined && { prioritySteps: options.priority_steps }),
  }),
  result_backend_transport_options: (options: TransportOptions) => ({
    ...(options.global_keyprefix !== undefined && { resultKeyPrefix: options.global_keyprefix }),
  }),
};

interface TransportOptions {
  readonly global_keyprefix?: string;
  readonly visibility_timeout?: number;
  readonly priority_steps?: readonly number[];
}

/**
 * Reads a file with settings of a Celery app: a JSON object, by the names that Celery has for them.
 *
 * @throws `INVALID_ARGUMENT`
 */
export async function readCeleryConfig(path: string): Promise<Partial<CeleryAppOptions>> {
  const file = fromCaller(path);
  let given: Record<string, never>;
  try {
    given = JSON.parse(await readFile(file, "utf8"));
  } catch (cause) {
    throw unusable(path, `${cause instanceof Error ? cause.message : cause}`, cause);
  }
  const options: Partial<CeleryAppOptions>[] = [];
  for (const [name, value] of Object.entries(given)) {
    const setting = Object.hasOwn(settings, name) ? settings[name] : undefined;
    if (setting === undefined) {
      throw unusable(path, `\`${name}\`, which is none of ${Object.keys(settings).join(", ")}`);
    }
    options.push(setting(value));
  }
  return Object.assign({}, ...options);
}

function unusable(path: string, came: string, cause?: unknown): OrangeryError {
  return new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected settings of Celery as JSON in ${displayPath(fromCaller(path))}, got ${came}.`,
    { cause, details: { option: "celery-config" } },
  );
}
