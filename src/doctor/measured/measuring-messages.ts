import type { RunChoice } from "../../models/runs/choose-runs.ts";
import type { ModelDescription } from "../../models/yolo/model-description.ts";

/** What a measuring process is to do. It does one thing and ends. */
export type MeasuringOrder =
  | { readonly kind: "survey" }
  | { readonly kind: "device"; readonly device: string }
  | { readonly kind: "load"; readonly model: string }
  | { readonly kind: "predictions"; readonly model: string };

/** What it answers with, by order. */
export interface MeasuringAnswers {
  readonly survey: RuntimeSurvey;
  readonly device: DeviceSpeed;
  readonly load: MeasuredLoad;
  readonly predictions: MeasuredPredictions;
}

/** A device that this machine may have. */
export interface CandidateDevice {
  /** Its name; `provider` for the library of a plugin that brings none. */
  readonly device: string;
  /** What it plainly lacks; undefined where nothing can be seen to be missing. */
  readonly missing: string | undefined;
}

/** The runtime, and the devices that it may run on. */
export interface RuntimeSurvey {
  readonly version: string;
  readonly file: string;
  readonly devices: readonly CandidateDevice[];
  readonly nvidia: NvidiaSurvey | undefined;
  /** Why NVIDIA's library could not be used. */
  readonly nvidiaFailure: string | undefined;
}

/** NVIDIA's driver and cards. */
export interface NvidiaSurvey {
  readonly driverVersion: string;
  readonly cudaVersion: string | undefined;
  readonly gpus: readonly { readonly name: string; readonly totalBytes: number | undefined }[];
}

/** How fast a device computes a convolution. */
export interface DeviceSpeed {
  readonly device: string;
  readonly ms: number;
  readonly gflop: number;
}

/** A model's first load, by a process that has nothing of it. */
export interface MeasuredLoad {
  readonly description: Pick<
    ModelDescription,
    "task" | "imageSizeHw" | "elementType" | "description" | "gflops" | "parameters"
  >;
  readonly classes: number;
  readonly format: "checkpoint" | "onnx";
  readonly fileBytes: number;
  readonly sha256: string;
  readonly loadMs: number;
  /** Why no network in int8 can be made of it, and what to do; undefined where one can. */
  readonly whyNoInt8: string | undefined;
}

/** A model that is loaded as it was saved, and its predictions. */
export interface MeasuredPredictions {
  readonly device: string;
  /** Why it is not the first device that `auto` would take. */
  readonly fallbackReason: string | undefined;
  readonly precision: string;
  readonly loadMs: number;
  readonly firstMs: number;
  readonly medianMs: number;
  readonly predictions: number;
  /** Of the process, after some predictions and after the last. */
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** The most memory that the process has had. */
  readonly peakBytes: number;
  /** How runs of several photos share the cores; undefined on a device that is no CPU. */
  readonly runs: RunChoice | undefined;
}

/** From a measuring process to the one that started it. */
export type MeasuringMessage =
  | { readonly answer: MeasuringAnswers[keyof MeasuringAnswers] }
  | { readonly progress: string }
  | {
      readonly failure: {
        readonly code: string | undefined;
        readonly message: string;
      };
    };
