import { createHash } from "node:crypto";
import type { Readable } from "node:stream";
import type { ListObjectsV2CommandOutput, S3Client } from "@aws-sdk/client-s3";
import { OrangeryError } from "../../../errors.ts";
import { isPhotoName, PhotoFilter } from "../photo-filter.ts";
import type { PhotoBytes } from "../read-photo.ts";
import { withAttempts } from "./attempts.ts";
import { readBody } from "./body-reader.ts";
import type {
  FetchLimits,
  ListedPhoto,
  ListOptions,
  ReadOptions,
  RemotePhotoReader,
} from "./remote-photo-reader.ts";

/** Keys that one request lists: S3's own limit. */
const keysAtOnce = 1000;

/** Statuses of S3 that may pass; any other below 500 stays what it is. */
const passingStatuses: ReadonlySet<number> = new Set([408, 409, 425, 429]);

/** S3's names for what may pass although the status says otherwise. */
const passingNames: ReadonlySet<string> = new Set(["RequestTimeout", "SlowDown"]);

/** S3's names for credentials that have ended; those of a role or a profile may be renewed. */
const expired: ReadonlySet<string> = new Set(["ExpiredToken", "TokenRefreshRequired"]);

type Sdk = typeof import("@aws-sdk/client-s3");

/**
 * Photos in buckets of S3 or whatever speaks its protocol: `s3://bucket/key` is a photo when the
 * key ends like one, and else all photos under `key/`.
 *
 * Credentials, region and endpoint come from where Amazon's SDK looks: `AWS_ACCESS_KEY_ID`,
 * `AWS_PROFILE`, `AWS_REGION`, `AWS_ENDPOINT_URL_S3`, a role of the machine. With an endpoint of
 * one's own, buckets are addressed by path, as other servers than Amazon's expect.
 */
export class S3PhotoReader implements RemotePhotoReader {
  readonly #limits: FetchLimits;
  #opened: Promise<{ sdk: Sdk; client: S3Client }> | undefined;

  constructor(limits: FetchLimits) {
    this.#limits = limits;
  }

  isFolder(name: string): boolean {
    return !isPhotoName(parseS3Name(name).key);
  }

  async *list(
    name: string,
    { filter = new PhotoFilter(), leftOut, signal }: ListOptions = {},
  ): AsyncIterable<ListedPhoto> {
    const { bucket, key } = parseS3Name(name);
    if (!this.isFolder(name)) {
      if (!filter.takesNamed(key)) return leftOut?.addFile(key);
      yield await this.#describe(bucket, key, signal);
      return;
    }
    let skipped: string | undefined;
    const prefix = key === "" || key.endsWith("/") ? key : `${key}/`;
    let continuation: string | undefined;
    do {
      const page = await this.#ask(name, signal, async ({ sdk, client }, abortSignal) => {
        const command = new sdk.ListObjectsV2Command({
          Bucket: bucket,
          Prefix: prefix,
          MaxKeys: keysAtOnce,
          ContinuationToken: continuation,
        });
        return requireList(await client.send(command, { abortSignal }), name);
      });
      for (const { Key, ...object } of page.Contents ?? []) {
        // A key that ends like this is a folder's own.
        if (Key === undefined || Key.endsWith("/")) continue;
        const below = Key.slice(prefix.length);
        const folder = filter.skippedFolder(below);
        // Keys come in order: those of one folder follow each other.
        if (folder !== undefined && folder !== skipped) leftOut?.addFolder(folder);
        skipped = folder;
        if (folder !== undefined) continue;
        if (filter.judgeFile(below) !== "photo") leftOut?.addFile(below);
        else yield toListedPhoto(bucket, Key, object);
      }
      continuation = page.NextContinuationToken;
    } while (continuation !== undefined);
  }

  async read(name: string, { signal }: ReadOptions = {}): Promise<PhotoBytes> {
    const { bucket, key } = parseS3Name(name);
    return await this.#ask(name, signal, async ({ sdk, client }, abortSignal) => {
      const command = new sdk.GetObjectCommand({ Bucket: bucket, Key: key });
      const object = await client.send(command, { abortSignal });
      const stream = object.Body as Readable;
      try {
        return await readBody({
          label: name,
          chunks: stream,
          announcedBytes: object.ContentLength,
          mtimeUs: mtimeOf(object),
          maxBytes: this.#limits.maxBytes,
        });
      } finally {
        stream.destroy();
      }
    });
  }

  async #describe(
    bucket: string,
    key: string,
    signal: AbortSignal | undefined,
  ): Promise<ListedPhoto> {
    const head = await this.#ask(`s3://${bucket}/${key}`, signal, ({ sdk, client }, abortSignal) =>
      client.send(new sdk.HeadObjectCommand({ Bucket: bucket, Key: key }), { abortSignal }),
    );
    return toListedPhoto(bucket, key, { ...head, Size: head.ContentLength });
  }

  /** One request, tried again where that helps; its failures in our codes. */
  async #ask<T>(
    label: string,
    signal: AbortSignal | undefined,
    request: (opened: { sdk: Sdk; client: S3Client }, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    this.#opened ??= openClient();
    const opened = await this.#opened;
    return await withAttempts(
      async (signal) => {
        try {
          return await request(opened, signal);
        } catch (error) {
          throw toFetchError(error, label);
        }
      },
      { ...this.#limits, label, signal },
    );
  }

  [Symbol.dispose](): void {
    this.#opened?.then(
      ({ client }) => client.destroy(),
      () => {},
    );
  }
}

