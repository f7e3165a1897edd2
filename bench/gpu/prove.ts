/**
 * Runs every step of the proof, each in a process and within a limit of its own: one that hangs is
 * left behind. What each printed is in RESULTS/<step>.log, the tables in RESULTS/proof.md.
 *
 *     node bench/gpu/prove.ts RESULTS [SECONDS]
 */
import { spawn } from "node:child_process";
import { createWriteStream, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeModels, writePhotos } from "./materials.ts";

const [results = "gpu-proof", seconds = "300"] = process.argv.slice(2);
const endMs = performance.now() + 1000 * Number(seconds);
mkdirSync(results, { recursive: true });
const folder = mkdtempSync(join(tmpdir(), "orangery-gpu-"));
const models = writeModels(folder);
const photos = await writePhotos(join(folder, "photos"));
const report: string[] = [];

const gpu = "cuda:0";
const test = ["--test", "--test-reporter=spec"];
const step = (name: string, limitS: number, args: readonly string[], env = {}) =>
  ({ name, limitS, command: process.execPath, args, env }) as const;
const python = (name: string, limitS: number, args: readonly string[]) =>
  ({ name, limitS, command: "python3", args: ["bench/gpu/peers.py", ...args], env: {} }) as const;
const script = (name: string) => `bench/gpu/${name}.ts`;

const steps = [
  step("devices", 40, ["src/cli/main.ts", "devices"]),
  step("webgpu and cuda", 60, [...test, "test/gpu/devices.test.ts"]),
  step("parity", 60, [...test, "test/parity.test.ts"], { ORANGERY_TEST_DEVICE: gpu }),
  step("float16", 30, [script("half-parity"), gpu]),
  ...(["float16", "float32"] as const).map((precision) =>
    step(`sliced ${precision}`, 40, [script("sliced"), gpu, models.yolo11m, precision, photos]),
  ),
  ...(["float16", "float32"] as const).map((precision) =>
    step(`yolo11m ${precision}`, 40, [script("throughput"), gpu, models.yolo11m, precision]),
  ),
  step("yolo26m float16", 40, [script("throughput"), gpu, models.yolo26m, "float16"]),
  step("steady", 40, [script("steady"), gpu, models.yolo11m]),
  python("onnxruntime", 30, ["onnxruntime", models.yolo11mOnnx]),
  python("pytorch", 40, ["pytorch"]),
];

for (const { name, limitS, command, args, env } of steps) {
  const leftS = Math.min(limitS, (endMs - performance.now()) / 1000);
  if (leftS < 5) {
    report.push(`## ${name}\n\nnot run: no time was left`);
    continue;
  }
  const startMs = performance.now();
  const { output, end } = await run(name, command, args, { env, limitS: leftS });
  const took = ((performance.now() - startMs) / 1000).toFixed(1);
  report.push(`## ${name}\n\n${end}, ${took} s\n\n\`\`\`\n${output.trim()}\n\`\`\``);
  writeFileSync(join(results, "proof.md"), `${report.join("\n\n")}\n`);
  console.log(`${name}: ${end}, ${took} s\n${output.trim().split("\n").slice(-24).join("\n")}\n`);
}
process.exit();

async function run(
  name: string,
  command: string,
  args: readonly string[],
  { env, limitS }: { env: Readonly<Record<string, string>>; limitS: number },
): Promise<{ readonly output: string; readonly end: string }> {
  const child = spawn(command, args, { env: { ...process.env, ...env } });
  const log = createWriteStream(join(results, `${name.replaceAll(" ", "-")}.log`));
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (data: Buffer) => {
      output += data;
      log.write(data);
    });
  }
  const ended = new Promise<string>((resolve) => {
    child.on("error", ({ message }) => resolve(`did not start: ${message}`));
    child.on("close", (status, signal) => resolve(`ended with ${status ?? signal}`));
  });
  const late = new Promise<string>((resolve) => {
    setTimeout(() => {
      // A process that hangs in the driver does not end by this, and is not waited for.
      child.kill("SIGKILL");
      child.unref();
      resolve(`stopped after ${limitS.toFixed(0)} s`);
    }, 1000 * limitS).unref();
  });
  return { end: await Promise.race([ended, late]), output };
}
