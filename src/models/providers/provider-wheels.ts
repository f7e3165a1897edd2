import type { AddableProvider } from "../../native/library/added-runtime.ts";
import { openVinoLibrary } from "../../native/providers/plugins.ts";

/** A file of a wheel, and where it is in it. */
export interface WheelMember {
  readonly path: string;
  readonly bytes: number;
}

/** A package of PyPI, pinned: a wheel is a zip file. */
export interface Wheel {
  readonly project: string;
  readonly version: string;
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
  /** The files that are needed of it. */
  readonly members: readonly WheelMember[];
  /** Those that are opened before the provider, in this order. Default: all. */
  readonly opened?: readonly string[] | undefined;
}

/** What a provider is made of on one platform. */
export interface ProviderWheels {
  /** The version of ONNX Runtime that it must be used with; undefined where many will do. */
  readonly runtimeVersion?: string | undefined;
  /** The provider itself. */
  readonly provider: Wheel;
  /** What the provider needs, in the order of loading. */
  readonly libraries: readonly Wheel[];
}

/**
 * CUDA for Linux on x64. Microsoft's wheel of ONNX Runtime 1.30.0 is built with CUDA 13.0, and so
 * are these libraries, which every driver from 580 runs. cuDNN 9.20 is the last of 366 MB; later
 * ones have 500 and more.
 */
const cudaForLinux: ProviderWheels = {
  runtimeVersion: "1.30.0",
  provider: {
    project: "onnxruntime-gpu",
    version: "1.30.0",
    file: "onnxruntime_gpu-1.30.0-cp312-cp312-manylinux_2_28_x86_64.whl",
    bytes: 246_685_715,
    sha256: "6acc0f4b3d5ac5f2984432faa59dd8fcce6775f8b43a7140afa0f322c7a703b1",
    members: [
      { path: "onnxruntime/capi/libonnxruntime_providers_shared.so", bytes: 14_632 },
      { path: "onnxruntime/capi/libonnxruntime_providers_cuda.so", bytes: 272_049_904 },
    ],
  },
  libraries: [
    {
      project: "nvidia-cuda-runtime",
      version: "13.0.96",
      file: "nvidia_cuda_runtime-13.0.96-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
      bytes: 2_243_632,
      sha256: "7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548",
      members: [{ path: "nvidia/cu13/lib/libcudart.so.13", bytes: 704_288 }],
    },
    {
      project: "nvidia-cublas",
      version: "13.0.2.14",
      file: "nvidia_cublas-13.0.2.14-py3-none-manylinux_2_27_x86_64.whl",
      bytes: 420_882_912,
      sha256: "0cf238ffdbe46c00cb9aa98e7bca745c223a5ca5a53e686ac8b3e5a08fe80d6c",
      members: [
        { path: "nvidia/cu13/lib/libcublasLt.so.13", bytes: 539_533_072 },
        { path: "nvidia/cu13/lib/libcublas.so.13", bytes: 54_440_120 },
      ],
    },
    {
      project: "nvidia-curand",
      version: "10.4.0.35",
      file: "nvidia_curand-10.4.0.35-py3-none-manylinux_2_27_x86_64.whl",
      bytes: 59_544_258,
      sha256: "1aee33a5da6e1db083fe2b90082def8915f30f3248d5896bcec36a579d941bfc",
      members: [{ path: "nvidia/cu13/lib/libcurand.so.10", bytes: 132_698_328 }],
    },
    {
      // cuDNN compiles some kernels when they are first needed.
      project: "nvidia-cuda-nvrtc",
      version: "13.0.88",
      file: "nvidia_cuda_nvrtc-13.0.88-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl",
      bytes: 90_215_200,
      sha256: "ad9b6d2ead2435f11cbb6868809d2adeeee302e9bb94bcf0539c7a40d80e8575",
      members: [
        { path: "nvidia/cu13/lib/libnvrtc-builtins.so.13.0", bytes: 4_380_616 },
        { path: "nvidia/cu13/lib/libnvrtc.so.13", bytes: 109_338_064 },
      ],
    },
    {
      project: "nvidia-cudnn-cu13",
      version: "9.20.0.48",
      file: "nvidia_cudnn_cu13-9.20.0.48-py3-none-manylinux_2_27_x86_64.whl",
      bytes: 366_173_588,
      sha256: "0c45dd8eeb50b603f07995b1b300c62ffe6a1980482b82b3bcf94a4ca9d49304",
      members: [
        { path: "nvidia/cudnn/lib/libcudnn_graph.so.9", bytes: 4_460_192 },
        { path: "nvidia/cudnn/lib/libcudnn_ops.so.9", bytes: 39_855_888 },
        { path: "nvidia/cudnn/lib/libcudnn_cnn.so.9", bytes: 4_203_904 },
        { path: "nvidia/cudnn/lib/libcudnn_adv.so.9", bytes: 109_169_104 },
        { path: "nvidia/cudnn/lib/libcudnn_heuristic.so.9", bytes: 60_822_040 },
        { path: "nvidia/cudnn/lib/libcudnn_engines_precompiled.so.9", bytes: 245_391_920 },
        { path: "nvidia/cudnn/lib/libcudnn_engines_runtime_compiled.so.9", bytes: 29_386_664 },
        { path: "nvidia/cudnn/lib/libcudnn.so.9", bytes: 129_240 },
      ],
      // It finds the others beside itself when it needs them.
      opened: ["libcudnn.so.9"],
    },
  ],
};

