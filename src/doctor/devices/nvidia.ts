import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { formatBytes } from "../../base/quantities.ts";
import { green, type Observation, splitAdvice, yellow } from "../finding.ts";
import type { RuntimeSurvey } from "../measured/measuring-messages.ts";

/** NVIDIA's number among makers of PCI devices. */
const nvidiaVendor = "0x10de";
/** Classes of PCI devices that compute: displays, 3D controllers, accelerators. */
const graphics = /^0x(?:03|12)/;

/** NVIDIA's cards and driver; undefined where there is neither. */
export async function describeNvidia(
  { nvidia, nvidiaFailure }: Pick<RuntimeSurvey, "nvidia" | "nvidiaFailure">,
  pciDevices?: string,
): Promise<Observation | undefined> {
  if (nvidiaFailure !== undefined) {
    return yellow(
      `NVIDIA's driver does not answer: ${splitAdvice(nvidiaFailure)[0]}`,
      "See what `nvidia-smi` says; after an update of the driver, restart the machine.",
    );
  }
  if (nvidia !== undefined && nvidia.gpus.length > 0) {
    const { driverVersion, cudaVersion, gpus } = nvidia;
    const [{ name, totalBytes }] = gpus as [(typeof gpus)[number]];
    const memory = totalBytes === undefined ? "" : ` of ${formatBytes(totalBytes)}`;
    const cuda = cudaVersion === undefined ? "" : `, which runs CUDA up to ${cudaVersion}`;
    const count = gpus.length === 1 ? "" : `${gpus.length} × `;
    return green(`${count}${name}${memory}, driver ${driverVersion}${cuda}.`, {
      driverVersion,
      cudaVersion,
      gpus: gpus.map((gpu) => gpu.name),
    });
  }
  if (!(await hasNvidiaCard(pciDevices))) return undefined;
  return yellow(
    "There is a card of NVIDIA, and no driver that answers for it.",
    "Install NVIDIA's driver; a container needs the NVIDIA Container Toolkit and `--gpus all`.",
  );
}

async function hasNvidiaCard(folder = "/sys/bus/pci/devices"): Promise<boolean> {
  const read = (device: string, file: string) =>
    readFile(join(folder, device, file), "utf8").catch(() => "");
  for (const device of await readdir(folder).catch(() => [])) {
    const vendor = (await read(device, "vendor")).trim();
    if (vendor === nvidiaVendor && graphics.test(await read(device, "class"))) return true;
  }
  return false;
}
