import { askThread } from "../../base/threads/ask-thread.ts";
import { type ErrorCode, OrangeryError } from "../../errors.ts";
import type { Calibration } from "../../graph/quantize/calibration.ts";
import type { CheckpointModelOptions } from "./checkpoint-model.ts";
import type { ModelFile } from "./model-file.ts";

/** What is made of a float32 network. */
export type NetworkChange =
  /** Another output has the ranges of its values: `observeModel`. */
  | { readonly kind: "observed" }
  /** It computes in int8: `quantizeModel`. */
  | {
      readonly kind: "quantized";
      readonly calibration: Calibration;
      readonly input: "bytes" | "floats";
      /** Metadata to add. */
      readonly metadata?: Readonly<Record<string, string>> | undefined;
    }
  /** It computes in float16: `halveModel`. */
  | {
      readonly kind: "halved";
      readonly input: "bytes" | "floats";
      /** Metadata to add. */
      readonly metadata?: Readonly<Record<string, string>> | undefined;
    };

export interface BuildNetworkOptions extends CheckpointModelOptions {
  /** Default: the network is built as it is. */
  readonly change?: NetworkChange | undefined;
  /**
   * What is to run the network, which is given the form that suits it: one of float32 for the CPU
   * provider by `suitCpu`, that of a checkpoint for a GPU by `moveToDevice`, one that Orangery has
   * quantised for OpenVINO by `leaveSiluInFloat`. Default: the network as it is.
   */
  readonly target?: "cpu" | "gpu" | "openvino" | undefined;
}

/** The order to the thread. */
export interface NetworkRequest {
  readonly file: Pick<ModelFile, "path" | "format">;
  readonly options: BuildNetworkOptions;
}

export interface BuiltNetwork {
  /** Of an ONNX model. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** A text is an extent that is free. */
  readonly inputShape: readonly (number | string)[];
  /** Names of the values that an observed network has the ranges of; otherwise none. */
  readonly values: readonly string[];
  /** Whether parts of it compute in int8. */
  readonly isQuantized: boolean;
}

export type NetworkAnswer =
  | BuiltNetwork
  | {
      readonly error: {
        readonly code: ErrorCode;
        readonly message: string;
        readonly details: OrangeryError["details"];
      };
    };

/**
 * Builds the ONNX model of a checkpoint, or changes that of an ONNX file, in a thread of its own:
 * half a second of work for YOLO11m, in which this thread's event loop would stand still, and which
 * no signal could end.
 *
 * @throws what `readYoloCheckpoint` and `createYoloModel` throw; for a change `MODEL_NOT_ONNX`,
 *   `MODEL_NOT_QUANTIZABLE`, `CALIBRATION_UNFIT`
 */
export async function buildNetwork(
  { path, format }: Pick<ModelFile, "path" | "format">,
  { signal, ...options }: BuildNetworkOptions & { readonly signal?: AbortSignal | undefined },
): Promise<BuiltNetwork> {
  const request: NetworkRequest = { file: { path, format }, options };
  const answer = (await askThread("models/files/network-thread", request, {
    signal,
  })) as NetworkAnswer;
  if ("bytes" in answer) return answer;
  const { code, message, details } = answer.error;
  throw new OrangeryError(code, message, { details });
}