/**
 * OpenVINO 2026.4 for Linux on x64, under the Apache License 2.0: processors, GPUs and NPUs of
 * Intel. A plugin, which asks for ONNX Runtime 1.23 or newer.
 */
const openVinoForLinux: ProviderWheels = {
  provider: {
    project: "onnxruntime-ep-openvino",
    version: "1.8.1",
    file: "onnxruntime_ep_openvino-1.8.1-py3-none-manylinux_2_28_x86_64.whl",
    bytes: 52_587_628,
    sha256: "3832643158c8c187fcab6db661cde2a8c06a2b3559d95d0f2411ac0e51c5e924",
    members: Object.entries({
      "cache.json": 8_840_377,
      "libhwloc.so.15": 473_321,
      [openVinoLibrary]: 3_069_280,
      "libopenvino.so.2641": 20_526_937,
      "libopenvino_auto_batch_plugin.so": 265_129,
      "libopenvino_auto_plugin.so": 685_129,
      "libopenvino_hetero_plugin.so": 559_265,
      "libopenvino_intel_cpu_plugin.so": 63_691_929,
      "libopenvino_intel_gpu_plugin.so": 41_732_569,
      "libopenvino_intel_npu_plugin.so": 10_595_337,
      "libopenvino_ir_frontend.so.2641": 640_313,
      "libopenvino_onnx_frontend.so.2641": 6_827_321,
      "libtbb.so.12": 369_313,
      "libtbbbind_2_5.so.3": 33_025,
      "libtbbmalloc.so.2": 159_729,
      "third-party-programs.txt": 13_680,
    }).map(([name, bytes]) => ({ path: `onnxruntime_ep_openvino/${name}`, bytes })),
  },
  libraries: [],
};

const known: readonly [AddableProvider, platform: string, ProviderWheels][] = [
  ["cuda", "linux/x64", cudaForLinux],
  ["openvino", "linux/x64", openVinoForLinux],
];

/** Returns what a provider takes with a runtime on this platform; undefined where none is known. */
export function providerWheels(
  provider: AddableProvider,
  runtimeVersion: string,
  { platform = process.platform, arch = process.arch }: { platform?: string; arch?: string } = {},
): ProviderWheels | undefined {
  return known.find(
    ([name, place, wheels]) =>
      name === provider &&
      place === `${platform}/${arch}` &&
      (wheels.runtimeVersion ?? runtimeVersion) === runtimeVersion,
  )?.[2];
}
