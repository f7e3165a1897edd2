import { OrangeryError } from "../errors.ts";

/** The environment variable that sets the worker id, whatever the worker's name. */
export const workerIdVariable = "ORANGERY_WORKER_ID";

/**
 * A number that counts devices or workers: the word, perhaps `-`, `_` or `:`, the number, and
 * nothing else attached: not `gpu2x`, not `webgpu0`. Three digits at most, and not followed by two
 * more numbers: `worker-20260131` is a date and `worker-10-0-0-3` an address.
 */
const numbered = (words: string) =>
  new RegExp(`(?<![a-z0-9])(?:${words})[-_:]?(\\d{1,3})(?![a-z0-9])(?!(?:[-_.:]\\d+){2})`, "gi");

const deviceNumbers = numbered("gpu|cuda|device");
const workerNumbers = numbered("worker|slot");

/**
 * Reads a worker's id, the number of the device slot that it works on, from its name. Queues name
 * workers `name@host`, or with either alone.
 *
 * | name | id |
 * |---|---|
 * | `gpu0@host`, `worker-1@host`, `celery@gpu2`, `gpu-3` | 0, 1, 2, 3 |
 * | `host`, `web12`, `ip-10-0-3-17`, `desktop-7GHK2`: numbers that count machines | 0 |
 *
 * If there are several candidates, the one that differs between workers of a machine decides:
 * 1. The part before the `@` was chosen for the worker; the part after it is the machine, the same
 *    for all its workers, and is used only if the first has no id: `worker-1@gpu2` is 1. Of a
 *    machine's full name only the first label counts: `celery@gpu2.rack7.example.org` is 2.
 * 2. A device (`gpu`, `cuda`, `device`) takes precedence over a worker (`worker`, `slot`), because
 *    the id is a device's number: `gpu0-worker-3@host` is 0.
 * 3. The last of several of one kind decides, since names go from the general to the particular:
 *    `worker-1-worker-2` is 2.
 *
 * `ORANGERY_WORKER_ID` overrides the name.
 *
 * @param name the worker's name; without one the id is 0
 * @throws `INVALID_ARGUMENT` when `ORANGERY_WORKER_ID` is set to anything but a whole
 *   number from 0 up, the empty text included
 */
export function workerIdFromName(name = "", env: NodeJS.ProcessEnv = process.env): number {
  const override = env[workerIdVariable];
  if (override !== undefined) return parseWorkerId(override);
  const at = name.indexOf("@");
  if (at === -1) return numberIn(firstLabel(name)) ?? 0;
  return numberIn(name.slice(0, at)) ?? numberIn(firstLabel(name.slice(at + 1))) ?? 0;
}

function firstLabel(host: string): string {
  return host.split(".", 1)[0]!;
}

function numberIn(part: string): number | undefined {
  const last = [...part.matchAll(deviceNumbers)].at(-1) ?? [...part.matchAll(workerNumbers)].at(-1);
  return last && Number(last[1]);
}

function parseWorkerId(text: string): number {
  const workerId = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(workerId)) return workerId;
  throw new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected ${workerIdVariable} to be a whole number from 0 up, got \`${text}\`. Set it to the ` +
      "number of the device slot, or unset it to read the worker's name.",
    { details: { variable: workerIdVariable, value: text } },
  );
}
