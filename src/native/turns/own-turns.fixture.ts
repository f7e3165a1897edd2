import { ProcessTurns } from "./process-turns.ts";
import { TurnTable, turnTableBytes } from "./turn-table.ts";

/** Turns that nothing else in the process takes. */
export function ownTurns(): ProcessTurns {
  return new ProcessTurns(new TurnTable(new ArrayBuffer(turnTableBytes)));
}
