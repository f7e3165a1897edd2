import { channel } from "node:diagnostics_channel";

/** The progress of updating a database. */
export interface LedgerUpdate {
  /** The path of the file, or the URL without its password. */
  readonly location: string;
  /** The updating process; this one may only be waiting. */
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
