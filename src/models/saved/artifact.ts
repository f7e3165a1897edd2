import { hash } from "node:crypto";
import { existsSync } from "node:fs";
import { open, readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { programVersion } from "../../base/files/program-file.ts";
import type { Runtime } from "../../native/runtime.ts";
import { hashFile } from "../files/file-hash.ts";
import { type ModelFile, reducedPrecision } from "../files/model-file.ts";
import { processorIdentity } from "./processor-identity.ts";

/*
 * An artifact is a folder named by its key:
 *
 *   model.ort       the network as the runtime has optimised it, to be mapped into memory
 *   artifact.json   what it is for, and the hash of model.ort
 *
 * It is made under another name and renamed when it is whole: it is there entirely or not at all.
 */

/** The origin and the purpose of an artifact; any other value means another artifact. */
export interface ArtifactIdentity {
  /** Of the model file, and of its calibration: `networkIdentity`. */
  readonly modelSha256: string;
  readonly device: string;
  /** The runtime: {@link libraryOf}. */
  readonly library: string;
  /** Version of Orangery, and of the graphs that it makes. */
  readonly orangery: string;
  readonly processor: string;
}

export interface ArtifactDescription extends ArtifactIdentity {
  /** Name of the model file, for people. */
  readonly modelName: string;
  /** What its network was made to compute in; absent where it was left as it is. */
  readonly precision?: "float16" | "int8" | undefined;
  /** Of `model.ort`. */
  readonly bytes: number;
  readonly sha256: string;
}

/** To be raised where a version of Orangery, while it is made, begins to make other graphs. */
const graphRevision = 8;
const orangery = `${programVersion()} graph ${graphRevision}`;

export function artifactIdentity(
  modelSha256: string,
  { device, library }: { readonly device: string; readonly library: string },
): ArtifactIdentity {
  return { modelSha256, device, library, orangery, processor: processorIdentity() };
}

/** Returns what of a runtime decides how its networks are saved. */
export function libraryOf({ name, version, kernels }: Runtime): string {
  return `${name} ${version}${kernels === undefined ? "" : " with kernels"}`;
}

/** The name of the artifact's folder. */
export function artifactKey(identity: ArtifactIdentity): string {
  return hash("sha256", identityText(identity)).slice(0, 32);
}

export function isArtifactKey(name: string): boolean {
  return /^[0-9a-f]{32}$/.test(name);
}

export function networkFile(folder: string): string {
  return join(folder, "model.ort");
}

/** Describes a network that the runtime has just saved, once it is on the disk for good. */
export async function sealArtifact(
  folder: string,
  { identity, model }: { readonly identity: ArtifactIdentity; readonly model: ModelFile },
): Promise<ArtifactDescription> {
  const network = networkFile(folder);
  await using file = await open(network, "r+");
  // Else a power cut could leave a folder that is there and a file that is not.
  await file.sync();
  const { path } = model;
  const origin = { ...identity, modelName: basename(path), precision: reducedPrecision(model) };
  const facts = { ...origin, ...(await hashFile(network)) };
  await writeFile(factsFile(folder), JSON.stringify(facts));
  return facts;
}

/**
 * Checks that an artifact is whole and is the one that is wanted.
 *
 * @returns whether there is one
 * @throws where there is one that cannot be used
 */
export async function checkArtifact(folder: string, wanted: ArtifactIdentity): Promise<boolean> {
  if (!existsSync(folder)) return false;
  const facts = await readArtifactDescription(folder);
  if (identityText(facts) !== identityText(wanted)) {
    throw new Error("it was made from another model or for another machine");
  }
  const { sha256 } = await hashFile(networkFile(folder));
  if (sha256 !== facts.sha256) throw new Error("its contents have changed since it was made");
  return true;
}

/** @throws where there is no description, or none that {@link sealArtifact} wrote */
export async function readArtifactDescription(folder: string): Promise<ArtifactDescription> {
  const facts: unknown = JSON.parse(await readFile(factsFile(folder), "utf8"));
  if (!isFacts(facts)) throw new Error("its description says other things than it should");
  return facts;
}

function isFacts(value: unknown): value is ArtifactDescription {
  if (!(value instanceof Object)) return false;
  const facts = value as Record<keyof ArtifactDescription, unknown>;
  const { modelSha256, device, library, orangery, processor, modelName, sha256, bytes } = facts;
  const texts = [modelSha256, device, library, orangery, processor, modelName, sha256];
  return texts.every((text) => typeof text === "string") && typeof bytes === "number";
}

function factsFile(folder: string): string {
  return join(folder, "artifact.json");
}

function identityText(identity: ArtifactIdentity): string {
  const { modelSha256, device, library, orangery, processor } = identity;
  return JSON.stringify([modelSha256, device, library, orangery, processor]);
}
