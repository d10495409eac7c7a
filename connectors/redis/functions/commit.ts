/**
 * `eddy_commit`: the one function that changes customers. It checks everything first and writes then, meta last.
 *
 * keys: meta, customers, wakes, outbox, then the key of each segment that changes, then that of each ranking
 *       (`eddy:{p}:ranking:…`, in a scope `eddy:{p}:<scope>:ranking:…`, by which they are told apart: callers of version 1
 *       know of none)
 * args: epoch, token, n, forget, and the counts of the lists below; then, for each segment, how many join and how many
 *       leave; for each ranking, 1 if it begins anew or 0, and how many values change; then the lists, each directly
 *       behind the other:
 *       states (id, state) · removed states (id) · wakes (instant, id) · removed wakes (id) · outputs (number, packed) ·
 *       for each segment those who join, those who leave (id) · for each ranking the values (value, by how much) ·
 *       meta (field, value) · removed meta (field)
 *
 * Answers done, already, lost or moved as ports.ts says. Two cases more: a stored epoch below the writer's own means
 * that the store went back to before its claim (epochs never fall otherwise), so the answer is moved; the same epoch
 * under another token is somebody who claimed after that, so it is lost.
 *
 * Redis does not roll back, so nothing may fail once the first write is made. Types of keys are tried by reading,
 * numbers are parsed, permissions are asked for one by one (acl_check_cmd). Memory, disk and role are checked by Redis
 * at the first write and not again within the same function.
 *
 * Flat arguments rather than a packed one: unpack(args, i, j) hands a run of them to HSET as they are.
 */
