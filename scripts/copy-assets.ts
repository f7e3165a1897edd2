/**
 * Copies the files of `src/` that the compiler leaves out, such as the report's style, to `dist/`.
 */
import { cpSync, globSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const from = join(root, "src");

for (const file of globSync("**/*.{css,html,js,onnx,so,svg,wasm}", { cwd: from })) {
  cpSync(join(from, file), join(root, "dist", file));
}
