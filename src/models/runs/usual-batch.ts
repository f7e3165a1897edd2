/**
 * Pictures in a run. ONNX Runtime's own CPU provider takes no less for a picture of many than for
 * one; OpenVINO takes half as long in int8 for each of 8, up to as many pixels.
 */
export const usualBatch = {
  cpu: 1,
  otherCpu: 8,
  otherCpuPixels: 8 * 320 ** 2,
  gpu: 16,
} as const;
