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
  "OwnRegions",
  "PhotoPipeline",
  "PictureSlice",
  "countObjects",
  "cutPicture",
  "decodePicture",
  "detectSliced",
  "drawDetections",
  "encodePicture",
  "errorCodes",
  "inReadingOrder",
  "isOrangeryError",
  "isRetryable",
  "mergeDetections",
  "objectDensities",
  "openPhoto",
  "planSlices",
  "runTasks",
  "savePicture",
  "segmentPhoto",
  "silentLogger",
  "workerIdFromName",
];
const types = [
  "AcquireOptions",
  "Blame",
  "CacheInfo",
  "Calibration",
  "ClassChoice",
  "ClassConfidence",
  "CountablePhoto",
  "CreateSessionOptions",
  "DecodeMode",
  "DecodeOptions",
  "DetectSlicedOptions",
  "Detection",
  "DetectionsFields",
  "DrawingOptions",
  "ElementType",
  "EncodeOptions",
  "ErrorCode",
  "ExecuteOptions",
  "ExecutionProvider",
  "ExecutionProviderName",
  "ExposureWarning",
  "GpuMemory",
  "GpuMemoryOptions",
  "LabelTarget",
  "LoadedSession",
  "Logger",
  "MemoryReading",
  "MergeOptions",
  "ModelCacheEvents",
  "ModelCacheOptions",
  "ModelInfo",
  "ModelLease",
  "ModelTaskOptions",
  "ModelUse",
  "ObjectCount",
  "ObjectDensity",
  "OpenPhoto",
  "OpenPhotoOptions",
  "OpenSharedSessionOptions",
  "OrangeryErrorOptions",
  "PartialWork",
  "PhotoInput",
  "PhotoModel",
  "PhotoPipelineOptions",
  "PhotoResult",
  "Picture",
  "PictureInput",
  "PictureOnDisk",
  "Pixels",
  "Polygon",
  "Precision",
  "PredictOptions",
  "PredictingModel",
  "Prediction",
  "ProcessOptions",
  "QuantizedModel",
  "RangeMethod",
  "ReducedPicture",
  "Region",
  "RegionsPhoto",
  "ReleaseReason",
  "ResumeOptions",
  "Rle",
  "RunOptions",
  "RunTasksOptions",
  "Runtime",
  "SampleOptions",
  "Segmentation",
  "Session",
  "SharedSession",
  "Slice",
  "SliceOptions",
  "SliceProgress",
  "SlicedPrediction",
  "SlicingOptions",
  "TaskContext",
  "TaskEnd",
  "TaskOutcome",
  "TaskProgress",
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
