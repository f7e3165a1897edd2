/** A worker thread for model-cache.test.ts: loads, predicts, answers, and ends at a message. */
import { parentPort, workerData } from "node:worker_threads";
import { blackPhoto } from "../yolo/tiny-yolo.fixture.ts";
import { ModelCache } from "./model-cache.ts";

await using cache = new ModelCache({ models: workerData, device: "cpu" });
const model = await cache.get("detect");
const { detections } = await model.predict(blackPhoto);
const ended = new Promise((resolve) => parentPort!.once("message", resolve));
parentPort!.postMessage({ loads: cache.info().loads, found: detections.length });
await ended;
