import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
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

export interface Browsed {
  /** The page when its scripts have run. */
  readonly dom: string;
  /** What the browser wrote to its console. */
  readonly complaints: readonly string[];
}

/** Opens a page in a window of that width, in a browser that has never seen another. */
export async function browse(command: string, page: string, widthPx: number): Promise<Browsed> {
  const profile = await mkdtemp(join(tmpdir(), "orangery-browser-"));
  try {
    const file = join(profile, "page.html");
    await writeFile(file, page);
    const flags = [
      ...["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
      ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
      ...["--disable-dev-shm-usage", "--enable-logging=stderr", "--dump-dom"],
      ...[`--user-data-dir=${profile}`, `--window-size=${widthPx},900`],
    ];
    const { status, stdout, stderr } = spawnSync(command, [...flags, pathToFileURL(file).href], {
      encoding: "utf8",
      maxBuffer: 1 << 26,
      env: { ...process.env, HOME: profile },
    });
    assert.equal(status, 0, stderr);
    const complaints = stderr.split("\n").filter((line) => /:CONSOLE/.test(line));
    return { dom: stdout, complaints };
  } finally {
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

/**
 * What the body of a function gives that runs on the page, as JSON. The page's own policy, which
 * would forbid it, is left out.
 */
export async function askPage(
  command: string,
  page: string,
  { widthPx, script }: { readonly widthPx: number; readonly script: string },
): Promise<unknown> {
  const probe = `document.body.dataset.answer = JSON.stringify((() => {${script}})())`;
  const probed = page
    .replace(/<meta http-equiv="Content-Security-Policy"[^>]*>/, "")
    .replace("</body>", () => `<script>${probe}</script></body>`);
  const { dom } = await browse(command, probed, widthPx);
  const [, answer] = / data-answer="([^"]*)"/.exec(dom)!;
  return JSON.parse(answer!.replaceAll("&quot;", '"').replaceAll("&amp;", "&"));
}
