import { availableParallelism, hostname } from "node:os";
import { OrangeryError } from "../../errors.ts";
import { parseDevice } from "../../models/devices/device.ts";
import type { DeviceSlot } from "../process/device-slot.ts";
import type { FoundDevices } from "./found-devices.ts";

export interface DeviceSlotsOptions {
  readonly host?: string;
  /** Cores that the processes share. */
  readonly cores?: number;
  /** The devices that `auto` may use. */
  readonly found: FoundDevices;
}

/**
 * Parses `--devices`: `auto`, or devices separated by commas, each optionally with a number of
 * processes: `cuda:0,cuda:1`, `cpu*2`. `auto` means every CUDA device; without one, a single
 * process that takes the best device it can prove.
 *
 * @throws `DEVICE_UNKNOWN`, `INVALID_ARGUMENT`
 */
export function parseDeviceSlots(
  text: string,
  { host = hostname(), cores = availableParallelism(), found }: DeviceSlotsOptions,
): readonly DeviceSlot[] {
  const wanted = text === "auto" ? autoDevices(found) : text.split(",").flatMap(readEntry);
  const requireDevice = text !== "auto";
  const intraOpThreads = wanted.length === 1 ? 0 : Math.max(1, Math.floor(cores / wanted.length));
  const counts = new Map<string, number>();
  return wanted.map(({ device, kind, number }) => {
    const place = (counts.get(kind + number) ?? 0) + 1;
    counts.set(kind + number, place);
    // CPU processes are numbered consecutively, since there is one CPU. A GPU process has its GPU's
    // number.
    const workerId = kind === "cpu" ? place - 1 : number;
    const suffix = kind === "gpu" && place > 1 ? `-${place}` : "";
    const name = `${kind}${workerId}${suffix}@${host}`;
    return { name, workerId, kind, device, requireDevice, intraOpThreads };
  });
}

interface WantedProcess {
  readonly device: string;
  readonly kind: "gpu" | "cpu";
  readonly number: number;
}

function readEntry(entry: string): readonly WantedProcess[] {
  const [name = "", times = "1", ...rest] = entry.trim().split("*");
  const count = Number(times);
  if (rest.length > 0 || !/^\d{1,3}$/.test(times) || count < 1) {
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      "Expected the number of processes after `*` to be a whole number from 1 to 999, " +
        `got \`${entry}\`. Write, for example, cpu*2.`,
      { details: { entry } },
    );
  }
  const { kind, index, label } = parseDevice(name);
  const wanted = { device: label, kind: kind === "cpu" ? kind : "gpu", number: index } as const;
  return Array<WantedProcess>(count).fill(wanted);
}

function autoDevices({ cuda, hasOtherGpu }: FoundDevices): readonly WantedProcess[] {
  if (cuda.length > 0) return cuda.flatMap(readEntry);
  return [{ device: "auto", kind: hasOtherGpu ? "gpu" : "cpu", number: 0 }];
}
