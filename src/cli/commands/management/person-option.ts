import { userInfo } from "node:os";
import type { Command } from "commander";
import type { Actor } from "../../../ledger/actions/action-log.ts";

/** Adds the option that names who does something. */
export function addPersonOption(command: Command): Command {
  return command.option("--by <name>", "who does it (default: the user of this machine)");
}

/** Who is at the command line. */
export function callerActor(by: string | undefined): Actor {
  return { person: by ?? accountName(), via: "command line" };
}

function accountName(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run as a number that has no name.
    return `user ${process.getuid?.() ?? "unknown"}`;
  }
}
