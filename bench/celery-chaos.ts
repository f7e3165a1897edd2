/**
 * 1,000 tasks from Python, four worker processes, one of which is killed after every 40 results, or
 * as many as are given, and a broker that is killed once: `node bench/celery-chaos.ts 100`, or
 * `node bench/celery-chaos.ts 100 rabbitmq`. By results, not by time: small photos take
 * milliseconds. Its status is 1 unless every result is there, once.
 */

import { runCeleryChaos } from "../test/celery-chaos.fixture.ts";
import { findCelery } from "../test/servers/celery-python.ts";

const celery = findCelery();
if ("missing" in celery) throw new Error(celery.missing);
const photos = 1_000;
const outcome = await runCeleryChaos({
  ...celery,
  broker: process.argv[3] === "rabbitmq" ? "rabbitmq" : "redis",
  photos,
  processes: 4,
  killAfter: { ms: 10, results: Number(process.argv[2] ?? 40) },
});
console.log(JSON.stringify(outcome, null, 2));
const isWhole =
  outcome.states.SUCCESS === photos &&
  outcome.photos === photos &&
  outcome.results === photos &&
  outcome.failures === 0 &&
  outcome.left === 0;
process.exitCode = isWhole ? 0 : 1;
