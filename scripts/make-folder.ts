/** Makes a folder, with `--empty` after removing what is in it: `mkdir -p` for every platform. */
import { mkdirSync, rmSync } from "node:fs";

const folder = process.argv.at(-1)!;
if (process.argv.includes("--empty")) rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
