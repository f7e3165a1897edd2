import { hideCredentials } from "../../base/url.ts";
import type { RecipeChoice } from "../../ledger/browse/progress.ts";
import {
  type PairTotals,
  type RecipePair,
  readDifferentPhotos,
  readPairTotals,
} from "../../ledger/compare/compare-recipes.ts";
import type { Ledger } from "../../ledger/ledger.ts";
import { lastIdOf } from "../../ledger/parts.ts";
import { Refusal } from "../server/answers.ts";
import { PartsWalk } from "../views/parts-walk.ts";
import { nameParts } from "../views/photo-row.ts";

export interface CompareQuestion {
  /** The parts of the path after `/api/compare`. */
  readonly parts: readonly string[];
  readonly first: RecipeChoice;
  readonly second: RecipeChoice;
  readonly query: URLSearchParams;
  /** Ends when the client has gone. */
  readonly signal: AbortSignal;
}

const photosPerPage = 30;
/** Pairs whose totals are kept. */
const mostPairs = 20;

/** Compares the counts of two recipes on the same photos; what was added up is kept. */
export class RecipeComparisons {
  readonly #ledger: Ledger;
  readonly #ended: AbortSignal;
  readonly #walks = new Map<string, PartsWalk<PairTotals>>();

  constructor(ledger: Ledger, ended: AbortSignal) {
    this.#ledger = ledger;
    this.#ended = ended;
  }

  /** @throws `Refusal`, `LEDGER_…` */
  async answer({ parts, first, second, query, signal }: CompareQuestion): Promise<object> {
    if (first.id === second.id) throw new Refusal(400, "Expected two recipes, got one twice.");
    const pair = { firstId: first.id, secondId: second.id };
    const [what] = parts;
    if (what === "totals") return viewTotals(await this.#walkOf(pair).latest());
    if (what !== "photos") throw new Refusal(404, "There is nothing here.");
    const after = query.get("after") ?? undefined;
    if (after !== undefined && !/^\d{1,12}\.\d{1,12}$/.test(after)) {
      throw new Refusal(400, "Expected the key of a page.");
    }
    const className = query.get("class") || undefined;
    const page = await readDifferentPhotos(this.#ledger, {
      ...pair,
      className,
      after,
      limit: photosPerPage,
      signal,
    });
    return {
      photos: page.photos.map(({ photoId, source, resultId, first, second }) => ({
        id: photoId,
        ...nameParts(hideCredentials(source)),
        result: { id: resultId },
        first,
        second,
      })),
      next: page.next,
    };
  }

  #walkOf(pair: RecipePair): PartsWalk<PairTotals> {
    const key = `${pair.firstId} ${pair.secondId}`;
    let walk = this.#walks.get(key);
    if (walk === undefined) {
      walk = walkPair(this.#ledger, pair, this.#ended);
      this.#walks.set(key, walk);
      const [oldest] = this.#walks.keys();
      if (this.#walks.size > mostPairs) this.#walks.delete(oldest!);
    }
    return walk;
  }
}

function walkPair(ledger: Ledger, pair: RecipePair, signal: AbortSignal): PartsWalk<PairTotals> {
  return new PartsWalk({
    signal,
    lastId: () => ledger.read((db) => lastIdOf(db, "photo"), { signal }),
    begin: () => {
      let [photos, fewer, equal, more, apart] = [0, 0, 0, 0, 0];
      const counts = new Map<string, [number, number]>();
      return {
        async add(fromId, toId) {
          const part = await readPairTotals(ledger, { ...pair, fromId, toId, signal });
          photos += part.photos;
          fewer += part.fewer;
          equal += part.equal;
          more += part.more;
          apart += part.apart;
          for (const [name, [a, b]] of part.counts) {
            const [first, second] = counts.get(name) ?? [0, 0];
            counts.set(name, [first + a, second + b]);
          }
        },
        total: () => ({ photos, fewer, equal, more, apart, counts }),
      };
    },
  });
}

/** Undefined as long as nothing is complete. */
function viewTotals(totals: Awaited<ReturnType<PartsWalk<PairTotals>["latest"]>>): object {
  if (totals === undefined) return { isComplete: false };
  const { counts, ...rest } = totals;
  const classes = [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, [first, second]]) => ({ name, first, second }));
  return { isComplete: true, ...rest, classes };
}
