import koffi from "koffi";
import { environment } from "../library/environment.ts";
import type { Address, Out } from "../library/function-table.ts";
import type { TensorInfo } from "../runtime.ts";
import { elementTypeName, readTypeAndShape } from "./native-tensor.ts";

export interface SessionInfo {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  /** The model's custom metadata: every value is text. */
  readonly metadata: ReadonlyMap<string, string>;
}

/** Asks a session for its inputs, outputs and metadata. */
export function readSessionInfo(session: Address): SessionInfo {
  const { api } = environment();
  return {
    inputs: readTensorInfos(session, {
      getCount: api.SessionGetInputCount,
      getName: api.SessionGetInputName,
      getTypeInfo: api.SessionGetInputTypeInfo,
    }),
    outputs: readTensorInfos(session, {
      getCount: api.SessionGetOutputCount,
      getName: api.SessionGetOutputName,
      getTypeInfo: api.SessionGetOutputTypeInfo,
    }),
    metadata: readMetadata(session),
  };
}

interface TensorInfoReaders {
  getCount(session: Address, count: Out<number>): void;
  getName(session: Address, index: number, allocator: Address, name: Out<Address | null>): void;
  getTypeInfo(session: Address, index: number, info: Out<Address | null>): void;
}

function readTensorInfos(session: Address, readers: TensorInfoReaders): TensorInfo[] {
  const { allocator } = environment();
  const count: Out<number> = [0];
  readers.getCount(session, count);
  return Array.from({ length: Number(count[0]) }, (_, index) => {
    const name: Out<Address | null> = [null];
    readers.getName(session, index, allocator, name);
    return {
      name: takeString(name[0]!),
      ...readTypeInfo((info) => readers.getTypeInfo(session, index, info)),
    };
  });
}

function readTypeInfo(
  getTypeInfo: (info: Out<Address | null>) => void,
): Pick<TensorInfo, "elementType" | "shape"> {
  const { api } = environment();
  const typeInfo: Out<Address | null> = [null];
  getTypeInfo(typeInfo);
  try {
    const tensorInfo: Out<Address | null> = [null];
    // Belongs to the type info; null for what is not a tensor (a sequence, a map).
    api.CastTypeInfoToTensorInfo(typeInfo[0]!, tensorInfo);
    if (tensorInfo[0] === null) return { elementType: "not a tensor", shape: [] };
    const { onnxType, dims } = readTypeAndShape(tensorInfo[0]);
    const symbols: (Address | null)[] = dims.map(() => null);
    api.GetSymbolicDimensions(tensorInfo[0], symbols, symbols.length);
    return {
      elementType: elementTypeName(onnxType),
      shape: dims.map((extent, axis) => (extent < 0 ? symbolName(symbols[axis]!) : extent)),
    };
  } finally {
    api.ReleaseTypeInfo(typeInfo[0]!);
  }
}

/** The name of a symbolic extent; an unnamed one is `?`. */
function symbolName(address: Address | null): string {
  return (address && koffi.decode.string(address)) || "?";
}

function readMetadata(session: Address): Map<string, string> {
  const { api, allocator } = environment();
  const metadata: Out<Address | null> = [null];
  api.SessionGetModelMetadata(session, metadata);
  try {
    const keyList: Out<Address | null> = [null];
    const keyCount = new BigInt64Array(1);
    api.ModelMetadataGetCustomMetadataMapKeys(metadata[0]!, allocator, keyList, keyCount);
    if (keyList[0] === null) return new Map();
    const keys = koffi.decode(keyList[0], koffi.array("void *", Number(keyCount[0]))) as Address[];
    api.AllocatorFree(allocator, keyList[0]);
    return new Map(
      keys.map(takeString).map((key) => {
        const value: Out<Address | null> = [null];
        api.ModelMetadataLookupCustomMetadataMap(metadata[0]!, allocator, key, value);
        return [key, value[0] === null ? "" : takeString(value[0])];
      }),
    );
  } finally {
    api.ReleaseModelMetadata(metadata[0]!);
  }
}

/** Copies a string that the library allocated for us, and frees the original. */
function takeString(address: Address): string {
  const { api, allocator } = environment();
  const text = koffi.decode.string(address);
  api.AllocatorFree(allocator, address);
  return text;
}
