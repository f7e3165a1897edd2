import type { YoloNetwork } from "../../graph/yolo/modules.ts";
import { RandomBlocks } from "../../graph/yolo/random-blocks.fixture.ts";
import { RandomModules } from "../../graph/yolo/random-modules.fixture.ts";
import { dict, type Writable } from "../pickle/pickle-writer.fixture.ts";
import { yoloModel } from "./network-writer.fixture.ts";

/**
 * A segmentation network with a module of most kinds, so small that thousands are read in seconds.
 */
export function smallCheckpoint(seed = 0): Writable {
  const random = new RandomModules(seed);
  const blocks = new RandomBlocks(random);
  const head = blocks.segment([4], {
    classCount: 2,
    separable: true,
    endToEnd: false,
    distributions: true,
    strides: [8],
    protoWidth: 4,
  });
  const network: YoloNetwork = {
    layers: [
      { from: [-1], module: random.conv(3, 4, { kernel: 3, stride: 2 }) },
      { from: [0], module: random.conv(4, 4, { kernel: 3, stride: 2 }) },
      { from: [1], module: blocks.c2f(4, 4, { repeats: 1, add: true }) },
      { from: [2], module: random.conv(4, 4, { kernel: 3, stride: 2 }) },
    ],
    head: { from: [3], module: head },
  };
  return dict({
    version: "8.4.126",
    epoch: -1,
    model: yoloModel("ultralytics.nn.tasks.SegmentationModel", {
      network,
      elementType: "float16",
    }),
    train_args: dict({ imgsz: 320, lr0: 0.01 }),
  });
}
