import { formatCount, formatDuration, formatValue } from "../../base/quantities.ts";
import { green, type Observation, red, splitAdvice, yellow } from "../finding.ts";
import { MeasuringProcessDied, measure } from "../measured/measure.ts";
import type { CandidateDevice, DeviceSpeed } from "../measured/measuring-messages.ts";

/** A device, proved and timed in a process of its own. */
export async function lookAtDevice(
  { device, missing }: CandidateDevice,
  { signal }: { readonly signal: AbortSignal },
): Promise<Observation> {
  if (missing !== undefined) return describeReason(device, missing);
  try {
    return describeSpeed(await measure({ kind: "device", device }, { signal }));
  } catch (error) {
    signal.throwIfAborted();
    return describeFailure(device, error);
  }
}

export function describeSpeed({ device, ms, gflop }: DeviceSpeed): Observation {
  const perSecond = (1000 * gflop) / ms;
  const speed =
    perSecond >= 1000
      ? `${formatValue(Number((perSecond / 1000).toPrecision(3)))} TFLOP/s`
      : `${formatCount(Math.round(perSecond))} GFLOP/s`;
  const time = ms < 10 ? `${formatValue(Number(ms.toPrecision(2)))} ms` : formatDuration(ms);
  const work = `convolutions of ${gflop.toFixed(1)} GFLOP in ${time}`;
  return green(`Proved by a run: ${work}, ${speed}.`, {
    device,
    ms,
    gflop,
    gflopPerSecond: perSecond,
  });
}

export function describeFailure(device: string, error: unknown): Observation {
  const figures = { device };
  if (error instanceof MeasuringProcessDied) {
    return red(
      `Proving it ends the process (${error.how}), and so would a run that tries it.`,
      device === "cpu" ? bringer(device) : `${bringer(device)} Until then: --device cpu.`,
      { ...figures, diedOf: error.how },
    );
  }
  const observation = describeReason(device, (error as Error).message);
  return device === "cpu" ? { ...observation, verdict: "red" } : observation;
}

/** The CPU takes the place of a device that cannot be used. */
function describeReason(device: string, reason: string): Observation {
  const [sentence, advice] = splitAdvice(reason);
  const isWhole = device === "provider" || sentence.startsWith("Expected ");
  const begins = isWhole ? "" : "It cannot be used: ";
  return yellow(begins + sentence, advice || bringer(device, sentence), { device });
}

/** What brings a device that cannot be used. */
function bringer(device: string, reason = ""): string {
  const [kind] = device.split(":", 1);
  if (reason.includes("CUDA_VISIBLE_DEVICES")) {
    return "Unset CUDA_VISIBLE_DEVICES, or name the cards in it that may be used.";
  }
  if (/driver is too old|no NVIDIA driver|kernel module/.test(reason)) {
    return "Install NVIDIA's newest driver; a container needs `--gpus all`.";
  }
  if (kind === "cuda" || kind === "tensorrt") {
    const command = "Run `orangery devices add cuda`";
    return `${command}; \`orangery devices\` lists all that ${device} lacks.`;
  }
  if (kind === "webgpu") return "Install a Vulkan driver: libvulkan1 and the one of your card.";
  if (kind === "cpu") return "Install Orangery anew: its ONNX Runtime does not run here.";
  return "Update the system and the driver of the graphics card.";
}
