/** The task `count` of tasks.py, done by a worker of Orangery: run.sh starts one. */
import { ModelTask, type TaskContext } from "orangery";

interface PhotoCall {
  readonly photo: string;
}

export const models = { segment: "sample:beds", detect: "sample:seedlings" };
/** The parameters of the Python function, so that callers may give them by position or by name. */
export const parameters = ["photo"];

export default class CountPlants extends ModelTask<PhotoCall, { beds: number; plants: number }> {
  async run({ photo }: PhotoCall, { signal }: TaskContext) {
    const segment = await this.segModel;
    const detect = await this.detModel;
    const beds = await segment.predict(photo, { signal, maxDetections: 2000 });
    const plants = await detect.predict(photo, { signal, maxDetections: 2000 });
    return { beds: beds.detections.length, plants: plants.detections.length };
  }
}
