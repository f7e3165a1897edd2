import { askThread } from "../../base/threads/ask-thread.ts";

/** The order to the thread. */
export interface RearrangingRequest {
  /** An ONNX model that the runtime has optimised for its CPU provider. */
  readonly from: string;
  /** The file to be written. */
  readonly to: string;
  /** The file of its weights, in the same folder. */
  readonly weightsFile: string;
  readonly isQuantized: boolean;
  /** Channels of a block of a float32 convolution: `Runtime.kernels`. */
  readonly lanes: number;
}

/**
 * Rearranges a network that ONNX Runtime has optimised for its CPU provider, so that it needs less
 * time with the operators of `native/kernels/`: by `suitInt8`, or by `convolveBlocks` in float32.
 * In a thread of its own: that is a second of work for YOLO11m.
 *
 * @returns whether there was anything to rearrange: then the file is an ONNX model that is not to
 *   be optimised again
 */
export async function rearrange(
  request: RearrangingRequest,
  { signal }: { readonly signal: AbortSignal | undefined },
): Promise<boolean> {
  return (await askThread("models/saved/rearranging-thread", request, { signal })) as boolean;
}
