import { type Command, Option } from "commander";

/** Where a queue is, as commander gives it. */
export interface QueueArguments {
  readonly queue: string;
  readonly redis: string;
}

/** Adds the options that say which queue. */
export function addQueueOptions(command: Command): Command {
  return command
    .option("--queue <name>", "the queue's name", "photos")
    .addOption(
      new Option("--redis <url>", "where the queue is")
        .env("REDIS_URL")
        .default("redis://127.0.0.1:6379"),
    );
}

/** Adds the option that says where the results of a queue's photos are. */
export function addResultsOption(command: Command, use: string): Command {
  return command.addOption(
    new Option("--results <file>", `${use}: a file, or postgres://…`).env("ORANGERY_RESULTS"),
  );
}

/** Adds the option that opens one's own network to photos by URL. */
export function addPrivateAddressesOption(command: Command): Command {
  return command.option(
    "--allow-private-addresses",
    "take photos by URL from one's own machine and network, too",
  );
}
