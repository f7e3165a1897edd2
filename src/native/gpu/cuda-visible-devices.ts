/** The identity of a GPU; NVML lists GPUs by PCI address, so `index` is that order. */
export interface GpuIdentity {
  readonly index: number;
  readonly name: string;
  /** Such as `GPU-8932f937-d72c-4106-c12f-20bd9faed9f6`. */
  readonly uuid: string;
}

export interface CudaOrdinalOptions {
  /** The N of `cuda:N`: CUDA's own numbering, after `CUDA_VISIBLE_DEVICES`. */
  readonly ordinal: number;
  /** Every GPU of the machine, in NVML's order. */
  readonly gpus: readonly GpuIdentity[];
  /** Read for `CUDA_VISIBLE_DEVICES` and `CUDA_DEVICE_ORDER`. Default: `process.env`. */
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * Finds the GPU that CUDA calls number `ordinal`; `undefined` where there is none, or only CUDA
 * knows.
 *
 * CUDA reads `CUDA_VISIBLE_DEVICES` as it starts: unset shows every GPU; a list of numbers or of
 * UUIDs (whole, or a beginning that only one GPU has) shows these in this order; the first entry
 * that names no GPU, such as `-1` or an empty one, ends the list; a GPU named twice empties it.
 * `MIG-…` entries name a part of a GPU, whose memory NVML counts elsewhere: `undefined`.
 *
 * The numbers in that list count in the order of `CUDA_DEVICE_ORDER`. `PCI_BUS_ID` is NVML's own
 * order. The default, `FASTEST_FIRST`, equals it on a machine whose GPUs are all of one model;
 * with mixed models only CUDA knows it, and a wrong figure is worse than none, so numbers then
 * give `undefined` until `CUDA_DEVICE_ORDER=PCI_BUS_ID` is set. UUIDs are always certain.
 */
export function findCudaGpu({
  ordinal,
  gpus,
  env = process.env,
}: CudaOrdinalOptions): GpuIdentity | undefined {
  const list = env.CUDA_VISIBLE_DEVICES?.trim();
  if (list?.startsWith("MIG-")) return undefined;
  if (list?.startsWith("GPU-")) return visibleByUuid(list, gpus)[ordinal];
  const oneModel = new Set(gpus.map((gpu) => gpu.name)).size <= 1;
  if (!oneModel && env.CUDA_DEVICE_ORDER !== "PCI_BUS_ID") return undefined;
  return (list === undefined ? gpus : visibleByNumber(list, gpus))[ordinal];
}

function visibleByNumber(list: string, gpus: readonly GpuIdentity[]): readonly GpuIdentity[] {
  return visible(list, (entry) => {
    // CUDA reads like C's strtoul: digits at the beginning, whatever follows them.
    const digits = /^\+?(\d+)/.exec(entry)?.[1];
    return digits === undefined ? undefined : gpus[Number(digits)];
  });
}

function visibleByUuid(list: string, gpus: readonly GpuIdentity[]): readonly GpuIdentity[] {
  return visible(list, (entry) => {
    if (!entry.startsWith("GPU-")) return undefined;
    const matches = gpus.filter((gpu) => gpu.uuid.startsWith(entry));
    return matches.length === 1 ? matches[0] : undefined;
  });
}

/**
 * The entries of `CUDA_VISIBLE_DEVICES` that can name a GPU, up to the first that cannot: as many
 * devices as CUDA has at most.
 */
export function cudaEntries(list: string): readonly string[] {
  const entries = list.split(",").map((entry) => entry.trim());
  const end = entries.findIndex((entry) => !/^(\+?\d|GPU-|MIG-)/.test(entry));
  return end < 0 ? entries : entries.slice(0, end);
}

function visible(
  list: string,
  find: (entry: string) => GpuIdentity | undefined,
): readonly GpuIdentity[] {
  const found: GpuIdentity[] = [];
  for (const entry of cudaEntries(list)) {
    const gpu = find(entry);
    if (gpu === undefined) break;
    if (found.includes(gpu)) return [];
    found.push(gpu);
  }
  return found;
}
