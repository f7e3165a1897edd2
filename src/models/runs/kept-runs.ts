import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { writeWhole } from "../../base/files/whole-file.ts";

/** Measured costs of a network's runs on this machine, kept beside the saved network. */
export class KeptRuns {
  readonly #file: string;

  /** @param artifact the folder of the saved network */
  constructor(artifact: string) {
    this.#file = join(artifact, "runs.json");
  }

  /** Reads what was measured at a place; undefined where there is nothing that can be read. */
  async read(place: string): Promise<readonly (number | null)[] | undefined> {
    return (await this.#all())[place];
  }

  /** Keeps what was measured. Where that cannot be, it is measured again. */
  async write(place: string, costs: readonly (number | null)[]): Promise<void> {
    // A folder without its network would count as a damaged artifact.
    if (!existsSync(dirname(this.#file))) return;
    try {
      const all = { ...(await this.#all()), [place]: costs };
      await writeWhole(this.#file, JSON.stringify(all));
    } catch {
      // The artifact may have gone, or its folder is not ours to write.
    }
  }

  async #all(): Promise<Readonly<Record<string, readonly (number | null)[]>>> {
    try {
      const all: unknown = JSON.parse(await readFile(this.#file, "utf8"));
      return isCosts(all) ? all : {};
    } catch {
      return {};
    }
  }
}

function isCosts(all: unknown): all is Record<string, (number | null)[]> {
  const isCost = (cost: unknown) => cost === null || (typeof cost === "number" && cost > 0);
  return (
    all instanceof Object &&
    Object.values(all).every((costs) => Array.isArray(costs) && costs.every(isCost))
  );
}
