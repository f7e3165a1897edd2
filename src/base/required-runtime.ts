import { OrangeryError } from "../errors.ts";

/**
 * As in package.json. This module is imported first, so that an older Node fails with this message
 * only.
 */
const neededNode = [24, 16] as const;

const why = whyUnsupported(process.versions, globalThis.navigator?.locks !== undefined);
if (why !== undefined) throw new OrangeryError("RUNTIME_UNSUPPORTED", why);

/** Returns why Orangery does not run here; undefined if it does. */
export function whyUnsupported(
  versions: Readonly<Record<string, string | undefined>>,
  hasLocks: boolean,
): string | undefined {
  const needed = `Expected Node ${neededNode.join(".")} or newer`;
  const [major = 0, minor = 0] = (versions.node ?? "").split(".").map(Number);
  const isOld = major < neededNode[0] || (major === neededNode[0] && minor < neededNode[1]);
  const another = ["Bun", "Deno"].find((name) => versions[name.toLowerCase()] !== undefined);
  if (another !== undefined) {
    if (hasLocks && !isOld) return undefined;
    const version = versions[another.toLowerCase()];
    return `${needed}, got ${another} ${version}, which lacks what Orangery needs of it.`;
  }
  return isOld
    ? `${needed}, got Node ${versions.node}. Install one with \`npm install node@24\` in your ` +
        "project, or from https://nodejs.org."
    : undefined;
}
