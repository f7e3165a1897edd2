import { channel } from "node:diagnostics_channel";

/** How far a database is on the way to the present tables. */
export interface LedgerUpdate {
  /** The path of the file, or the URL without its password. */
  readonly location: string;
  /** The process that updates it; this one may only wait for it. */
  readonly pid: number;
  /** The version that it had. */
  readonly from: number;
  /** The version that it will have. */
  readonly to: number;
  /** The version that the step in progress leads to, and how far it is: a share of 1. */
  readonly step: number;
  readonly done: number;
}

/** Where updates are reported, a {@link LedgerUpdate} each. */
export const ledgerUpdateChannel = channel("orangery:ledger-update");
