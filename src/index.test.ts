import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import * as orangery from "./index.ts";

// Written out, so that nothing becomes public, or ceases to be, without somebody deciding it.
const values = [
  "Detections",
  "Mask",
  "ModelCache",
  "ModelTask",
  "OrangeryError",
  "countObjects",
  "decodePicture",
  "drawDetections",
  "encodePicture",
  "errorCodes",
  "inReadingOrder",
  "isOrangeryError",
  "isRetryable",
  "runTasks",
  "savePicture",
  "silentLogger",
  "workerIdFromName",
];
const types = [
  "AcquireOptions",
  "CacheInfo",
  "CreateSessionOptions",
  "DecodeOptions",
  "Detection",
  "DrawingOptions",
  "ElementType",
  "EncodeOptions",
  "ErrorCode",
  "ExecuteOptions",
  "ExecutionProvider",
  "GpuMemory",
  "GpuMemoryOptions",
  "Logger",
  "MemoryReading",
  "ModelCacheEvents",
  "ModelCacheOptions",
  "ModelInfo",
  "ModelLease",
  "ModelTaskOptions",
  "ObjectCount",
  "OpenSharedSessionOptions",
  "OrangeryErrorOptions",
  "Picture",
  "PictureSource",
  "PredictOptions",
  "Prediction",
  "ReleaseReason",
  "RunOptions",
  "RunTasksOptions",
  "Runtime",
  "Session",
  "SharedSession",
  "TaskContext",
  "TaskOutcome",
  "TaskReport",
  "Tensor",
  "TensorData",
  "TensorInfo",
  "YoloModel",
  "YoloTask",
];

test("the package offers exactly these values", () => {
  assert.deepEqual(Object.keys(orangery).sort(), values);
});

test("the package offers exactly these types, each by name", () => {
  const source = readFileSync(new URL("index.ts", import.meta.url), "utf8");
  const lists = [...source.matchAll(/^export (type )?\{([^}]*)\} from "[^"]+";$/gm)];
  assert.equal(lists.length, source.match(/^export/gm)?.length, "`export *` names nothing");
  const exported = lists.flatMap(([, isTypes, list]) =>
    list!
      .split(",")
      .map((item) => item.trim())
      .filter((item) => item !== "" && (isTypes || item.startsWith("type ")))
      .map((item) => item.replace(/^type /, "")),
  );
  assert.deepEqual(exported.sort(), types);
});
