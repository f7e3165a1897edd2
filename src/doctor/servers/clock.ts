import { formatDuration } from "../../base/quantities.ts";
import { green, type Observation, red, yellow } from "../finding.ts";

/** A moment of a server's clock, and those of ours between which it lies. */
export interface ClockReading {
  readonly server: string;
  readonly serverMs: number;
  readonly askedAtMs: number;
  readonly answeredAtMs: number;
}

/** Jobs that are delayed, and times in reports, are off by as much. */
const fairMs = 5_000;
/** Amazon S3 refuses requests whose time is off by more. */
const mostMs = 15 * 60_000;

/** This machine's clock beside a server's. */
export function compareClocks(reading: ClockReading): Observation {
  const { server, serverMs, askedAtMs, answeredAtMs } = reading;
  // The server may have read its clock at any moment between request and answer.
  const late = Math.max(0, askedAtMs - serverMs);
  const early = Math.max(0, serverMs - answeredAtMs);
  const offMs = Math.max(late, early);
  const figures = { server, offMs: Math.round(late - early) };
  if (offMs < fairMs) {
    const how = offMs < 1000 ? "" : ` within ${formatDuration(offMs)}`;
    return green(`It agrees with the clock of ${server}${how}.`, figures);
  }
  const way = late > 0 ? "ahead of" : "behind";
  const says = offMs > mostMs ? red : yellow;
  return says(
    `It is ${formatDuration(offMs)} ${way} the clock of ${server}.`,
    "Let NTP set the clocks of all machines (timedatectl set-ntp true).",
    figures,
  );
}
