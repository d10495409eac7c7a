/**
 * `eddy_outbox`: keys meta, outbox; args from, limit. Answers number, packed output, number, packed output, in order of
 * number.
 *
 * Numbers are consecutive, so it asks for the next ones by name, between the lowest and newest that meta knows of.
 * Only across a wide gap (see shared.ts) does it list what is there.
 */
export const outboxLua = String.raw`
-- At most limit numbers of the outbox from a number on, in order.
local function listed(outbox, from, limit)
  local there = {}
  for _, number in ipairs(numbers_in(outbox)) do
    if number >= from then there[#there + 1] = number end
  end
  table.sort(there)
  local first = {}
  for i = 1, math.min(#there, limit) do first[i] = there[i] end
  return first
end

-- Appends number and value of those of the numbers that are in the outbox, up to the limit.
local function collect(reply, outbox, numbers, limit)
  local names = {}
  for i = 1, #numbers do names[i] = decimal(numbers[i]) end
  local values = redis.call('HMGET', outbox, unpack(names))
  for i = 1, #names do
    if values[i] and #reply < 2 * limit then
      reply[#reply + 1] = names[i]
      reply[#reply + 1] = values[i]
    end
  end
end

redis.register_function{
  function_name = 'eddy_outbox',
  flags = { 'no-writes' },
  callback = function(keys, args)
    local meta, outbox, from, limit = keys[1], keys[2], natural(args[1]), natural(args[2])
    if #keys ~= 2 or from == nil or limit == nil or limit == 0 then return malformed('question for the outbox') end
    local stored = redis.call('HMGET', meta, '@lowest', '@newest')
    local newest = natural(stored[2] or '0') or 0
    local number = math.max(from, natural(stored[1] or '1') or 1)
    local reply = {}
    if sparse(outbox, number, newest) then
      local numbers = listed(outbox, number, limit)
      for i = 1, #numbers, CHUNK do
        collect(reply, outbox, { unpack(numbers, i, math.min(i + CHUNK - 1, #numbers)) }, limit)
      end
      return reply
    end
    while number <= newest and #reply < 2 * limit do
      local numbers = {}
      for i = 1, math.min(CHUNK, newest - number + 1) do numbers[i] = number + i - 1 end
      collect(reply, outbox, numbers, limit)
      number = number + #numbers
    end
    return reply
  end
}
`;
