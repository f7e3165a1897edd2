import type { PickleValue } from "./pickle/pickle-values.ts";
import type { TensorStorage } from "./tensors/tensor-storage.ts";

/** What a checkpoint's file holds: a pickled value, and the numbers of its tensors. */
export interface PickledFile {
  readonly root: PickleValue;
  /** Reads the numbers of these storages. */
  fill(storages: Iterable<TensorStorage>, signal: AbortSignal | undefined): Promise<void>;
}
