import type { Command } from "commander";
import { parsePort, refuseWithout } from "../../options/option-values.ts";

/** Where metrics are served. */
export interface MetricsArguments {
  readonly metricsPort?: number;
  readonly metricsHost: string;
}

export function addMetricsOptions(command: Command, served: string): Command {
  return command
    .option("--metrics-port <port>", `serve ${served} on this port; 0 takes a free one`, parsePort)
    .option("--metrics-host <address>", "serve them on this address", "127.0.0.1")
    .hook("preAction", () => refuseWithout(command, "metricsPort", ["metricsHost"]));
}
