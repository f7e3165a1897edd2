/** Checks that imports only point down the layers of docs/architecture.md. */
import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";

/** Highest first. A file may import from its own folder and from those below. */
const layers = [
  "cli",
  "fleet",
  "monitor",
  "tasks",
  "results",
  "pipeline",
  "ledger",
  "models",
  "checkpoint",
  "graph",
  "native",
  "vision",
];
/** Folders that import nothing of the project but what every layer may. */
const selfContained = ["graph", "vision"];
/** In `src/` itself; every layer may import these. */
const shared = ["errors.ts", "logger.ts"];

const root = join(import.meta.dirname, "..", "src");
const violations: string[] = [];

for (const file of globSync("**/*.ts", { cwd: root })) {
  // A test may reach up for what it needs to set itself up.
  if (/\.(test|fixture)\.ts$/.test(file)) continue;
  const [layer] = file.split(sep);
  if (layer === file) continue;
  if (!layers.includes(layer!)) violations.push(`src/${file}: folder ${layer} is no layer`);
  for (const [, specifier] of readFileSync(join(root, file), "utf8").matchAll(
    /(?:from|import)\s*\(?\s*["'](\.[^"']+)["']/g,
  )) {
    const target = relative(root, join(root, dirname(file), specifier!)).split(sep);
    const [targetLayer] = target;
    if (targetLayer === layer || (target.length === 1 && shared.includes(targetLayer!))) continue;
    const down = layers.indexOf(targetLayer!) > layers.indexOf(layer!);
    if (!down || selfContained.includes(layer!)) {
      violations.push(`src/${file} imports ${target.join("/")}: not below ${layer}`);
    }
  }
}

for (const violation of violations) console.error(violation);
console.log(violations.length === 0 ? "layers: imports only point down" : "");
process.exitCode = violations.length === 0 ? 0 : 1;
