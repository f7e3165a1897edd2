import { arch, platform, release } from "node:os";
import { green, type Observation } from "../finding.ts";

/** The version of Node. A version that is too old is refused before anything runs. */
export async function lookAtNode(): Promise<Observation> {
  const { node } = process.versions;
  return green(`Node ${node} on ${platform()} ${arch()}.`, {
    version: node,
    platform: platform(),
    arch: arch(),
    release: release(),
  });
}
