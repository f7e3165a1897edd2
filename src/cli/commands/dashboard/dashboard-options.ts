import type { Command } from "commander";
import { parsePort, refuseWithout } from "../../options/option-values.ts";

/** Whether a command serves the control room of its results while it works. */
export interface ServeDashboardArguments {
  readonly dashboard?: boolean;
  readonly dashboardPort: number;
}

export const defaultDashboardPort = 8321;

/** Adds the options that serve the control room, for this machine only. */
export function addDashboardOptions(command: Command): Command {
  return command
    .option("--dashboard", "serve a page to watch the work on this machine, until it ends")
    .option(
      "--dashboard-port <port>",
      "the port of that page; 0 takes a free one",
      parsePort,
      defaultDashboardPort,
    )
    .hook("preAction", () => refuseWithout(command, "dashboard", ["dashboardPort"]));
}

/** Passwords come from the environment: every user of a machine can read command lines. */
export function dashboardPasswords() {
  const { ORANGERY_DASHBOARD_PASSWORD, ORANGERY_DASHBOARD_VIEWER_PASSWORD } = process.env;
  return {
    password: ORANGERY_DASHBOARD_PASSWORD || undefined,
    viewerPassword: ORANGERY_DASHBOARD_VIEWER_PASSWORD || undefined,
  };
}
