import { separatorOf, withoutEnd } from "../../../ledger/photos/place.ts";
import type { JobFilter } from "../job-filter.ts";

/** The arguments of {@link filterScript}. */
export function filterArguments({ code = "", under, since, until }: JobFilter): string[] {
  const at = under === undefined ? "" : withoutEnd(under);
  return [
    code,
    // As in the JSON of the data, without the outer quotes.
    JSON.stringify(at).slice(1, -1),
    under === undefined ? "" : JSON.stringify(separatorOf(under)).slice(1, -1),
    String(since ?? ""),
    String(until ?? ""),
  ];
}

/** The number of {@link filterArguments}. */
export const filterArgumentCount = 5;

/**
 * Lua: `matches(jobKey, state)` is the part of a filter that reads jobs. It runs in Redis, so that
 * a filter can scan hundreds of thousands of jobs for a few matches. Data are compared as the JSON
 * that `enqueue` writes: a photo's source is `source`, or else `photo`.
 */
export const filterScript = `
  local code, at, separator, since, untilTime = unpack(ARGV, 1, ${filterArgumentCount})
  since, untilTime = tonumber(since), tonumber(untilTime)

  local function isUnder(data)
    local name = string.find(data, '"source":"', 1, true) and '"source":"' or '"photo":"'
    return string.find(data, name .. at .. '"', 1, true)
      or string.find(data, name .. at .. separator, 1, true)
  end

  local function matches(jobKey, state)
    if code ~= "" then
      local reason = redis.call("HGET", jobKey, "failedReason") or ""
      if string.sub(reason, 1, #code + 1) ~= code .. ":" then return false end
    end
    if since or untilTime then
      local field = state == "failed" and "finishedOn" or "timestamp"
      local time = tonumber(redis.call("HGET", jobKey, field) or 0)
      if since and time < since or untilTime and time >= untilTime then return false end
    end
    return at == "" or isUnder(redis.call("HGET", jobKey, "data") or "")
  end
`;
