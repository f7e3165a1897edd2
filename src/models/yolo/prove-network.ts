import { OrangeryError } from "../../errors.ts";
import type { Runtime, Session, Tensor } from "../../native/runtime.ts";
import { arenasOf, type Device } from "../devices/device.ts";
import { whyImplausible } from "./implausible-output.ts";
import {
  inputShape,
  type NetworkSignature,
  notYolo,
  readYoloNetwork,
} from "./network-signature.ts";

export interface ProveNetworkOptions {
  /** Path of the model file. */
  readonly file: string;
  readonly network: NetworkSignature;
  readonly device: Device;
  readonly runtime: Runtime;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs a network on grey, at its fixed size or a small one.
 *
 * @returns the network, with a head that is certain
 * @throws `DEVICE_UNAVAILABLE` for NaN or infinity, `MODEL_NOT_YOLO` for a head that turns out to
 *   be another one, and what `run` throws
 */
export async function proveNetwork(
  session: Session,
  options: ProveNetworkOptions,
): Promise<NetworkSignature> {
  const { network, device, runtime, signal } = options;
  const [height, width] = sizeOf(network);
  const shape = inputShape(network, 1, [height, width]);
  using input = runtime.createTensor(network.inputType, shape);
  if (input.elementType === "uint8") input.data.fill(128);
  else input.data.fill(0.5);
  const outputs = await session.run({ [network.inputName]: input }, { signal });
  let proven = network;
  try {
    requireFinite(outputs, device);
    if (!network.isCertain) proven = establishHead(session, outputs, options, [height, width]);
  } finally {
    for (const tensor of Object.values(outputs)) tensor[Symbol.dispose]();
  }
  await session.trimMemory(arenasOf(device));
  return proven;
}

function sizeOf({
  fixedSizeHw,
  defaultSizeHw,
  stride,
  head,
}: NetworkSignature): readonly [number, number] {
  if (fixedSizeHw !== undefined) return fixedSizeHw;
  // An end-to-end head chooses a fixed number of its anchors, which a small input does not have.
  if (head === "end-to-end") {
    const [height, width] = defaultSizeHw.map((extent) => Math.ceil(extent / stride) * stride);
    return [height!, width!];
  }
  // With 336 anchors, more than the 300 that are chosen where the head turns out to be such a one.
  return [4 * stride, 4 * stride];
}

function requireFinite(outputs: Readonly<Record<string, Tensor>>, { label }: Device): void {
  const areFinite = Object.values(outputs).every(({ data }) =>
    (data as Float32Array).every((value) => Number.isFinite(value)),
  );
  if (areFinite) return;
  throw new OrangeryError(
    "DEVICE_UNAVAILABLE",
    `Expected numbers from the model's proving run on ${label}, got NaN or infinity.`,
  );
}

/** Reads the network once more, with the shapes that its outputs have in a run. */
function establishHead(
  { inputs, outputs: declared, metadata }: Session,
  outputs: Readonly<Record<string, Tensor>>,
  { file, network }: ProveNetworkOptions,
  ranAtHw: readonly [number, number],
): NetworkSignature {
  const actual = declared.map((output) => ({ ...output, shape: outputs[output.name]!.shape }));
  const established = readYoloNetwork(file, { inputs, outputs: actual, metadata }, ranAtHw);
  // If metadata and shapes agree nothing is in doubt, even if an untrained network reports objects
  // on grey.
  const why = established.isCertain
    ? undefined
    : whyImplausible(established, outputs[established.outputNames[0]!]!);
  if (why !== undefined) throw notYolo(file, { expected: "an output of detections", came: why });
  const { head, isAnchorFree, names, stride } = established;
  return { ...network, head, isAnchorFree, names, stride, isCertain: true };
}
