import { mostDataBytes } from "../job-store.ts";

/** As arguments of a request in Lua. */
const fields = '"name", "data", "timestamp", "atm", "failedReason", "finishedOn", "pb"';

/** Lua: `row(prefix, id)` reads a `JobRow`; long data are cut. */
export const rowScript = `
  local function row(prefix, id)
    local fields = redis.call("HMGET", prefix .. id, ${fields})
    if fields[2] then fields[2] = string.sub(fields[2], 1, ${mostDataBytes}) end
    return {id, unpack(fields)}
  end
`;
