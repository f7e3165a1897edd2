import { hideCredentials } from "../../base/url.ts";
import type { ListedEntry } from "../../ledger/browse/listed-entries.ts";
import { adviseOn } from "../../results/failure-advice.ts";

/** A photo of a list as the page shows it: without what a URL must not show. */
export function photoRow({ photoId, source, state, reason, takenAt, result }: ListedEntry) {
  return {
    id: photoId,
    ...nameParts(hideCredentials(source)),
    state,
    reason: reason && {
      code: reason.code,
      message: hideCredentials(reason.message),
      ...adviseOn(reason.code),
    },
    takenAt,
    result: result && {
      id: result.id,
      widthPx: result.widthPx,
      heightPx: result.heightPx,
      objectCount: result.objectCount,
      regionCount: result.regionCount,
      counts: result.counts.map(({ name, count }) => [name, count]),
      warnings: result.warnings,
      device: result.device,
      createdAt: result.createdAt,
    },
  };
}

/** The name of a photo, and the folder that it is in. */
export function nameParts(source: string): { readonly name: string; readonly folder: string } {
  const at = Math.max(source.lastIndexOf("/"), source.lastIndexOf("\\"));
  return { name: source.slice(at + 1), folder: source.slice(0, Math.max(0, at)) };
}
