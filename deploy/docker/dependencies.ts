/**
 * Rewrites package.json in the working directory into that of the image: the dependencies and every
 * optional peer, without what only development needs. The lock file beside it keeps its versions.
 */
import { readFileSync, writeFileSync } from "node:fs";

const { dependencies, peerDependencies, overrides } = JSON.parse(
  readFileSync("package.json", "utf8"),
);
const manifest = {
  name: "orangery-image",
  private: true,
  type: "module",
  dependencies: { ...dependencies, ...peerDependencies },
  overrides,
};
writeFileSync("package.json", JSON.stringify(manifest, undefined, 2));
