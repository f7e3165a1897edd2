// The image's HEALTHCHECK: asks the supervisor, where process 1 is a worker with a metrics port.
import { readFileSync } from "node:fs";

const command = readFileSync("/proc/1/cmdline", "utf8");
const port = /--metrics-port[=\0](\d+)/.exec(command)?.[1];
if (port !== undefined) {
  const response = await fetch(`http://127.0.0.1:${port}/health`);
  if (!response.ok) throw new Error(await response.text());
}
