/** Lists of photos to review: what they are called, and why a photo is on one. */
import * as format from "../../format.js";

export const kinds = {
  sample: {
    title: "By chance",
    about: "What you count on these represents all photos, for an unbiased estimate.",
  },
  threshold: {
    title: "Near the threshold",
    about: "Photos with the most objects just above or just below the threshold.",
  },
  outliers: {
    title: "Unusual for their folder",
    about: "Far more or far fewer objects than on the other photos of the folder.",
  },
  warnings: {
    title: "With warnings",
    about: "Nearly black, nearly white, or without contrast.",
  },
};

/** Why a photo is on a list, as a sentence. */
export function whyOf({ kind, reason, predictedCount, position }, photo) {
  switch (kind) {
    case "sample":
      return `by chance, number ${format.count(position)} of the sample.`;
    case "threshold":
      return `${format.plural(reason, "object")} within 0.1 of the threshold.`;
    case "outliers":
      return (
        `${format.plural(predictedCount ?? 0, "object")}, ${reason.toFixed(1)} times the usual ` +
        "spread away from the middle of its folder."
      );
    case "warnings": {
      const names = photo?.result?.warnings?.map(format.warningName).join(", ");
      return names ? `${names}.` : `${format.plural(reason, "warning")}.`;
    }
    default:
      return undefined;
  }
}
