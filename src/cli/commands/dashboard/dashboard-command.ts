import { Command } from "commander";
import { parsePort } from "../../options/option-values.ts";
import { addPrivateAddressesOption } from "../../options/photo-options.ts";
import { addNamedQueueOptions } from "../../options/queue-options.ts";
import { resultsHelp } from "../../options/results-options.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import type { DashboardArguments } from "./dashboard.ts";
import { defaultDashboardPort } from "./dashboard-options.ts";

const help = `
Examples:
  $ orangery dashboard results.db
  $ orangery dashboard results.db --open
  $ orangery dashboard --queue photos --queue-url redis://127.0.0.1:6379
  $ ORANGERY_DASHBOARD_PASSWORD=… orangery dashboard postgres://… --host 0.0.0.0 --port 8080

On this machine alone it needs no password. On another address it takes one from
ORANGERY_DASHBOARD_PASSWORD, and a view-only one from ORANGERY_DASHBOARD_VIEWER_PASSWORD. With
--read-only nobody can change anything.`;

/** `orangery dashboard`: the control room, a live page. */
export function createDashboardCommand(
  output: StandardOutput,
  setStatus: (status: number) => void,
): Command {
  const command = new Command("dashboard")
    .summary("serve a page to watch the work and look at photos")
    .description(
      "Serves a page that shows how far the work is, where the time goes, and every photo with " +
        "what was found on it, and lets people put right what is wrong.",
    )
    .argument("[results]", resultsHelp)
    .option(
      "--port <port>",
      "serve it on this port; 0 takes a free one",
      parsePort,
      defaultDashboardPort,
    )
    .option("--host <address>", "serve it on this address", "127.0.0.1")
    .option("--host-name <name>", "a name by which it is reached, such as behind a proxy")
    .option("--read-only", "let nobody change anything")
    .option("--open", "open it in a browser, if there is a desktop and a terminal");
  addNamedQueueOptions(command, "show this queue, too, and its results unless others are named");
  addPrivateAddressesOption(command).addHelpText("after", help);
  return command.action(async (results: string | undefined, options: DashboardArguments) => {
    // Imported late: help and usage errors need neither database nor pictures.
    const { dashboard } = await import("./dashboard.ts");
    setStatus(await dashboard(output, results, options));
  });
}