async function openClient(): Promise<{ sdk: Sdk; client: S3Client }> {
  const sdk = await import("@aws-sdk/client-s3").catch((cause) => {
    throw new OrangeryError(
      "PACKAGE_MISSING",
      "Expected the package @aws-sdk/client-s3 for photos from S3, but it is not installed. " +
        "Run `npm install @aws-sdk/client-s3`.",
      { cause },
    );
  });
  const { AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, AWS_REGION, AWS_DEFAULT_REGION } = process.env;
  const ownServer = (AWS_ENDPOINT_URL_S3 ?? AWS_ENDPOINT_URL) !== undefined;
  const region = AWS_REGION ?? AWS_DEFAULT_REGION ?? (ownServer ? "us-east-1" : undefined);
  const client = new sdk.S3Client({
    forcePathStyle: ownServer,
    ...(region !== undefined && { region }),
    // Attempts are ours: they also cover a body that breaks off.
    maxAttempts: 1,
  });
  return { sdk, client };
}

/** Not by `URL`: a key is taken as it is, without escapes. */
function parseS3Name(name: string): { bucket: string; key: string } {
  const [, bucket, key = ""] = /^s3:\/\/([^/]+)(?:\/(.*))?$/s.exec(name) ?? [];
  if (bucket !== undefined) return { bucket, key };
  throw new OrangeryError(
    "PHOTO_NOT_FOUND",
    `Expected s3://bucket/key or s3://bucket/folder/, got ${name}. Name the bucket.`,
    { details: { name } },
  );
}

/** Refuses what is no list, such as the page of a proxy: it would pass for an empty folder. */
function requireList(page: ListObjectsV2CommandOutput, label: string): ListObjectsV2CommandOutput {
  const { Name, IsTruncated, KeyCount, Contents } = page;
  if ((Name ?? IsTruncated ?? KeyCount ?? Contents) !== undefined) return page;
  throw new OrangeryError(
    "PHOTO_FETCH_FAILED",
    `Expected a list of ${label} from S3, got an answer without one. ` +
      "See whether a proxy answers, and whether AWS_ENDPOINT_URL_S3 names a server of S3.",
    { details: { photo: label } },
  );
}

interface ObjectFacts {
  readonly Size?: number | undefined;
  readonly LastModified?: Date | undefined;
  readonly ETag?: string | undefined;
}

function toListedPhoto(bucket: string, key: string, object: ObjectFacts): ListedPhoto {
  const name = `s3://${bucket}/${key}`;
  return { name, source: name, sizeBytes: object.Size ?? 0, mtimeUs: mtimeOf(object) };
}

/**
 * Returns when an object was written. S3 gives whole seconds; the digits behind them are made of
 * the tag of its content, so that an object that is replaced within the second looks changed.
 */
function mtimeOf({ LastModified, ETag }: ObjectFacts): number {
  const seconds = Math.floor((LastModified?.getTime() ?? 0) / 1000);
  if (seconds === 0 || ETag === undefined) return 1e6 * seconds;
  // Some servers, and proxies before them, write it with quotes or as a weak one, and some do not.
  const tag = ETag.replace(/^W\//, "").replaceAll('"', "");
  const digits = createHash("sha256").update(tag).digest().readUInt32BE() % 999_999;
  return 1e6 * seconds + 1 + digits;
}

interface SdkError extends Partial<NodeJS.ErrnoException> {
  readonly $metadata?: { readonly httpStatusCode?: number };
}

/** The SDK's own message may hold the request: its name, code and status say enough. */
function toFetchError(cause: unknown, label: string): unknown {
  if (cause instanceof OrangeryError) return cause;
  const { name = "Error", code, message = "", $metadata } = cause as SdkError;
  const status = $metadata?.httpStatusCode;
  const isWithoutRegion = message.startsWith("Region is missing");
  // Where the SDK has no name of its own.
  const unnamed = code ?? (isWithoutRegion ? "no region" : status && `status ${status}`);
  const reason = (name === "Error" || name === "Unknown" ? unnamed : undefined) ?? name;
  const details = { photo: label, reason, ...(status && { status }) };
  if (isWithoutRegion || isLasting(name, status)) {
    return new OrangeryError(
      "PHOTO_NOT_FOUND",
      `Expected ${label} to be there and readable, got ${reason}. Check the bucket, the key, the ` +
        "credentials and the bucket's region (AWS_REGION).",
      { cause, details },
    );
  }
  const advice = expired.has(name) ? "Renew the credentials." : "Try again later.";
  return new OrangeryError(
    "PHOTO_FETCH_FAILED",
    `Expected the photo ${label}, but S3 failed: ${reason}. ${advice}`,
    { cause, details },
  );
}

function isLasting(name: string, status: number | undefined): boolean {
  if (name === "CredentialsProviderError") return true;
  if (status === undefined || passingNames.has(name) || expired.has(name)) return false;
  return status >= 300 && status < 500 && !passingStatuses.has(status);
}
