import { spawnSync } from "node:child_process";
import { ensureInstalled } from "./servers/debian-packages.ts";

/** The command of a Chromium, which is installed where that is possible; or why there is none. */
export function findBrowser(): { readonly command?: string; readonly missing?: string } {
  const command = ["chromium", "chromium-browser", "google-chrome"].find(
    (name) => spawnSync(name, ["--version"]).status === 0,
  );
  if (command !== undefined) return { command };
  try {
    return { command: ensureInstalled({ command: "chromium", packageName: "chromium" }) };
  } catch (error) {
    return { missing: (error as Error).message };
  }
}
