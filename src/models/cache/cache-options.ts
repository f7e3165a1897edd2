import {
  checkOptions,
  type Defined,
  type Expectation,
  loggerShape,
  numberFrom,
  oneOf,
  optionsByName,
  optionsOf,
  refuseUnknown,
  requireOptions,
  text,
  trueOrFalse,
  wholeNumberFrom,
} from "../../base/check-options.ts";
import { calibrationOption } from "../../graph/quantize/calibration.ts";
import { type Logger, silentLogger } from "../../logger.ts";
import { onnxRuntime } from "../../native/onnx-runtime.ts";
import type { Runtime } from "../../native/runtime.ts";
import type { GpuMemoryOptions } from "../devices/device.ts";
import type { ReducedPrecision } from "../files/model-file.ts";
import { readCpuSettings } from "../runs/cpu-settings.ts";

/**
 * A model whose network is run in fewer bits than its file has: in int8, on the CPU, with a
 * calibration of this model, as `tryInt8` of `orangery/run` makes it; or in float16, which gains
 * time on GPUs.
 */
export interface ReducedModel extends ReducedPrecision {
  /** As the other models: a path, or the name of a sample model. */
  readonly file: string;
}

export interface ModelCacheOptions extends GpuMemoryOptions {
  /**
   * Model files by name: paths of `.pt` or ONNX files, `sample:seedlings` or `sample:beds`, and
   * with a precision or a calibration what is to be run in float16 or in int8. The
   * name `segment` is for a network that segments; every other name takes either task.
   */
  readonly models: Readonly<Record<string, string | ReducedModel>>;
  /**
   * `auto` (CUDA, then what the platform has, then the CPU), `cpu`, `cuda:N`, `tensorrt:N`,
   * `webgpu`, `coreml` or `directml:N`. Without `:N` it is the worker id. Default `auto`.
   */
  readonly device?: string | undefined;
  /** Uses the CPU whatever `device` says. Default false. */
  readonly forceCpu?: boolean | undefined;
  /** Fails rather than fall back to another device. Default false. */
  readonly requireDevice?: boolean | undefined;
  /** The worker id of callers that give none. Default 0. */
  readonly workerId?: number | undefined;
  /** Working memory is given back after this many tasks, from 1 up. Default 100. */
  readonly trimEvery?: number | undefined;
  /** Memory is logged after this many tasks, from 1 up. Default 10. */
  readonly logEvery?: number | undefined;
  /**
   * The most memory that loaded models may take together, from 1 up; a model that several workers
   * share counts once. Default: no limit.
   */
  readonly memoryBudgetBytes?: number | undefined;
  /** A model used within this time is not evicted: it would only be loaded again. Default 10 s. */
  readonly thrashWindowMs?: number | undefined;
  /** Models that nobody has used for this long are released. Default: never. */
  readonly expireAfterMs?: number | undefined;
  /** How often, at most, a model file is compared with the disk. Default 1 s. */
  readonly reloadCheckMs?: number | undefined;
  /** Runs a model once as it is loaded on the CPU too. Default false. */
  readonly warmUp?: boolean | undefined;
  /**
   * CPU threads of all runs together: a run that is alone has all of them, runs at the same time
   * share them. Default 0: ORANGERY_CPU_THREADS, else as many as there are cores.
   */
  readonly intraOpThreads?: number | undefined;
  /**
   * Runs at a time on a CPU, from 1 up. Default: ORANGERY_CPU_RUNS, else as many as pay, by what
   * the first runs take.
   */
  readonly cpuRuns?: number | undefined;
  /**
   * Whether the CPU threads of a run wait for each other by spinning. Default:
   * ORANGERY_CPU_SPINNING (0 or 1), else where the first runs show that it pays, and while other
   * processes leave the cores alone.
   */
  readonly cpuSpinning?: boolean | undefined;
  readonly logger?: Logger | undefined;
  /** Another runtime than ONNX Runtime. */
  readonly runtime?: Runtime | undefined;
}

