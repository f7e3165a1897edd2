import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { CreateBucketCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { type S3Server, startS3Server } from "../../../../test/servers/s3-server.ts";
import { PhotoReader } from "../photo-reader.ts";
import { S3PhotoReader } from "./s3-photo-reader.ts";

const limits = { maxBytes: 1000, timeoutMs: 30_000, attempts: 2 };
const photo = Buffer.from("not a photo, but its bytes");
const keys = ["2026/a b.jpg", "2026/b.JPG", "2026/deep/c.png", "2026/notes.txt", "20261/other.jpg"];

let server: S3Server | undefined;
let source: S3PhotoReader;

before(async () => {
  // Nothing of the machine's own settings.
  process.env.AWS_CONFIG_FILE = join(import.meta.dirname, "no-such-file");
  delete process.env.AWS_REGION;
  delete process.env.AWS_DEFAULT_REGION;
  server = await startS3Server();
  Object.assign(process.env, server.env);
  await fill();
  source = new S3PhotoReader(limits);
});
after(async () => {
  source?.[Symbol.dispose]();
  await server?.[Symbol.asyncDispose]();
});

async function fill(): Promise<void> {
  const client = new S3Client({
    region: "us-east-1",
    forcePathStyle: true,
    requestChecksumCalculation: "WHEN_REQUIRED",
  });
  try {
    await client.send(new CreateBucketCommand({ Bucket: "trays" }));
    for (const Key of keys) {
      await client.send(new PutObjectCommand({ Bucket: "trays", Key, Body: photo }));
    }
    const many = Array.from({ length: 1100 }, (_, i) => `many/${String(i).padStart(4, "0")}.jpg`);
    const put = (Key: string) =>
      client.send(new PutObjectCommand({ Bucket: "trays", Key, Body: "x" }));
    while (many.length > 0) await Promise.all(many.splice(0, 50).map(put));
  } finally {
    client.destroy();
  }
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

async function namesOf(name: string): Promise<string[]> {
  return (await collect(source.list(name))).map(({ name }) => name);
}

/** Reads from another server. */
async function withEndpoint(
  url: string | undefined,
  work: (reader: S3PhotoReader) => Promise<void>,
): Promise<void> {
  const endpoint = process.env.AWS_ENDPOINT_URL_S3;
  if (url === undefined) delete process.env.AWS_ENDPOINT_URL_S3;
  else process.env.AWS_ENDPOINT_URL_S3 = url;
  try {
    using reader = new S3PhotoReader(limits);
    await work(reader);
  } finally {
    process.env.AWS_ENDPOINT_URL_S3 = endpoint;
  }
}

/** Reads from a server that has one answer. */
async function withAnswer(
  { status, answer, type }: { status: number; answer: string; type: string },
  work: (reader: S3PhotoReader) => Promise<void>,
): Promise<void> {
  const other = createServer((_request, response) =>
    response.writeHead(status, { "content-type": type }).end(answer),
  );
  await once(other.listen(0, "127.0.0.1"), "listening");
  try {
    await withEndpoint(`http://127.0.0.1:${(other.address() as AddressInfo).port}`, work);
  } finally {
    other.closeAllConnections();
    other.close();
  }
}

describe("S3Source", () => {
  test("lists the photos under a folder, and only those", async () => {
    const expected = ["a b.jpg", "b.JPG", "deep/c.png"].map((key) => `s3://trays/2026/${key}`);
    assert.deepEqual(await namesOf("s3://trays/2026/"), expected);
    assert.deepEqual(await namesOf("s3://trays/2026"), expected);
  });

  test("lists a bucket of more photos than one answer holds", async () => {
    const names = await namesOf("s3://trays/many/");
    assert.equal(new Set(names).size, 1100);
    assert.equal((await namesOf("s3://trays")).length, 1104);
  });

  test("lists one photo with its size and time", async () => {
    const [listed, ...others] = await collect(source.list("s3://trays/2026/a b.jpg"));
    assert.deepEqual(others, []);
    assert.equal(listed?.source, "s3://trays/2026/a b.jpg");
    assert.equal(listed.sizeBytes, photo.length);
    assert.ok(listed.mtimeUs > 0);
  });

  test("reads a photo and hashes it", async () => {
    const { bytes, content } = await source.read("s3://trays/2026/a b.jpg");
    assert.deepEqual(Buffer.from(bytes), photo);
    assert.equal(content.sha256, createHash("sha256").update(photo).digest("hex"));
    assert.equal(content.sizeBytes, photo.length);
  });

  test("reports what is not there", async () => {
    for (const name of ["s3://trays/none.jpg", "s3://nobody/a.jpg"]) {
      await assert.rejects(source.read(name), { code: "PHOTO_NOT_FOUND" });
      await assert.rejects(namesOf(name), { code: "PHOTO_NOT_FOUND" });
    }
    await assert.rejects(namesOf("s3://nobody/folder/"), { code: "PHOTO_NOT_FOUND" });
    assert.deepEqual(await namesOf("s3://trays/empty/"), []);
  });

  test("refuses a photo above the limit, and a name without a bucket", async () => {
    using narrow = new S3PhotoReader({ ...limits, maxBytes: 5 });
    await assert.rejects(narrow.read("s3://trays/2026/a b.jpg"), { code: "PHOTO_TOO_LARGE" });
    await assert.rejects(source.read("s3:///a.jpg"), { code: "PHOTO_NOT_FOUND" });
  });

  test("knows a server that is away from a missing photo, and says why", async () => {
    await withEndpoint("http://127.0.0.1:9", async (away) => {
      await assert.rejects(away.read("s3://trays/2026/a b.jpg"), {
        code: "PHOTO_FETCH_FAILED",
        message: /S3 failed: ECONNREFUSED\./,
      });
    });
  });

  test("says that no region is named", async () => {
    await withEndpoint(undefined, async (nowhere) => {
      await assert.rejects(nowhere.read("s3://trays/2026/a b.jpg"), {
        code: "PHOTO_NOT_FOUND",
        message: /got no region\. .*AWS_REGION/,
      });
    });
  });

  for (const [status, name, code, words] of [
    [301, "PermanentRedirect", "PHOTO_NOT_FOUND", /AWS_REGION/],
    [400, "AuthorizationHeaderMalformed", "PHOTO_NOT_FOUND", /AWS_REGION/],
    [400, "InvalidBucketName", "PHOTO_NOT_FOUND", /Check the bucket/],
    [400, "ExpiredToken", "PHOTO_FETCH_FAILED", /Renew the credentials/],
    [400, "RequestTimeout", "PHOTO_FETCH_FAILED", /Try again/],
    [503, "SlowDown", "PHOTO_FETCH_FAILED", /Try again/],
  ] as const) {
    test(`knows whether ${name} passes`, async () => {
      const answer = `<?xml version="1.0"?><Error><Code>${name}</Code></Error>`;
      await withAnswer({ status, answer, type: "application/xml" }, async (asked) => {
        await assert.rejects(asked.read("s3://trays/a.jpg"), { code, message: words });
        await assert.rejects(collect(asked.list("s3://trays/folder/")), { code, message: words });
      });
    });
  }

  test("does not take a proxy's page for an empty folder", async () => {
    const answer = "<html><body>Please log in</body></html>";
    await withAnswer({ status: 200, answer, type: "text/html" }, async (asked) => {
      await assert.rejects(collect(asked.list("s3://trays/folder/")), {
        code: "PHOTO_FETCH_FAILED",
        message: /See whether a proxy answers/,
      });
    });
  });

  test("rejects with the signal's reason", async () => {
    const reason = new Error("enough");
    const signal = AbortSignal.abort(reason);
    await assert.rejects(source.read("s3://trays/2026/a b.jpg", { signal }), reason);
  });
});

describe("PhotoReader", () => {
  test("lists files and buckets in the order of the names, and reads what it listed", async () => {
    using sources = new PhotoReader();
    const examples = join(import.meta.dirname, "../../../../examples/photos");
    const listed = await collect(
      sources.list(["s3://trays/2026/deep/", join(examples, "tray-1.jpg"), "s3://trays/20261"]),
    );
    assert.deepEqual(
      listed.map(({ source }) => source),
      ["s3://trays/2026/deep/c.png", join(examples, "tray-1.jpg"), "s3://trays/20261/other.jpg"],
    );
    for (const { name, sizeBytes } of listed) {
      assert.equal((await sources.read(name)).bytes.length, sizeBytes);
    }
  });

  for (const name of ["ftp://host/a.jpg", "constructor://a", "gs://bucket/a.jpg"]) {
    test(`does not know ${name}`, async () => {
      using sources = new PhotoReader();
      await assert.rejects(sources.read(name), { code: "PHOTO_NOT_FOUND" });
      await assert.rejects(collect(sources.list([name])), { code: "PHOTO_NOT_FOUND" });
    });
  }

  test("refuses limits that cannot be", () => {
    for (const options of [{ maxBytes: 0 }, { timeoutMs: Number.NaN }, { attempts: -1 }]) {
      assert.throws(() => new PhotoReader(options), { code: "INVALID_ARGUMENT" });
    }
  });
});
