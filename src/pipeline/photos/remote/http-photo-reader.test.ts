import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, beforeEach, describe, test } from "node:test";
import { isOrangeryError } from "../../../errors.ts";
import { HttpPhotoReader, toPublicUrl } from "./http-photo-reader.ts";

const photo = Buffer.from("not a photo, but its bytes");
const sha256 = createHash("sha256").update(photo).digest("hex");

let server: Server;
let base: string;
let answer: RequestListener;
let requests: string[];

before(async () => {
  server = createServer((request, response) => {
    requests.push(request.url ?? "");
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(() => {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(resolve));
});
beforeEach(() => {
  requests = [];
  answer = (_request, response) => response.end(photo);
});

function createSource(options: Partial<ConstructorParameters<typeof HttpPhotoReader>[0]> = {}) {
  return new HttpPhotoReader({
    allowPrivateAddresses: true,
    maxBytes: 1000,
    timeoutMs: 10_000,
    attempts: 1,
    ...options,
  });
}

describe("HttpSource", () => {
  test("fetches a photo and hashes it", async () => {
    answer = (_request, response) => {
      response.setHeader("last-modified", "Mon, 02 Nov 2026 10:00:00 GMT");
      response.end(photo);
    };
    using source = createSource();
    const { bytes, content } = await source.read(`${base}/a.jpg`);
    assert.deepEqual(Buffer.from(bytes), photo);
    assert.deepEqual(content, {
      sha256,
      sizeBytes: photo.length,
      mtimeUs: Date.parse("2026-11-02T10:00:00Z") * 1000,
    });
  });

  test("refuses an address of one's own network unless it is allowed", async () => {
    using source = createSource({ allowPrivateAddresses: false });
    const named = `${base.replace("127.0.0.1", "localhost")}/a.jpg`;
    for (const url of [`${base}/a.jpg`, named]) {
      await assert.rejects(source.read(url), { code: "PHOTO_ADDRESS_REFUSED" });
    }
    assert.deepEqual(requests, []);
  });

  test("refuses a photo that is announced as too large before it is sent", async () => {
    answer = (_request, response) => {
      response.writeHead(200, { "content-length": "1001" });
      response.flushHeaders();
    };
    using source = createSource();
    await assert.rejects(source.read(`${base}/a.jpg`), { code: "PHOTO_TOO_LARGE" });
  });

  test("stops at the limit when the size is not announced", async () => {
    answer = (_request, response) => {
      const write = () => {
        if (!response.destroyed) response.write(photo, () => setImmediate(write));
      };
      write();
    };
    using source = createSource();
    await assert.rejects(source.read(`${base}/a.jpg`), { code: "PHOTO_TOO_LARGE" });
  });

  test("tries again after a status that passes, and heeds what the server asks for", async () => {
    answer = (_request, response) => {
      if (requests.length > 2) return response.end(photo);
      return response.writeHead(503, { "retry-after": "0" }).end();
    };
    using source = createSource({ attempts: 3 });
    assert.equal((await source.read(`${base}/a.jpg`)).content.sha256, sha256);
    assert.equal(requests.length, 3);
  });

  test("tries again when the body breaks off", async () => {
    answer = (_request, response) => {
      if (requests.length > 1) return response.end(photo);
      response.writeHead(200, { "content-length": String(photo.length) });
      return response.write(photo.subarray(0, 5), () => response.destroy());
    };
    using source = createSource({ attempts: 2 });
    assert.equal((await source.read(`${base}/a.jpg`)).content.sha256, sha256);
  });

  test("says after the last attempt what failed", async () => {
    answer = (request) => request.socket.destroy();
    using source = createSource({ attempts: 2 });
    await assert.rejects(source.read(`${base}/a.jpg`), { code: "PHOTO_FETCH_FAILED" });
    assert.equal(requests.length, 2);
  });

  test("gives up on a server that does not answer in time", async () => {
    answer = () => {};
    using source = createSource({ timeoutMs: 50 });
    await assert.rejects(source.read(`${base}/a.jpg`), {
      code: "PHOTO_FETCH_FAILED",
      message: /within 50 ms/,
    });
  });

  for (const status of [500, 507, 522]) {
    test(`tries again after status ${status}`, async () => {
      answer = (_request, response) =>
        requests.length > 1 ? response.end(photo) : response.writeHead(status).end();
      using source = createSource({ attempts: 2 });
      assert.equal((await source.read(`${base}/${status}.jpg`)).content.sha256, sha256);
    });
  }

  for (const status of [401, 403, 404, 410, 501]) {
    test(`does not try again after status ${status}`, async () => {
      answer = (_request, response) => response.writeHead(status).end();
      using source = createSource({ attempts: 3 });
      const path = `/${status}.jpg`;
      await assert.rejects(source.read(base + path), { code: "PHOTO_NOT_FOUND" });
      // The request that was given up may arrive only now.
      assert.equal(requests.filter((requested) => requested === path).length, 1);
    });
  }

  test("follows redirects, but not for ever", async () => {
    answer = (request, response) => {
      if (request.url === "/a.jpg") response.writeHead(302, { location: "/b.jpg" }).end();
      else if (request.url === "/b.jpg") response.end(photo);
      else response.writeHead(307, { location: request.url! }).end();
    };
    using source = createSource();
    assert.equal((await source.read(`${base}/a.jpg`)).content.sha256, sha256);
    await assert.rejects(source.read(`${base}/circle.jpg`), { code: "PHOTO_NOT_FOUND" });
    assert.equal(requests.filter((url) => url === "/circle.jpg").length, 6);
  });

  test("refuses a redirect to what is no web address", async () => {
    answer = (_request, response) =>
      response.writeHead(302, { location: "file:///etc/passwd" }).end();
    using source = createSource();
    await assert.rejects(source.read(`${base}/a.jpg`), { code: "PHOTO_NOT_FOUND" });
  });

  test("refuses a body that is encoded, which would hash as something else", async () => {
    answer = (_request, response) =>
      response.writeHead(200, { "content-encoding": "gzip" }).end(photo);
    using source = createSource();
    await assert.rejects(source.read(`${base}/a.jpg`), { code: "PHOTO_NOT_FOUND" });
  });

  for (const encoding of ["", "Identity"]) {
    test(`takes a body whose encoding is "${encoding}", which is none`, async () => {
      answer = (_request, response) =>
        response.writeHead(200, { "content-encoding": encoding }).end(photo);
      using source = createSource();
      assert.equal((await source.read(`${base}/a.jpg`)).content.sha256, sha256);
    });
  }

  test("sends the URL's password and shows it nowhere", async () => {
    let authorization: string | undefined;
    answer = (request, response) => {
      authorization = request.headers.authorization;
      response.writeHead(404).end();
    };
    using source = createSource();
    const url = `${base.replace("//", "//me:secret@")}/a.jpg?X-Amz-Signature=hidden&size=2`;
    const error = await source.read(url).catch((error: unknown) => error);
    assert.equal(authorization, `Basic ${btoa("me:secret")}`);
    assert.ok(isOrangeryError(error, "PHOTO_NOT_FOUND"));
    assert.doesNotMatch(error.message + JSON.stringify(error.details), /secret|hidden/);
    assert.match(error.message, /size=2/);
  });

  test("rejects with the signal's reason, before, while it waits and while it reads", async () => {
    using source = createSource({ attempts: 3 });
    const reason = new Error("enough");
    await assert.rejects(
      source.read(`${base}/a.jpg`, { signal: AbortSignal.abort(reason) }),
      reason,
    );
    for (const head of [false, true]) {
      const controller = new AbortController();
      answer = (_request, response) => {
        if (head) response.write(photo);
        setImmediate(() => controller.abort(reason));
      };
      await assert.rejects(source.read(`${base}/a.jpg`, { signal: controller.signal }), reason);
    }
  });

  test("refuses what is no URL", async () => {
    using source = createSource();
    await assert.rejects(source.read("http://"), { code: "PHOTO_NOT_FOUND" });
  });
});

test("toPublicUrl keeps what names the photo and drops what opens it", () => {
  const url = new URL("https://me:pw@host/a.jpg?id=7&X-Amz-Credential=x&sig=y&Signature=z#frag");
  assert.equal(toPublicUrl(url), "https://host/a.jpg?id=7");
});
