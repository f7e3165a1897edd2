/** What is not sent yet is kept in this browser, so that neither a reload nor a crash loses it. */

const prefix = "orangery-review ";

/** The place of a photo's edits: other results on the same port are others. */
export const placeOf = ({ identity, recipe, photoId, resultId }) =>
  `${prefix}${identity} ${recipe} ${photoId} ${resultId}`;

/** Keeps a list of things, or forgets it where it is empty. Returns whether the browser keeps it. */
export function keep(place, list) {
  try {
    if (list.length === 0) localStorage.removeItem(place);
    else localStorage.setItem(place, JSON.stringify(list));
    return true;
  } catch {
    return false;
  }
}

export function readKept(place) {
  try {
    return JSON.parse(localStorage.getItem(place) ?? "[]");
  } catch {
    return [];
  }
}

/** Forgets what was kept of a photo before it was counted again; returns how often. */
export function forgetStale(place) {
  const photo = place.slice(0, place.lastIndexOf(" ") + 1);
  try {
    const stale = Object.keys(localStorage).filter(
      (other) => other.startsWith(photo) && other !== place,
    );
    for (const other of stale) localStorage.removeItem(other);
    return stale.length;
  } catch {
    return 0;
  }
}

/** The ids of the photos of a recipe of which edits are kept here. */
export function photosWithKept({ identity, recipe }) {
  try {
    const mine = `${prefix}${identity} ${recipe} `;
    return Object.keys(localStorage)
      .filter((place) => place.startsWith(mine))
      .map((place) => Number(place.slice(mine.length).split(" ")[0]));
  } catch {
    return [];
  }
}
