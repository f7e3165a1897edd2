import type { Command } from "commander";
import { expected } from "../../options/option-values.ts";

/** Where metrics are served. */
export interface MetricsArguments {
  readonly metricsPort?: number;
  readonly metricsHost: string;
}

export function addMetricsOptions(command: Command, served: string): Command {
  return command
    .option("--metrics-port <port>", `serve ${served} on this port; 0 takes a free one`, parsePort)
    .option("--metrics-host <address>", "serve them on this address", "127.0.0.1");
}

function parsePort(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw expected("a port from 0 to 65535", text);
}
