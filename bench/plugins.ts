import { onnxRuntime } from "../src/native/onnx-runtime.ts";
import {
  pluginDeviceLabel,
  pluginDevices,
  registerPlugins,
} from "../src/native/providers/plugins.ts";
import type { Session } from "../src/native/runtime.ts";
import { openBare } from "./bare-session.ts";
import { median, table } from "./figures.ts";

/**
 * Bare `Run`s of the plugins that ORANGERY_EP_LIBRARY names, such as OpenVINO's, beside our CPU
 * provider, in turns. The CPU time counts what the process takes: that of a GPU is not in it.
 */
export async function benchPlugins(model: string, rounds: number): Promise<void> {
  for (const { library, error } of await registerPlugins()) console.log(`${library}: ${error}`);
  const devices = pluginDevices();
  if (devices.length === 0) return;
  await using sessions = new AsyncDisposableStack();
  const variants: Record<string, Session> = {
    cpu: sessions.use(await openBare(model)),
  };
  for (const device of devices) {
    const provider = { name: "plugin", plugin: device } as const;
    const session = await onnxRuntime.createSession(model, { provider });
    variants[pluginDeviceLabel(device)] = sessions.use(session);
  }
  using images = onnxRuntime.createTensor("float32", [1, 3, 480, 640]);
  images.data.fill(0.5);
  const times = Object.fromEntries(
    Object.keys(variants).map((name) => [name, { ms: [] as number[], cpuMs: [] as number[] }]),
  );
  for (let round = -2; round < rounds; round++) {
    for (const [name, session] of Object.entries(variants)) {
      const [start, before] = [performance.now(), process.cpuUsage()];
      for (const tensor of Object.values(await session.run({ images }))) tensor[Symbol.dispose]();
      const { user, system } = process.cpuUsage(before);
      if (round < 0) continue;
      times[name]!.ms.push(performance.now() - start);
      times[name]!.cpuMs.push((user + system) / 1000);
    }
  }
  const ours = times.cpu!;
  console.log("Plugins: YOLO11m at 640 × 480, bare Run");
  console.log(
    table(
      ["", "ms", "of the CPU's", "CPU ms", "of the CPU's"],
      Object.entries(times).map(([name, { ms, cpuMs }]) => [
        name,
        median(ms).toFixed(1),
        (median(ms) / median(ours.ms)).toFixed(2),
        median(cpuMs).toFixed(1),
        (median(cpuMs) / median(ours.cpuMs)).toFixed(2),
      ]),
    ),
  );
  console.log();
}
