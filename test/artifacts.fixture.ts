/**
 * A process of artifacts.test.ts: loads the given models on the CPU, one after the other,
 * looks at a black photo with each, and prints what it saw. With `hold` it then waits for a line to
 * look once more.
 */
import { once } from "node:events";
import { type Logger, silentLogger } from "../src/logger.ts";
import { ModelCache } from "../src/models/cache/model-cache.ts";
import { blackPhoto } from "../src/models/yolo/tiny-yolo.fixture.ts";

const [hold, ...files] = process.argv.slice(2);
const warnings: string[] = [];
const logger: Logger = { ...silentLogger, warn: (_, message) => warnings.push(message) };
const fromArtifact: boolean[] = [];
const scores: number[] = [];

await using cache = new ModelCache({
  models: Object.fromEntries(files.map((file, index) => [`model ${index}`, file])),
  device: "cpu",
  logger,
});
cache.on("model:load", (event) => fromArtifact.push(event.fromArtifact));
for (let index = 0; index < files.length; index += 1) await look(index);
if (hold === "hold") {
  process.stdout.write("loaded\n");
  await once(process.stdin, "data");
  process.stdin.destroy();
  await look(0);
}
process.stdout.write(`${JSON.stringify({ fromArtifact, scores, warnings })}\n`);

async function look(index: number): Promise<void> {
  await using lease = await cache.acquire(`model ${index}`);
  const { detections } = await lease.model.predict(blackPhoto);
  scores.push(...detections.scores);
}