export const commitLua = String.raw`
local FIXED = 11

-- What the writer's claim is worth now: mine, lost or moved.
local function standing(stored_epoch, stored_token, epoch, token)
  if stored_epoch == epoch then
    if stored_token == token then return 'mine' end
    return 'lost'
  end
  if (natural(stored_epoch or '0') or 0) < natural(epoch) then return 'moved' end
  return 'lost'
end

local function is_ranking(key)
  if string.find(key, '^eddy:{%d+}:ranking:') then return true end
  local scope = string.match(key, '^eddy:{%d+}:(%l+):ranking:')
  return scope ~= nil and scope ~= 'segment'
end

-- How many of the keys are rankings; they stand last.
local function rankings_in(keys)
  local first = #keys + 1
  while first > 5 and is_ranking(keys[first - 1]) do first = first - 1 end
  return #keys + 1 - first
end

-- The lists of a commit: how long each is and where it begins. Nil when the counts are wrong or do not add up.
local function lists_of(args, segments, rankings)
  local counts = {}
  for i = 5, FIXED + 2 * (segments + rankings) do
    local count = natural(args[i])
    if count == nil then return nil end
    counts[i - 4] = count
  end
  local c = { at_states = FIXED + 2 * (segments + rankings) + 1, at_segment = {}, joining = {}, leaving = {} }
  c.segments, c.rankings, c.at_ranking, c.anew, c.changing = segments, rankings, {}, {}, {}
  c.states, c.gone, c.waking, c.silent, c.outputs, c.fields, c.cleared = unpack(counts, 1, 7)
  c.at_gone = c.at_states + 2 * c.states
  c.at_waking = c.at_gone + c.gone
  c.at_silent = c.at_waking + 2 * c.waking
  c.at_outputs = c.at_silent + c.silent
  local at = c.at_outputs + 2 * c.outputs
  for s = 1, segments do
    c.at_segment[s], c.joining[s], c.leaving[s] = at, counts[6 + 2 * s], counts[7 + 2 * s]
    at = at + c.joining[s] + c.leaving[s]
  end
  for r = 1, rankings do
    local i = 6 + 2 * (segments + r)
    c.at_ranking[r], c.anew[r], c.changing[r] = at, counts[i] == 1, counts[i + 1]
    at = at + 2 * c.changing[r]
  end
  c.at_fields = at
  c.at_cleared = c.at_fields + 2 * c.fields
  if c.at_cleared + c.cleared ~= #args + 1 then return nil end
  return c
end

-- Names of the engine's fields never look like those of the store's own (see meta-fields.ts).
local function own_field(name)
  return name == '@' or string.find(name, '^@[^@]') ~= nil
end

-- What is wrong with the values of a commit, or nil.
local function fault_in(c, args)
  for i = c.at_waking, c.at_silent - 1, 2 do
    if whole(args[i]) == nil then return 'instant of a wake' end
  end
  local previous = 0
  for i = c.at_outputs, c.at_outputs + 2 * c.outputs - 1, 2 do
    local number = natural(args[i])
    if number == nil or number <= previous then return 'number of an output' end
    previous = number
  end
  for i = c.at_fields, c.at_cleared - 1, 2 do
    if own_field(args[i]) then return 'name of a meta field' end
  end
  for i = c.at_cleared, #args do
    if own_field(args[i]) then return 'name of a meta field' end
  end
  return nil
end

-- Raises WRONGTYPE when a key holds something else.
local function try_types(c, keys)
  redis.call('HLEN', keys[2])
  redis.call('ZCARD', keys[3])
  redis.call('HLEN', keys[4])
  for s = 1, c.segments do redis.call('SCARD', keys[4 + s]) end
end

-- What becomes of the counts of a ranking: those to set (value, count) and the values to remove. Nil when one is no number.
local function counts_after(c, r, key, args)
  local set, removed = {}, {}
  local from, last = c.at_ranking[r], c.at_ranking[r] + 2 * c.changing[r] - 1
  while from <= last do
    local to = math.min(from + CHUNK - 1, last)
    local values = {}
    for i = from, to, 2 do values[#values + 1] = args[i] end
    local stored = c.anew[r] and {} or redis.call('HMGET', key, unpack(values))
    for i = 1, #values do
      local before, by = whole(stored[i] or '0'), whole(args[from + 2 * i - 1])
      if before == nil or by == nil then return nil end
      if before + by == 0 then
        removed[#removed + 1] = values[i]
      else
        set[#set + 1] = values[i]
        set[#set + 1] = decimal(before + by)
      end
    end
    from = to + 1
  end
  return { set = set, removed = removed }
end

local function permitted(c, keys)
  local may = redis.acl_check_cmd
  local allowed = may('HSET', keys[1], 'f', 'v')
    and (c.cleared == 0 or may('HDEL', keys[1], 'f'))
    and (c.states == 0 or may('HSET', keys[2], 'f', 'v'))
    and (c.gone == 0 or may('HDEL', keys[2], 'f'))
    and (c.waking == 0 or may('ZADD', keys[3], '0', 'm'))
    and (c.silent == 0 or may('ZREM', keys[3], 'm'))
    and (c.outputs == 0 or may('HSET', keys[4], 'f', 'v'))
    and may('HDEL', keys[4], 'f')
  for s = 5, 4 + c.segments do
    allowed = allowed and may('SADD', keys[s], 'm') and may('SREM', keys[s], 'm')
  end
  for r = 5 + c.segments, #keys do
    allowed = allowed and may('HSET', keys[r], 'f', 'v') and may('HDEL', keys[r], 'f') and may('DEL', keys[r])
  end
  return allowed
end

-- The least number that may be in the outbox once the outputs from first_output on (nil: none) are in it.
local function lowest_of(outbox, stored, forget, first_output)
  local lowest = natural(stored or '1') or 1
  if first_output ~= nil and (first_output < lowest or redis.call('HLEN', outbox) == 0) then return first_output end
  if forget < lowest or redis.call('HEXISTS', outbox, decimal(lowest)) == 1 then return lowest end
  if not sparse(outbox, lowest, forget) then return lowest end
  local least = first_output or forget + 1
  for _, number in ipairs(numbers_in(outbox)) do least = math.min(least, number) end
  return least
end

-- The numbers to forget from lowest on: bounded, yet more than come in, so that they never pile up.
local function forgettable(lowest, forget, outputs)
  local names = {}
  for number = lowest, math.min(forget, lowest + 499 + 2 * outputs) do names[#names + 1] = decimal(number) end
  return names
end

local function write_lists(c, counts, keys, args)
  write('HSET', keys[2], args, c.at_states, 2 * c.states)
  write('HDEL', keys[2], args, c.at_gone, c.gone)
  write('ZADD', keys[3], args, c.at_waking, 2 * c.waking)
  write('ZREM', keys[3], args, c.at_silent, c.silent)
  write('HSET', keys[4], args, c.at_outputs, 2 * c.outputs)
  for s = 1, c.segments do
    write('SADD', keys[4 + s], args, c.at_segment[s], c.joining[s])
    write('SREM', keys[4 + s], args, c.at_segment[s] + c.joining[s], c.leaving[s])
  end
  for r = 1, c.rankings do
    local key = keys[4 + c.segments + r]
    if c.anew[r] then redis.call('DEL', key) end
    write('HSET', key, counts[r].set, 1, #counts[r].set)
    write('HDEL', key, counts[r].removed, 1, #counts[r].removed)
  end
end

redis.register_function('eddy_commit', function(keys, args)
  local meta, outbox = keys[1], keys[4]
  local epoch, token, n, forget = args[1], args[2], natural(args[3]), natural(args[4])
  if #keys < 4 or natural(epoch) == nil or token == '' or n == nil or forget == nil then return malformed('commit') end

  local stored = redis.call('HMGET', meta, '@epoch', '@writer', '@n', '@lowest', '@newest')
  local claim = standing(stored[1], stored[2], epoch, token)
  if claim ~= 'mine' then return claim end
  local stored_n = natural(stored[3] or '0')
  if stored_n == n then return 'already' end
  if stored_n ~= n - 1 then return 'moved' end

  local rankings = rankings_in(keys)
  local c = lists_of(args, #keys - 4 - rankings, rankings)
  if c == nil then return malformed('commit: its counts do not add up') end
  local fault = fault_in(c, args)
  if fault ~= nil then return malformed(fault) end
  try_types(c, keys)
  local counts = {}
  for r = 1, c.rankings do
    counts[r] = counts_after(c, r, keys[4 + c.segments + r], args)
    if counts[r] == nil then return malformed('count of a ranking') end
  end
  if not permitted(c, keys) then return redis.error_reply('NOPERM the user may not write all keys of a commit') end
  local first_output, newest = nil, natural(stored[5] or '0') or 0
  if c.outputs > 0 then
    first_output = natural(args[c.at_outputs])
    newest = math.max(newest, natural(args[c.at_outputs + 2 * c.outputs - 2]))
  end
  local lowest = lowest_of(outbox, stored[4], forget, first_output)
  local forgotten = forgettable(lowest, forget, c.outputs)

  -- From here on nothing can fail.
  write_lists(c, counts, keys, args)
  write('HDEL', outbox, forgotten, 1, #forgotten)
  write('HSET', meta, args, c.at_fields, 2 * c.fields)
  write('HDEL', meta, args, c.at_cleared, c.cleared)
  redis.call('HSET', meta, '@lowest', decimal(lowest + #forgotten), '@newest', decimal(newest), '@n', decimal(n))
  return 'done'
end)
`;
