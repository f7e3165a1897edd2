import { readFile } from "node:fs/promises";
import { formatCount } from "../../base/quantities.ts";
import { green, type Observation, red, yellow } from "../finding.ts";

/** A worker has some hundred files and connections open; photos being read come on top. */
const enough = 1024;
const tooFew = 256;

/** How many files a process may have open. Node raises its limit to the most that it may have. */
export async function lookAtOpenFiles(limits = "/proc/self/limits"): Promise<Observation> {
  const text = await readFile(limits, "utf8").catch(() => "");
  const most = /^Max open files\s+\S+\s+(\S+)/m.exec(text)?.[1];
  if (most === undefined) return green("The system does not show how many files may be open.");
  const files = most === "unlimited" ? Number.POSITIVE_INFINITY : Number(most);
  const count = Number.isFinite(files) ? formatCount(files) : "any number of";
  const sentence = `A process may have ${count} files open`;
  const figures = { openFiles: Number.isFinite(files) ? files : undefined };
  if (files >= enough) return green(`${sentence}.`, figures);
  const says = files < tooFew ? red : yellow;
  return says(
    `${sentence}, fewer than ${formatCount(enough)}.`,
    "Raise the limit: `ulimit -n 65536`, or LimitNOFILE= in a unit of systemd.",
    figures,
  );
}
