/** The Python that the peers run in: made once, kept in `.cache/peers` of the checkout. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const requirementsFile = join(import.meta.dirname, "requirements.txt");

/** `.cache/peers`: the Python, the models and the photos. */
export const peersFolder = join(import.meta.dirname, "../../.cache/peers");

/** What every contender runs with: no downloads, and caches of its own. */
export const peersEnvironment = {
  ...process.env,
  YOLO_OFFLINE: "true",
  YOLO_AUTOINSTALL: "false",
  YOLO_CONFIG_DIR: join(peersFolder, "settings"),
  ORANGERY_CACHE: join(peersFolder, "orangery"),
};

/** Makes the environment unless it is there. Returns its Python, or why there is none. */
export function makePython(): { readonly python: string } | { readonly missing: string } {
  const folder = join(peersFolder, "python");
  const python = join(folder, "bin", "python");
  // A copy in the environment is the mark that everything is installed.
  const installed = join(folder, "requirements.txt");
  const wanted = readFileSync(requirementsFile, "utf8");
  if (existsSync(installed) && readFileSync(installed, "utf8") === wanted) return { python };
  console.error(`Making the peers' Python in ${folder}: minutes, and 7 GB on Linux …`);
  const base = process.env.PYTHON ?? "python3";
  const made = spawnSync(base, ["-m", "venv", folder], { encoding: "utf8" });
  if (made.status !== 0) {
    return { missing: `${base} makes no environment: ${made.stderr ?? made.error?.message}` };
  }
  const pip = ["-m", "pip", "install", "--quiet", "--requirement", requirementsFile];
  const { status } = spawnSync(python, pip, { stdio: ["ignore", 2, 2] });
  if (status !== 0) return { missing: "pip could not install requirements.txt; it says why above" };
  writeFileSync(installed, wanted);
  return { python };
}

/** `Python 3.11.7`, and the versions that requirements.txt pins. */
export function peerVersions(python: string): string {
  const version = execFileSync(python, ["--version"], { encoding: "utf8" }).trim();
  const pins = readFileSync(requirementsFile, "utf8").matchAll(/^([\w-]+)==(.*)$/gm);
  return [version, ...[...pins].map(([, name, pin]) => `${name} ${pin}`)].join(", ");
}
