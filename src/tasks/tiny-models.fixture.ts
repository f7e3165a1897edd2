import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serializeModel } from "../graph/onnx/model-writer.ts";
import { buildYolo11, type Yolo11Task } from "../graph/yolo/yolo11.fixture.ts";

/** Two real networks of 32×32 pixels with random weights, as files in a folder of their own. */
export class TinyModels implements AsyncDisposable {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async create(): Promise<TinyModels> {
    const models = new TinyModels(await mkdtemp(join(tmpdir(), "orangery-tasks-")));
    await models.write("segment", 1);
    await models.write("detect", 1);
    return models;
  }

  /** Another seed makes another model of the same name. */
  async write(task: Yolo11Task, seed: number, file = this.files[task]): Promise<void> {
    const model = buildYolo11({
      scale: "n",
      narrow: true,
      task,
      classCount: 1,
      imageSize: 32,
      seed,
    });
    await writeFile(file, serializeModel(model));
  }

  get files(): Readonly<Record<Yolo11Task, string>> {
    return { segment: join(this.folder, "segment.onnx"), detect: join(this.folder, "detect.onnx") };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** A photo that needs no decoding. */
export const blackPhoto = { data: new Uint8Array(3 * 32 * 32), widthPx: 32, heightPx: 32 };
