import type { LockRenewal } from "./lock-messages.ts";

/** As BullMQ renews locks. */
const script = `
local lost = {}
for i = 2, #KEYS do
  local job, token = ARGV[2 * i - 2], ARGV[2 * i - 1]
  if redis.call("GET", KEYS[i]) == token then
    redis.call("SET", KEYS[i], token, "PX", ARGV[1])
    redis.call("SREM", KEYS[1], job)
  else
    lost[#lost + 1] = job
  end
end
return lost
`;

/** Describes how the locks of a BullMQ queue are renewed. */
export function bullmqRenewal(queue: string, prefix = "bull"): LockRenewal {
  const start = `${prefix}:${queue}:`;
  return { script, keys: [`${start}stalled`], lockKey: [start, ":lock"] };
}
