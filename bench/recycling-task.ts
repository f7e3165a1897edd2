/** The task of bench/recycling.ts: a photo of 12 MP is decoded and predicted in 12 slices. */
import { ModelTask } from "../src/tasks/model-task.ts";
import { cutPicture } from "../src/vision/photo/cut-picture.ts";
import { decodePicture } from "../src/vision/photo/decode-picture.ts";
import { planSlices } from "../src/vision/slices/plan-slices.ts";

export default class CountInSlices extends ModelTask<{ photo: string }, number> {
  async run({ photo }: { photo: string }): Promise<number> {
    const model = await this.detModel;
    const picture = await decodePicture(photo);
    const photoWh = [picture.widthPx, picture.heightPx] as const;
    let found = 0;
    for (const slice of planSlices({ photoWh, sliceWh: [1120, 1120], overlap: 0.1 })) {
      const { detections } = await model.predict(cutPicture(picture, slice));
      found += detections.length;
    }
    return found;
  }
}
