/**
 * Checks the structure of `src/` that docs/architecture.md describes:
 * - imports only point down the layers, and every layer may import the ground below them;
 * - in every folder, its own files and its sub-folders import each other without a circle, `import
 *   type` included, and so do files;
 * - no folder holds more files of its own than the eye takes in.
 *
 * Tests and fixtures may reach up for what they need to set themselves up; they are not looked at.
 */
import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";

/** Highest first. A file may import from its own folder and from those below. */
const layers = [
  "cli",
  "dashboard",
  "doctor",
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
/** Layers that import nothing of the project but the ground. */
const selfContained = ["graph", "native", "vision"];
/** What every layer may import, and what imports nothing but itself. */
const ground = ["base", "errors.ts", "logger.ts"];
/** Of one folder, without tests, fixtures and sub-folders. */
const maxFiles = 12;

const root = join(import.meta.dirname, "..", "src");
const files = globSync("**/*.ts", { cwd: root })
  .filter((file) => !/\.(test|fixture)\.ts$/.test(file))
  .map((file) => file.replaceAll(sep, "/"))
  .sort();
const imports = new Map(files.map((file) => [file, importsOf(file)]));
const violations = [...climbs(), ...fileCircles(), ...roomCircles(), ...crowds()];

for (const violation of violations) console.error(violation);
if (violations.length === 0) console.log("layers and rooms: imports only point down, no circles");
process.exitCode = violations.length === 0 ? 0 : 1;

function importsOf(file: string): string[] {
  const source = readFileSync(join(root, file), "utf8");
  return Array.from(
    source.matchAll(/(?:from|import)\s*\(?\s*["'](\.[^"']+)["']/g),
    ([, specifier]) => relative(root, join(root, dirname(file), specifier!)).replaceAll(sep, "/"),
  ).filter((target) => target.endsWith(".ts"));
}

function* climbs(): Generator<string> {
  for (const [file, targets] of imports) {
    const [layer = ""] = file.split("/");
    // `index.ts` and the other doors of the package see everything.
    if (layer === file && !ground.includes(file)) continue;
    const height = layers.indexOf(layer);
    if (height < 0 && !ground.includes(layer)) yield `src/${file}: folder ${layer} is no layer`;
    for (const target of targets) {
      const [targetLayer = ""] = target.split("/");
      if (targetLayer === layer || ground.includes(targetLayer)) continue;
      const isBelow = height >= 0 && layers.indexOf(targetLayer) > height;
      if (isBelow && !selfContained.includes(layer)) continue;
      yield `src/${file} imports ${target}, which is not below ${layer}`;
    }
  }
}

function* fileCircles(): Generator<string> {
  for (const circle of circlesOf(imports)) yield `circle of files: ${circle.join(", ")}`;
}

/** In each folder, files and sub-folders are looked at as one thing each. */
function* roomCircles(): Generator<string> {
  for (const folder of foldersOf(files)) {
    const graph = new Map<string, string[]>();
    for (const [file, targets] of imports) {
      const node = nodeIn(folder, file);
      if (node === undefined) continue;
      const nodes = targets
        .map((target) => nodeIn(folder, target))
        .filter((to) => to !== undefined);
      graph.set(node, [...(graph.get(node) ?? []), ...nodes.filter((to) => to !== node)]);
    }
    for (const circle of circlesOf(graph)) {
      // A circle of files alone is listed already.
      if (circle.every((node) => node.endsWith(".ts"))) continue;
      yield `circle in src/${folder}: ${circle.join(", ")}`;
    }
  }
}

function* crowds(): Generator<string> {
  for (const folder of foldersOf(files)) {
    const count = files.filter((file) => dirname(file) === (folder || ".")).length;
    if (count > maxFiles) yield `src/${folder} holds ${count} files; at most ${maxFiles}`;
  }
}

/** "" is `src/` itself. */
function foldersOf(paths: readonly string[]): Set<string> {
  const folders = new Set<string>();
  for (const path of paths) {
    const parts = path.split("/");
    for (let i = 0; i < parts.length; i++) folders.add(parts.slice(0, i).join("/"));
  }
  return folders;
}

/**
 * The file or sub-folder of `folder` that `path` is or lies in; undefined where it lies elsewhere.
 */
function nodeIn(folder: string, path: string): string | undefined {
  const prefix = folder === "" ? "" : `${folder}/`;
  if (!path.startsWith(prefix)) return undefined;
  return prefix + path.slice(prefix.length).split("/")[0];
}

/** Groups of nodes that lead to each other: strongly connected components, by Tarjan's method. */
function circlesOf(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const stack: string[] = [];
  const circles: string[][] = [];
  const visit = (node: string) => {
    order.set(node, order.size);
    lowest.set(node, order.get(node)!);
    stack.push(node);
    for (const next of graph.get(node) ?? []) {
      if (!order.has(next)) visit(next);
      if (!stack.includes(next)) continue;
      lowest.set(node, Math.min(lowest.get(node)!, lowest.get(next)!));
    }
    if (lowest.get(node) !== order.get(node)) return;
    const circle = stack.splice(stack.indexOf(node));
    if (circle.length > 1) circles.push(circle.sort());
  };
  for (const node of graph.keys()) if (!order.has(node)) visit(node);
  return circles;
}
