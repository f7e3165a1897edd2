/** Builds the sample models, which are shipped as the files in `src/models/samples/`. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { serializeModel } from "../src/graph/onnx/model-writer.ts";
import { buildBedSegmenter } from "./samples/bed-segmenter.ts";
import { buildSeedlingDetector } from "./samples/seedling-detector.ts";

const folder = join(import.meta.dirname, "..", "src", "models", "samples");
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, "seedlings.onnx"), serializeModel(buildSeedlingDetector()));
writeFileSync(join(folder, "beds.onnx"), serializeModel(buildBedSegmenter()));
