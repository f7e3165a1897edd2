/** A module of tasks that exports a class, and what belongs to it. */
import { ModelTask } from "../../tasks/model-task.ts";
import { blackPhoto } from "../../tasks/tiny-models.fixture.ts";

export default class CountDots extends ModelTask<number, number> {
  async run(times: number): Promise<number> {
    const model = await this.detModel;
    return times * (await model.predict(blackPhoto)).detections.length;
  }
}

export const models = { detect: "/nowhere/detect.onnx" };

export const parse = (data: unknown): number => Number(data);
