import { type Command, Option } from "commander";

/** The queue that a command works on. */
export interface QueueArguments {
  readonly queue: string;
  readonly redis: string;
}

/** Adds the options of a queue that is looked at only where it is named. */
export function addNamedQueueOptions(command: Command, description: string): Command {
  return addRedisOption(command.option("--queue <name>", description));
}

/** Adds the options of the queue. */
export function addQueueOptions(command: Command): Command {
  return addRedisOption(command.option("--queue <name>", "the queue's name", "photos"));
}

function addRedisOption(command: Command): Command {
  return command.addOption(
    new Option("--redis <url>", "the queue's Redis")
      .env("REDIS_URL")
      .default("redis://127.0.0.1:6379"),
  );
}
