/**
 * The most numbers that a network may have, stored and as its modules use them. YOLOv5x6u, the
 * largest, has 155 million; they are half a gigabyte and more in float32. A checkpoint may hold more,
 * such as the optimizer's state: that is not read.
 */
export const MAX_WEIGHTS = 160_000_000;