/** The options that have a value whether one is given or not. */
type Defaulted = Exclude<
  keyof ModelCacheOptions,
  | "expireAfterMs"
  | "gpuMemoryLimitBytes"
  | "arenaGrowth"
  | "deviceOptions"
  | "cpuRuns"
  | "cpuSpinning"
>;
export type CheckedCacheOptions = Omit<ModelCacheOptions, Defaulted> &
  Defined<ModelCacheOptions, Defaulted>;

/**
 * Fills in defaults and checks every option but the device, which {@link DeviceChooser} knows.
 *
 * @throws `INVALID_ARGUMENT`
 */
export function checkCacheOptions(options: ModelCacheOptions): CheckedCacheOptions {
  const {
    models,
    device = "auto",
    forceCpu = false,
    requireDevice = false,
    workerId = 0,
    trimEvery = 100,
    logEvery = 10,
    memoryBudgetBytes = Number.POSITIVE_INFINITY,
    thrashWindowMs = 10_000,
    expireAfterMs,
    reloadCheckMs = 1000,
    warmUp = false,
    intraOpThreads = 0,
    cpuRuns,
    cpuSpinning,
    gpuMemoryLimitBytes,
    arenaGrowth,
    deviceOptions,
    logger = silentLogger,
    runtime = onnxRuntime,
    ...rest
  } = optionsOf("ModelCacheOptions", options);
  refuseUnknown("ModelCacheOptions", options, rest);
  const set = readCpuSettings();
  checkOptions({ trimEvery, logEvery, gpuMemoryLimitBytes, cpuRuns }, wholeNumberFrom(1));
  checkOptions({ forceCpu, requireDevice, warmUp, cpuSpinning }, trueOrFalse);
  checkOptions({ workerId, intraOpThreads }, wholeNumberFrom(0));
  checkOptions({ thrashWindowMs, expireAfterMs, reloadCheckMs }, numberFrom(0));
  checkOptions({ memoryBudgetBytes }, numberFrom(1));
  checkOptions({ arenaGrowth }, oneOf("power-of-two", "as-requested"));
  checkOptions({ device }, text("the name of a device"));
  checkOptions({ deviceOptions }, textsByName);
  checkOptions({ logger }, loggerShape);
  requireOptions({ models }, modelFiles);
  for (const [name, model] of Object.entries(models)) checkNamedModel(name, model);
  return {
    ...options,
    device,
    forceCpu,
    requireDevice,
    workerId,
    trimEvery,
    logEvery,
    memoryBudgetBytes,
    thrashWindowMs,
    reloadCheckMs,
    warmUp,
    // The threads of a slot among several are set by its supervisor.
    intraOpThreads: intraOpThreads || (set.intraOpThreads ?? 0),
    cpuRuns: cpuRuns ?? set.cpuRuns,
    cpuSpinning: cpuSpinning ?? set.cpuSpinning,
    logger,
    runtime,
  };
}

/** @throws `INVALID_ARGUMENT` */
export function checkNamedModel(name: string, model: string | ReducedModel): void {
  const given: Partial<ReducedModel> = typeof model === "string" ? { file: model } : (model ?? {});
  const { file, precision, calibration, ...rest } = given;
  const shown = typeof file === "string" ? file : model;
  requireOptions({ [`models.${name}`]: shown }, text("the path of a model file"));
  checkOptions({ [`models.${name}.precision`]: precision }, oneOf("float16"));
  checkOptions({ [`models.${name}.calibration`]: calibration }, calibrationOption);
  refuseUnknown("ReducedModel", given, rest);
}

/** @throws `INVALID_ARGUMENT` */
export function checkWorkerId(workerId: number | undefined): void {
  checkOptions({ workerId }, wholeNumberFrom(0));
}

const modelFiles: Expectation = {
  expected: "model files by name",
  holds: optionsByName.holds,
};

const textsByName: Expectation = {
  expected: 'texts by name, as in { num_streams: "1" }',
  holds: (value) =>
    optionsByName.holds(value) &&
    Object.values(value as object).every((option) => typeof option === "string"),
};
