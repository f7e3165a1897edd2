/**
 * Loads models and looks with them, also as a process: `node artifacts.fixture.ts <hold> <file>…`.
 */
import { once } from "node:events";
import { type Logger, silentLogger } from "../src/logger.ts";
import { ModelCache } from "../src/models/cache/model-cache.ts";
import { blackPhoto } from "../src/models/yolo/tiny-yolo.fixture.ts";

export interface Loaded {
  readonly fromArtifact: boolean[];
  readonly scores: number[];
  readonly warnings: string[];
}

/**
 * Loads models on the CPU, one after the other, and looks at a black photo with each.
 *
 * @param beforeLast Awaited when all are loaded; the first model then looks once more.
 */
export async function loadModels(
  files: readonly string[],
  beforeLast?: () => Promise<void>,
): Promise<Loaded> {
  const loaded: Loaded = { fromArtifact: [], scores: [], warnings: [] };
  const logger: Logger = {
    ...silentLogger,
    warn: (_, message) => loaded.warnings.push(message),
  };
  await using cache = new ModelCache({
    models: Object.fromEntries(files.map((file, index) => [`model ${index}`, file])),
    device: "cpu",
    logger,
  });
  cache.on("model:load", ({ fromArtifact }) => loaded.fromArtifact.push(fromArtifact));
  const look = async (index: number) => {
    await using lease = await cache.acquire(`model ${index}`);
    const { detections } = await lease.model.predict(blackPhoto);
    loaded.scores.push(...detections.scores);
  };
  for (const index of files.keys()) await look(index);
  if (beforeLast !== undefined) {
    await beforeLast();
    await look(0);
  }
  return loaded;
}

if (import.meta.main) {
  const [hold, ...files] = process.argv.slice(2);
  const untilLine = async () => {
    process.stdout.write("loaded\n");
    await once(process.stdin, "data");
    process.stdin.destroy();
  };
  const loaded = await loadModels(files, hold === "hold" ? untilLine : undefined);
  process.stdout.write(`${JSON.stringify(loaded)}\n`);
}
