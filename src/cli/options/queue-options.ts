import { type Command, Option } from "commander";

/** The queue that a command works on. */
export interface QueueArguments {
  readonly queue: string;
  /** Redis or PostgreSQL. */
  readonly queueUrl: string;
}

/** Adds the options of a queue that is looked at only where it is named. */
export function addNamedQueueOptions(command: Command, description: string): Command {
  return addServerOptions(command.option("--queue <name>", description));
}

/** Adds the options of the queue. */
export function addQueueOptions(command: Command): Command {
  return addServerOptions(command.option("--queue <name>", "the queue's name", "photos"));
}

/** Adds the options of a queue that is looked at only where its server is named. */
export function addNamedServerOptions(command: Command): Command {
  return addServerOptions(command.option("--queue <name>", "the queue's name", "photos"), {});
}

/** Where a value comes from, weakest first. */
const sources = ["default", "env", "cli"];

interface ServerOptions {
  /** The Redis that is meant where none is named. */
  readonly redis?: string;
}

function addServerOptions(
  command: Command,
  { redis }: ServerOptions = { redis: "redis://127.0.0.1:6379" },
): Command {
  return command
    .addOption(
      new Option("--queue-url <url>", "the queue's server: redis://… or postgres://…").env(
        "ORANGERY_QUEUE_URL",
      ),
    )
    .addOption(
      new Option("--redis <url>", "the queue's Redis, as --queue-url")
        .env("REDIS_URL")
        .default(redis),
    )
    .hook("preAction", () => {
      // An empty variable counts as not set.
      const rankOf = (name: string) =>
        command.getOptionValue(name) === ""
          ? -1
          : sources.indexOf(command.getOptionValueSource(name) ?? "");
      const isNamedTwice = ["queueUrl", "redis"].every(
        (name) => command.getOptionValueSource(name) === "cli",
      );
      if (isNamedTwice) command.error("error: give --queue-url or --redis, not both");
      if (rankOf("queueUrl") >= rankOf("redis")) return;
      command.setOptionValueWithSource("queueUrl", command.getOptionValue("redis"), "implied");
    });
}
