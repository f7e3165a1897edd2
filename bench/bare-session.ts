import { artifactFolder, cacheLimitBytes } from "../src/base/files/cache-folder.ts";
import { silentLogger } from "../src/logger.ts";
import { cpu } from "../src/models/devices/device.ts";
import { identifyModelFile } from "../src/models/files/model-file.ts";
import { ArtifactStore } from "../src/models/saved/artifact-store.ts";
import { openNetwork } from "../src/models/saved/open-network.ts";
import { onnxRuntime } from "../src/native/onnx-runtime.ts";
import type { Session } from "../src/native/runtime.ts";

/**
 * Opens a model on the CPU as `ModelCache` does, from the saved and rearranged network, without
 * anything around it: bare runs of it differ from `predict` by what Orangery does beside them.
 */
export async function openBare(
  model: string,
  { allowSpinning = false }: { readonly allowSpinning?: boolean } = {},
): Promise<Session> {
  const folder = artifactFolder();
  const artifacts = new ArtifactStore({
    folder,
    maxBytes: cacheLimitBytes(),
    logger: silentLogger,
  });
  const { session } = await openNetwork(await identifyModelFile(model), cpu, {
    runtime: onnxRuntime,
    provider: { name: "cpu" },
    intraOpThreads: 0,
    allowSpinning,
    artifacts,
    signal: undefined,
  });
  return session;
}
