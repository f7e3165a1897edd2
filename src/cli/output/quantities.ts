// Shared with the report page.
export {
  formatCount,
  formatDuration,
  formatEta,
  formatPlural,
  formatRate,
} from "../../base/quantities.ts";
