import { readFile } from "node:fs/promises";
import {
  checkOptions,
  type Expectation,
  numberFrom,
  optionsByName,
  text,
  trueOrFalse,
  wholeNumberFrom,
} from "../../../base/check-options.ts";
import { OrangeryError } from "../../../errors.ts";
import {
  type CeleryAppOptions,
  nameOfQueue,
  queueTypes,
  wholeNumbers,
} from "../../../fleet/celery/app/celery-options.ts";
import { displayPath, fromCaller } from "../../options/caller-paths.ts";

type Option = keyof CeleryAppOptions;
type Options = Partial<CeleryAppOptions>;

/** A setting of a Celery app: what it has to be, and what it is here. */
interface Setting {
  readonly expectation: Expectation;
  readonly toOptions: (value: never) => Options;
  /** What Python's None means. Default: as if the setting were not there. */
  readonly ofNone?: Options;
}

type Settings = Readonly<Record<string, Setting>>;

/** The settings of a Celery app that matter to its workers, by their names there. */
const settings: Settings = {
  result_expires: { ...seconds("resultExpiresMs", 0), ofNone: { resultExpiresMs: 0 } },
  result_extended: same("resultExtended"),
  task_ignore_result: same("ignoreResult"),
  task_store_errors_even_if_ignored: same("storeErrorsEvenIfIgnored"),
  task_track_started: same("trackStarted"),
  task_acks_late: same("acksLate"),
  task_reject_on_worker_lost: same("rejectOnWorkerLost"),
  task_time_limit: seconds("timeLimitMs"),
  task_soft_time_limit: seconds("softTimeLimitMs"),
  task_default_queue: same("defaultQueue", nameOfQueue),
  task_default_queue_type: same("queueType", queueTypes),
  task_queue_max_priority: same("queueMaxPriority", wholeNumberFrom(1)),
  broker_native_delayed_delivery_queue_type: same("nativeDelayQueueType", queueTypes),
  result_persistent: same("resultPersistent"),
  task_routes: {
    expectation: {
      expected: 'an object as in {"plants.count": {"queue": "gpu"}}, with whole names of tasks',
      holds: (value) =>
        optionsByName.holds(value) &&
        Object.entries(value as Routes).every(
          ([task, route]) => !/[*?[]/.test(task) && nameOfQueue.holds(queueOf(route)),
        ),
    },
    toOptions: (routes: Routes) => ({
      routes: Object.fromEntries(
        Object.entries(routes).map(([task, route]) => [task, queueOf(route)]),
      ),
    }),
  },
  worker_send_task_events: same("sendTaskEvents"),
  broker_transport_options: several({
    global_keyprefix: same("globalKeyPrefix", text("a text")),
    visibility_timeout: seconds("visibilityTimeoutMs"),
    priority_steps: same("prioritySteps", wholeNumbers),
  }),
  result_backend_transport_options: several({
    global_keyprefix: same("resultKeyPrefix", text("a text")),
  }),
};

type Routes = Readonly<Record<string, string | { readonly queue: string }>>;

function queueOf(route: Routes[string]): string {
  return typeof route === "string" ? route : route?.queue;
}

function same(option: Option, expectation: Expectation = trueOrFalse): Setting {
  return { expectation, toOptions: (value) => ({ [option]: value }) };
}

function seconds(option: Option, least = 0.001): Setting {
  return {
    expectation: numberFrom(least),
    toOptions: (value: number) => ({ [option]: 1000 * value }),
  };
}

function several(inner: Settings): Setting {
  return { expectation: optionsByName, toOptions: (given) => readSettings(inner, given) };
}

/**
 * Reads a file with settings of a Celery app: a JSON object, by the names that Celery has for them.
 *
 * @throws `INVALID_ARGUMENT`
 */
export async function readCeleryConfig(path: string): Promise<Options> {
  const file = fromCaller(path);
  try {
    const given = JSON.parse(await readFile(file, "utf8"));
    checkOptions({ settings: given }, optionsByName);
    return readSettings(settings, given);
  } catch (cause) {
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      `The settings of Celery in ${displayPath(file)} cannot be used. ${(cause as Error).message}`,
      { cause, details: { option: "celery-config" } },
    );
  }
}

/** Another setting would have no effect, so that it is refused. */
function readSettings(known: Settings, given: object): Options {
  const options = Object.entries(given).map(([name, value]) => {
    const setting = Object.hasOwn(known, name) ? known[name] : undefined;
    if (setting === undefined) {
      const names = Object.keys(known).join(", ");
      throw new Error(`Expected settings of ${names}, got \`${name}\`.`);
    }
    if (value === null) return setting.ofNone ?? {};
    checkOptions({ [name]: value }, setting.expectation);
    return setting.toOptions(value as never);
  });
  return Object.assign({}, ...options);
}
