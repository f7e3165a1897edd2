/**
 * Puts ONNX Runtime's library into `dist/runtime/`, from where the packed package loads it: without
 * an install script, which would download CUDA's libraries from NuGet, and without the binding and
 * the copies that nothing here uses. `npm pack` takes the platforms that `ORANGERY_PLATFORMS`
 * lists, such as `linux/x64,linux/arm64`, and all of them without it.
 */
import { cpSync, globSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const manifest = createRequire(import.meta.url).resolve("onnxruntime-node/package.json");
const binaries = join(dirname(manifest), "bin", "napi-v6");
const target = join(import.meta.dirname, "..", "dist", "runtime");

const present = globSync("*/*", { cwd: binaries }).map((folder) => folder.replaceAll("\\", "/"));
const wanted = process.env.ORANGERY_PLATFORMS?.split(",").map((name) => name.trim()) ?? present;

rmSync(target, { recursive: true, force: true });
for (const platform of wanted) {
  if (!present.includes(platform)) {
    throw new Error(
      `Expected ORANGERY_PLATFORMS to list ${present.join(", ")}, separated by commas, ` +
        `got \`${platform}\`.`,
    );
  }
  mkdirSync(join(target, platform), { recursive: true });
  for (const file of globSync(`${platform}/*.{so.1,dll,1.dylib}`, { cwd: binaries })) {
    cpSync(join(binaries, file), join(target, file));
  }
}
writeFileSync(
  join(target, "LICENSE"),
  `The libraries in this folder are ONNX Runtime, unchanged, as the npm package onnxruntime-node
distributes them (https://github.com/microsoft/onnxruntime), under the MIT License:

Copyright (c) Microsoft Corporation

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
`,
);
