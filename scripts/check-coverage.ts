/** Checks the line coverage of each layer, a folder of `src/`, from coverage/lcov.info. */
import { readFileSync } from "node:fs";

const floorPercent = 85;

const layers = new Map<string, { found: number; hit: number }>();
let current: { found: number; hit: number } | undefined;
for (const line of readFileSync("coverage/lcov.info", "utf8").split("\n")) {
  const [key, value = ""] = line.split(":");
  if (key === "SF") {
    // A layer has rooms, so its files lie at any depth.
    const path = value
      .replaceAll("\\", "/")
      .split(/(?:^|\/)src\//)
      .at(-1)!;
    const layer = path.includes("/") ? path.slice(0, path.indexOf("/")) : "(root)";
    current = layers.get(layer) ?? { found: 0, hit: 0 };
    layers.set(layer, current);
  }
  if (key === "LF") current!.found += Number(value);
  if (key === "LH") current!.hit += Number(value);
}

const tooLow: string[] = [];
for (const [layer, { found, hit }] of [...layers].sort()) {
  const percent = (100 * hit) / Math.max(1, found);
  console.log(
    `${layer.padEnd(12)} ${percent.toFixed(1).padStart(5)} %  (${hit} of ${found} lines)`,
  );
  if (percent < floorPercent) tooLow.push(layer);
}
if (tooLow.length > 0 || layers.size === 0) {
  console.error(
    `Expected at least ${floorPercent} % of lines in every layer; ` +
      `too low: ${tooLow.join(", ") || "nothing was measured"}.`,
  );
  process.exitCode = 1;
}
