import { type Command, Option } from "commander";
import { refuseWithout } from "./option-values.ts";

/** The queue that a command works on. */
export interface QueueArguments {
  readonly queue: string;
  /** Redis or PostgreSQL. */
  readonly queueUrl: string;
}

/** Adds the options of a queue that is looked at only where it is named. */
export function addNamedQueueOptions(command: Command, description: string): Command {
  return addServerOptions(command.option("--queue <name>", description)).hook("preAction", () =>
    refuseWithout(command, "queue", names),
  );
}

/** Adds the options of the queue. */
export function addQueueOptions(command: Command): Command {
  return addServerOptions(command.option("--queue <name>", "the queue's name", "photos"));
}

/** Adds the options of a queue that is looked at only where its server is named. */
export function addNamedServerOptions(command: Command): Command {
  return addServerOptions(command.option("--queue <name>", "the queue's name", "photos"), {}).hook(
    "preAction",
    () => refuseWithout(command, "queueUrl", ["queue"]),
  );
}

/** Both set the server; the first is the one that messages and documents name. */
const names = ["queueUrl", "redis"] as const;

interface ServerOptions {
  /** The server that is meant where none is named. */
  readonly url?: string;
}

function addServerOptions(
  command: Command,
  { url }: ServerOptions = { url: "redis://127.0.0.1:6379" },
): Command {
  return command
    .addOption(
      new Option("--queue-url <url>", "the queue's server: redis://… or postgres://…")
        .env("ORANGERY_QUEUE_URL")
        .default(url),
    )
    .addOption(
      new Option("--redis <url>", "alternative to --queue-url, for a Redis").env("REDIS_URL"),
    )
    .hook("preAction", () => {
      const isFrom = (source: string) => (name: string) =>
        command.getOptionValueSource(name) === source;
      if (names.every(isFrom("cli"))) {
        command.error("error: give --queue-url or --redis, not both");
      }
      // An empty variable counts as not set.
      const given = [...names.filter(isFrom("cli")), ...names.filter(isFrom("env"))].find(
        (name) => command.getOptionValue(name) !== "",
      );
      if (given === "queueUrl") return;
      const value = given === undefined ? url : command.getOptionValue(given);
      command.setOptionValueWithSource("queueUrl", value, "implied");
    });
}
