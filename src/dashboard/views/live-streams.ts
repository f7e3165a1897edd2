import { type RecipeChoice, readStates } from "../../ledger/browse/progress.ts";
import type { Ledger } from "../../ledger/ledger.ts";
import { EventStream } from "../server/event-stream.ts";
import type { MachineView } from "./machine-view.ts";
import { readOverview } from "./overview.ts";
import { Paced } from "./paced.ts";
import { walkTotals } from "./totals-walk.ts";

/** How often the screens are brought up to date. */
const livePeriodMs = 2000;

/** What is new of each recipe that anybody looks at. */
export class LiveStreams implements Disposable {
  readonly #ledger: Ledger;
  readonly #machine: (() => MachineView) | undefined;
  readonly #streams = new Map<number, EventStream>();
  readonly #ended = new AbortController();

  constructor(ledger: Ledger, machine: (() => MachineView) | undefined) {
    this.#ledger = ledger;
    this.#machine = machine;
  }

  [Symbol.dispose](): void {
    this.#ended.abort();
    for (const stream of this.#streams.values()) stream[Symbol.dispose]();
  }

  of(recipe: RecipeChoice): EventStream {
    let stream = this.#streams.get(recipe.id);
    if (stream === undefined) {
      const [ledger, machine] = [this.#ledger, this.#machine];
      const walk = walkTotals(ledger, recipe.id, this.#ended.signal);
      const states = new Paced(() => readStates(ledger, recipe.id));
      const read = () => readOverview(ledger, { recipe, states, walk, machine });
      stream = new EventStream({ read, periodMs: livePeriodMs });
      this.#streams.set(recipe.id, stream);
    }
    return stream;
  }
}
