import { RedisScript } from "./redis-script.ts";

/** The server's time in seconds, as text that a score keeps exactly. */
const readTime = `
local time = redis.call("TIME")
local function at(offset)
  return string.format("%.4f", time[1] + time[2] / 1e6 + offset)
end
`;

/**
 * Takes the next message, from the first list that has one, into Celery's own keys. Whatever
 * happens, a message is either still in its list or among the unacknowledged.
 *
 * The tag is unique to this delivery, unlike the one that the message came with: while `unacked`
 * has it, the message is this worker's. The time in it makes it unique even if the request is
 * repeated because the connection broke before the answer: the first request's message is then
 * given back when its lease expires. The tag also holds the list and the length of what follows the
 * message in `unacked`, so that giving it back needs no parsing.
 *
 * KEYS: unacked, its index, leases, then the lists. ARGV: a random id, the lease in seconds, then
 * for each list what follows the message.
 */
export const takeScript = new RedisScript(`${readTime}
for i = 4, #KEYS do
  local message = redis.call("RPOP", KEYS[i])
  if message then
    local suffix = ARGV[i - 1]
    local id = ARGV[1] .. "-" .. time[1] .. "." .. time[2]
    local tag = "orangery:" .. id .. ":" .. #suffix .. ":" .. KEYS[i]
    redis.call("HSET", KEYS[1], tag, "[" .. message .. suffix)
    redis.call("ZADD", KEYS[2], at(0), tag)
    redis.call("ZADD", KEYS[3], at(ARGV[2]), tag)
    return {tag, message, i - 3}
  end
end
return false
`);

/**
 * Ends the work on a message and sends others, atomically: acknowledges it, or gives it back by
 * sending it. Returns 0, and does nothing, where the message is no longer this worker's. Without a
 * tag it only sends.
 *
 * KEYS: unacked, its index, leases, mark, then a list for each message. ARGV: the tag, the command
 * that pushes, whether the mark goes, the messages.
 */
export const settleScript = new RedisScript(`
if ARGV[1] ~= "" then
  if redis.call("HDEL", KEYS[1], ARGV[1]) == 0 then return 0 end
  redis.call("ZREM", KEYS[2], ARGV[1])
  redis.call("ZREM", KEYS[3], ARGV[1])
end
if ARGV[3] == "1" then redis.call("DEL", KEYS[4]) end
for i = 5, #KEYS do redis.call(ARGV[2], KEYS[i], ARGV[i - 1]) end
return 1
`);

/**
 * Keeps a message until its time. Python workers leave it alone until then and give it back
 * afterwards: to them it looks like a message whose visibility timeout expires at that time.
 *
 * KEYS: unacked, its index, leases, delayed. ARGV: the tag, its time, Celery's visibility timeout,
 * both in seconds.
 */
export const delayScript = new RedisScript(`
if redis.call("HEXISTS", KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call("ZREM", KEYS[3], ARGV[1])
redis.call("ZADD", KEYS[4], ARGV[2], ARGV[1])
redis.call("ZADD", KEYS[2], ARGV[2] - ARGV[3], ARGV[1])
return 1
`);

/**
 * Puts due messages at the front of their lists. Returns the seconds until the next one is due;
 * nothing if there is none.
 *
 * KEYS: unacked, its index, delayed. ARGV: the most messages.
 */
export const dueScript = new RedisScript(`${readTime}
local due = redis.call("ZRANGE", KEYS[3], "-inf", at(0), "BYSCORE", "LIMIT", 0, ARGV[1])
for _, tag in ipairs(due) do
  local value = redis.call("HGET", KEYS[1], tag)
  if value then
    local length, list = string.match(tag, "^orangery:[^:]*:(%d+):(.*)$")
    redis.call("RPUSH", list, string.sub(value, 2, -1 - length))
    redis.call("HDEL", KEYS[1], tag)
  end
  redis.call("ZREM", KEYS[2], tag)
  redis.call("ZREM", KEYS[3], tag)
end
local next = redis.call("ZRANGE", KEYS[3], 0, 0, "WITHSCORES")
if #next == 0 then return false end
return tostring(math.max(0, next[2] - at(0)))
`);

/**
 * Lists messages whose workers have not renewed them in time, as tag and message in turn. A tag
 * that Celery's own sweep has given back is forgotten.
 *
 * KEYS: unacked, leases. ARGV: the most messages.
 */
export const expiredScript = new RedisScript(`${readTime}
local found = {}
local due = redis.call("ZRANGE", KEYS[2], "-inf", at(0), "BYSCORE", "LIMIT", 0, ARGV[1])
for _, tag in ipairs(due) do
  local value = redis.call("HGET", KEYS[1], tag)
  if value then
    local length = string.match(tag, "^orangery:[^:]*:(%d+):")
    found[#found + 1] = tag
    found[#found + 1] = string.sub(value, 2, -1 - length)
  else
    redis.call("ZREM", KEYS[2], tag)
  end
end
return found
`);

/**
 * Lists messages whose visibility timeout has expired, as Celery does: tag and `unacked` entry in
 * turn. Those of our workers are among them.
 *
 * KEYS: unacked, its index. ARGV: Celery's visibility timeout in seconds, how many to leave out,
 * the most messages.
 */
export const abandonedScript = new RedisScript(`${readTime}
local found = {}
local past = at(-ARGV[1])
local old = redis.call("ZRANGE", KEYS[2], "-inf", past, "BYSCORE", "LIMIT", ARGV[2], ARGV[3])
for _, tag in ipairs(old) do
  found[#found + 1] = tag
  found[#found + 1] = redis.call("HGET", KEYS[1], tag) or ""
end
return found
`);

/**
 * Renews the leases of messages in progress, also in Celery's index, since Python workers give back
 * what is older than their visibility timeout.
 *
 * KEYS: unacked's index, leases. ARGV: the lease in milliseconds, then each tag twice.
 */
export const renewScript = `${readTime}
local lost = {}
for i = 2, #ARGV, 2 do
  if redis.call("ZSCORE", KEYS[1], ARGV[i]) and redis.call("ZSCORE", KEYS[2], ARGV[i]) then
    redis.call("ZADD", KEYS[1], at(0), ARGV[i])
    redis.call("ZADD", KEYS[2], at(ARGV[1] / 1000), ARGV[i])
  else
    lost[#lost + 1] = ARGV[i]
  end
end
return lost
`;
