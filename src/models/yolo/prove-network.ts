import { OrangeryError } from "../../errors.ts";
import type { Runtime, Session } from "../../native/runtime.ts";
import { arenasOf, type Device } from "../devices/device.ts";
import type { NetworkSignature } from "./network-signature.ts";

export interface ProveNetworkOptions {
  readonly network: NetworkSignature;
  readonly device: Device;
  readonly runtime: Runtime;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs a network on grey, at its fixed size or the least that its stride allows.
 *
 * @throws `DEVICE_UNAVAILABLE` for NaN or infinity, and what `run` throws
 */
export async function proveNetwork(
  session: Session,
  { network, device, runtime, signal }: ProveNetworkOptions,
): Promise<void> {
  const least = 2 * network.stride;
  const [height, width] = network.fixedSizeHw ?? [least, least];
  using input = runtime.createTensor(network.inputType, [1, 3, height, width]);
  input.data.fill(0.5);
  const outputs = await session.run({ [network.inputName]: input }, { signal });
  const areFinite = Object.values(outputs).every(({ data }) =>
    (data as Float32Array).every((value) => Number.isFinite(value)),
  );
  for (const tensor of Object.values(outputs)) tensor[Symbol.dispose]();
  if (!areFinite) {
    throw new OrangeryError(
      "DEVICE_UNAVAILABLE",
      `Expected numbers from the model's proving run on ${device.label}, got NaN or infinity.`,
    );
  }
  await session.trimMemory(arenasOf(device));
}
