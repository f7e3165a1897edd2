/** Checks line coverage of every folder of `src/` against a floor, from coverage/lcov.info. */
import { readFileSync } from "node:fs";

const floorPercent = 85;

const folders = new Map<string, { found: number; hit: number }>();
let current: { found: number; hit: number } | undefined;
for (const line of readFileSync("coverage/lcov.info", "utf8").split("\n")) {
  const [key, value = ""] = line.split(":");
  if (key === "SF") {
    const folder =
      /(?:^|\/)src\/(?:([^/]+)\/)?[^/]*$/.exec(value.replaceAll("\\", "/"))?.[1] ?? "(root)";
    current = folders.get(folder) ?? { found: 0, hit: 0 };
    folders.set(folder, current);
  }
  if (key === "LF") current!.found += Number(value);
  if (key === "LH") current!.hit += Number(value);
}

const tooLow: string[] = [];
for (const [folder, { found, hit }] of [...folders].sort()) {
  const percent = (100 * hit) / Math.max(1, found);
  console.log(
    `${folder.padEnd(12)} ${percent.toFixed(1).padStart(5)} %  (${hit} of ${found} lines)`,
  );
  if (percent < floorPercent) tooLow.push(folder);
}
if (tooLow.length > 0 || folders.size === 0) {
  console.error(
    `Expected at least ${floorPercent} % of lines in every folder; ` +
      `too low: ${tooLow.join(", ") || "nothing was measured"}.`,
  );
  process.exitCode = 1;
}
