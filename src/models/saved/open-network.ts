import type { ExecutionProvider, Runtime, Session } from "../../native/runtime.ts";
import type { Device } from "../devices/device.ts";
import { identifyModelFile, isCheckpoint, type ModelFile } from "../files/model-file.ts";
import { NetworkFile } from "../files/network-file.ts";
import type { ArtifactStore, OpenedNetwork } from "./artifact-store.ts";

export interface OpenNetworkOptions {
  readonly runtime: Runtime;
  readonly provider: ExecutionProvider;
  readonly intraOpThreads: number;
  /** Without one, nothing is saved or looked for. */
  readonly artifacts: ArtifactStore | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Smaller ONNX models load about as quickly as what would be saved of them. */
const leastBytesToStore = 4 * 1024 * 1024;

/** Opens the network of a model file on a device: from its artifact, or from the file itself. */
export async function openNetwork(
  file: ModelFile,
  device: Device,
  { runtime, provider, intraOpThreads, artifacts, signal }: OpenNetworkOptions,
): Promise<OpenedNetwork> {
  const sessionOptions = { provider, intraOpThreads, signal };
  await using source = new NetworkFile(file, { hideShapes: device.kind === "cpu", signal });
  const build = async (saveOptimizedTo?: string): Promise<Session> =>
    await runtime.createSession(await source.read(), { ...sessionOptions, saveOptimizedTo });
  if (artifacts === undefined || !(await isWorthStoring(file, device))) {
    return { session: await build(), fromArtifact: false };
  }
  return await artifacts.open({
    file,
    device: device.label,
    library: `${runtime.name} ${runtime.version}`,
    build,
    map: (path) => runtime.createSession(path, { ...sessionOptions, mapped: true }),
    isUnchanged: async () => (await identifyModelFile(file.path)).sha256 === file.sha256,
    signal,
  });
}

/**
 * A network that was optimised for one device must not run on another, and only for the CPU is it
 * known to be worth keeping: other devices load from the model file.
 */
async function isWorthStoring({ path, bytes }: ModelFile, { kind }: Device): Promise<boolean> {
  return kind === "cpu" && (bytes >= leastBytesToStore || (await isCheckpoint(path)));
}
