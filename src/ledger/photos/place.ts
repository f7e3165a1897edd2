import { sep } from "node:path";
import { urlScheme } from "../../base/url.ts";

/** Returns a place as the beginning of sources: without separators at its end. */
export function withoutEnd(place: string): string {
  return place.replace(sep === "/" ? /\/+$/ : /[\\/]+$/, "");
}

/** Returns what divides folders in the sources of a place. */
export function separatorOf(place: string): string {
  return urlScheme(place) === undefined ? sep : "/";
}
