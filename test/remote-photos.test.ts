/** Photos that are no files, by `orangery run` and by a fleet. */
import assert from "node:assert/strict";
import { createReadStream } from "node:fs";
import { access, readFile, rename } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { CreateBucketCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { PhotoJob } from "../src/pipeline/run/photo-job.ts";
import { collect, OwnCache, PhotosToCount, untilDone } from "./fleet-photos.fixture.ts";
import { openRedis } from "./servers/redis-server.ts";
import { startS3Server } from "./servers/s3-server.ts";

const servers = new AsyncDisposableStack();
let photos: PhotosToCount;
let put: (key: string, number: number) => Promise<unknown>;
let putBytes: (key: string, bytes: Uint8Array) => Promise<unknown>;
const sources = ["s3://trays/2026/00000.jpg", "s3://trays/2026/00001.jpg"];

before(async () => {
  servers.use(await OwnCache.create());
  Object.assign(process.env, servers.use(await startS3Server()).env);
  photos = servers.use(await PhotosToCount.create(2));
  const client = new S3Client({
    region: "us-east-1",
    forcePathStyle: true,
    requestChecksumCalculation: "WHEN_REQUIRED",
  });
  await client.send(new CreateBucketCommand({ Bucket: "trays" }));
  servers.defer(() => client.destroy());
  putBytes = (Key, Body) => client.send(new PutObjectCommand({ Bucket: "trays", Key, Body }));
  put = async (key, number) => await putBytes(key, await readFile(photos.photo(number)));
  for (const number of [0, 1]) await put(`2026/0000${number}.jpg`, number);
});
after(async () => await servers[Symbol.asyncDispose]());

test("a bucket is watched: photos are counted as they arrive, until the job is stopped", async () => {
  await put("arriving/a.jpg", 0);
  await using job = await PhotoJob.open({
    ...photos.count,
    paths: ["s3://trays/arriving/"],
    resultsFile: join(photos.folder, "..", "arriving.db"),
    watch: { everyMs: 10 },
  });
  assert.equal(await job.add(), 1);
  const stop = new AbortController();
  const events: string[] = [];
  await job.run({
    stop: stop.signal,
    onPhoto: async ({ source, outcome }) => {
      const count = events.push(`${source} ${outcome}`);
      if (count === 1) await put("arriving/b.jpg", 0);
      if (count === 2) await put("arriving/a.jpg", 1);
      if (count === 3) stop.abort();
    },
  });
  assert.deepEqual(events, [
    "s3://trays/arriving/a.jpg inferred",
    "s3://trays/arriving/b.jpg known",
    "s3://trays/arriving/a.jpg inferred",
  ]);
});

test("a folder of a bucket is run, drawn, and not done again", async () => {
  const folder = join(photos.folder, "..");
  const options = {
    ...photos.count,
    paths: ["s3://trays/2026/"],
    resultsFile: join(folder, "s3.db"),
    annotateFolder: join(folder, "annotated"),
  };
  const outcomes: string[] = [];
  for (let run = 0; run < 2; run += 1) {
    await using job = await PhotoJob.open(options);
    assert.equal(await job.add(), 2);
    await job.run({ onPhoto: ({ source, outcome }) => void outcomes.push(`${outcome} ${source}`) });
    assert.deepEqual(
      (await collect(job.view.photos())).map(({ source }) => source),
      sources,
    );
  }
  assert.deepEqual(
    outcomes.sort(),
    sources.map((source) => `inferred ${source}`),
  );
  await access(options.annotateFolder);
});

test("a folder of a bucket is counted, with a model of the bucket, and then known", async () => {
  await using redis = await openRedis();
  await using queue = await photos.openQueue(redis.url);
  const names = ["s3://trays/2026"];
  assert.equal((await photos.enqueue(queue.queue, names)).added, 2);
  const model = photos.count.detect.file;
  await putBytes("models/detect.onnx", await readFile(model));
  await rename(model, `${model}.away`);
  await using _worker = await photos.startWorker(queue, { models: ["s3://trays/models/"] });
  await untilDone(queue.queue);
  await rename(`${model}.away`, model);
  assert.deepEqual(
    (await photos.results()).map(({ source }) => source),
    sources,
  );
  assert.equal((await photos.enqueue(queue.queue, names)).done, 2);
});

test("a signed URL is run by its whole name, and recorded without its signature", async () => {
  const server = createServer((request, response) => {
    if (request.url!.includes("X-Amz-Signature=5ec7e7")) {
      createReadStream(photos.photo(0)).pipe(response);
    } else response.writeHead(403).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/a.jpg`;
  try {
    await using job = await PhotoJob.open({
      ...photos.count,
      paths: [`${url}?X-Amz-Signature=5ec7e7`],
      resultsFile: join(photos.folder, "..", "url.db"),
      allowPrivateAddresses: true,
    });
    await job.add();
    await job.run();
    const reported = await collect(job.view.photos());
    assert.deepEqual(
      reported.map(({ source, state }) => [source, state]),
      [[url, "done"]],
    );
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
