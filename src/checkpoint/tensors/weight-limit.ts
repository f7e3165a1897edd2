/**
 * The most numbers that a network may have. YOLOv5x6u, the largest, has 155 million; they are half
 * a gigabyte and more in float32. A checkpoint may hold more, such as the optimizer's state: that
 * is not read.
 */
export const maxWeights = 160_000_000;

/** The most bytes that are read of storages: float64, and what stands between the records. */
export const maxStoredBytes = 9 * maxWeights;

/**
 * Returns the most numbers that a network's modules may use, where `storedElements` are stored.
 * Usually the two are equal. Tensors may share a storage and modules a tensor, but only within a
 * limit, so that little data cannot expand into much.
 */
export function mostWeights(storedElements: number): number {
  return Math.min(maxWeights, 2 * storedElements + 2 ** 20);
}
