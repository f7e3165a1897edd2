/**
 * An S3 server as a process of its own: argument 1 is its folder. Tells its port, ends with its
 * parent.
 */
import type { AddressInfo } from "node:net";

interface S3Server {
  run(): Promise<AddressInfo>;
  close(): Promise<void>;
}

const name: string = "@20minutes/s3rver";
const { default: S3rver } = (await import(name)) as {
  default: new (options: object) => S3Server;
};
const server = new S3rver({
  directory: process.argv[2],
  address: "127.0.0.1",
  port: 0,
  silent: true,
  // It takes the SDK's signatures for wrong ones; they are the SDK's business, not ours.
  allowMismatchedSignatures: true,
});
process.send?.(await server.run());
process.once("disconnect", () => process.exit());
