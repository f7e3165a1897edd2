import type { RunnableModel } from "../../src/graph/run-model.fixture.ts";
import { scaleBoxes } from "../../src/vision/boxes/boxes.ts";
import { rawExtras, selectCandidates } from "../../src/vision/boxes/candidates.ts";
import { nms } from "../../src/vision/boxes/nms.ts";
import { letterbox } from "../../src/vision/letterbox/letterbox.ts";
import { planLetterbox } from "../../src/vision/letterbox/plan-letterbox.ts";
import type { Mask } from "../../src/vision/masks/mask.ts";
import { masksFromPrototypes, planPhotoMasks } from "../../src/vision/masks/prototypes.ts";
import type { Picture } from "../../src/vision/photo/picture.ts";

export interface Sight {
  /** x1, y1, x2, y2 in photo px. */
  readonly boxXyxy: readonly number[];
  readonly score: number;
  /** At photo size, from a segmenter. */
  readonly mask: Mask | undefined;
}

/** Looks at a picture as Ultralytics predicts: confidence 0.25, iou 0.7. */
export async function look(
  model: RunnableModel,
  picture: Picture,
  options: { readonly imageSize?: number; readonly minimumRectangle?: boolean } = {},
): Promise<Sight[]> {
  const { imageSize = 1280, minimumRectangle = true } = options;
  const plan = planLetterbox({
    photoWh: [picture.widthPx, picture.heightPx],
    inputWh: [imageSize, imageSize],
    minimumRectangle,
  });
  const data = new Float32Array(3 * plan.inputWidth * plan.inputHeight);
  letterbox(picture, plan, data);
  const dims = [1, 3, plan.inputHeight, plan.inputWidth];
  const { output0, output1 } = await model.run({ images: { data, dims } });

  const [, channelCount, anchorCount] = output0!.dims as [number, number, number];
  const head = { data: output0!.data, channelCount, anchorCount, classCount: 1 };
  const all = selectCandidates(head, { confidence: 0.25 });
  const kept = nms(all, { iou: 0.7, maxDetections: 2000 });
  const inputBoxes = Float32Array.from(
    [...kept].flatMap((i) => [...all.boxesXyxy.subarray(4 * i, 4 * i + 4)]),
  );
  const boxesXyxy = scaleBoxes(inputBoxes, plan);
  let masks: (Mask | undefined)[] = [];
  if (output1 !== undefined) {
    const [, count, height, width] = output1.dims as [number, number, number, number];
    masks = masksFromPrototypes({
      prototypes: { data: output1.data, count, height, width },
      coefficients: rawExtras(
        head,
        kept.map((i) => all.sourceIds[i]!),
      ),
      boxesXyxy,
      plan: planPhotoMasks(plan, { width, height }),
    });
  }
  return Array.from(kept, (candidate, i) => ({
    boxXyxy: [...boxesXyxy.subarray(4 * i, 4 * i + 4)],
    score: all.scores[candidate]!,
    mask: masks[i],
  }));
}
