import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A private S3 server for tests. */
export interface S3Server extends AsyncDisposable {
  readonly url: string;
  /** What a client of it needs in its environment. */
  readonly env: Readonly<Record<string, string>>;
}

/** Starts a server on a free port of 127.0.0.1, with its objects in a temporary folder. */
export async function startS3Server(): Promise<S3Server> {
  const folder = await mkdtemp(join(tmpdir(), "orangery-s3-"));
  const server = fork(join(import.meta.dirname, "s3-server-process.ts"), [folder], {
    // It signs the token of a long list's next page with a cipher that OpenSSL calls legacy.
    execArgv: ["--openssl-legacy-provider"],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const [message] = await Promise.race([
    once(server, "message"),
    once(server, "exit").then(([code]) => {
      throw new Error(`The S3 server ended as it started, with ${code}.`);
    }),
  ]);
  const url = `http://127.0.0.1:${(message as AddressInfo).port}`;
  return {
    url,
    env: {
      AWS_ENDPOINT_URL_S3: url,
      AWS_ACCESS_KEY_ID: "S3RVER",
      AWS_SECRET_ACCESS_KEY: "S3RVER",
      AWS_EC2_METADATA_DISABLED: "true",
    },
    [Symbol.asyncDispose]: async () => {
      server.kill("SIGKILL");
      if (server.exitCode === null && server.signalCode === null) await once(server, "exit");
      await rm(folder, { recursive: true, force: true });
    },
  };
}
