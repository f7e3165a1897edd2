import { type Command, Option } from "commander";

/** The queue that a command works on. */
export interface QueueArguments {
  readonly queue: string;
  readonly redis: string;
}

/** Adds the options of the queue. */
export function addQueueOptions(command: Command): Command {
  return command
    .option("--queue <name>", "the queue's name", "photos")
    .addOption(
      new Option("--redis <url>", "the queue's Redis")
        .env("REDIS_URL")
        .default("redis://127.0.0.1:6379"),
    );
}
