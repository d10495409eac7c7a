/**
 * `eddy_wakes`: keys wakes; args limit, then perhaps the instant and customer behind which to begin. Answers customer,
 * instant, customer, instant, in order of instant and of the customer's bytes (Redis's own order of a sorted set).
 *
 * Thousands may share one instant, and the entry one came from may have been moved or removed since, so a page begins
 * at a rank: the one behind the entry when it still stands where it was, else the place where it would stand, found by
 * halving the ranks of its instant. Either way O(log² n) and the page.
 */
export const wakesLua = String.raw`
-- How many entries stand before or at (instant, customer).
local function rank_behind(wakes, instant, customer)
  local score = redis.call('ZSCORE', wakes, customer)
  if score and tonumber(score) == tonumber(instant) then
    return redis.call('ZRANK', wakes, customer) + 1
  end
  local low = redis.call('ZCOUNT', wakes, '-inf', '(' .. instant)
  local high = redis.call('ZCOUNT', wakes, '-inf', instant)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if precedes(redis.call('ZRANGE', wakes, middle, middle)[1], customer) then
      low = middle + 1
    else
      high = middle
    end
  end
  return low
end

redis.register_function{
  function_name = 'eddy_wakes',
  flags = { 'no-writes' },
  callback = function(keys, args)
    local wakes, limit = keys[1], natural(args[1])
    if #keys ~= 1 or limit == nil or limit == 0 then return malformed('question for wakes') end
    local from = 0
    if #args == 3 then
      if whole(args[2]) == nil then return malformed('instant of a wake') end
      from = rank_behind(wakes, args[2], args[3])
    end
    return redis.call('ZRANGE', wakes, from, from + limit - 1, 'WITHSCORES')
  end
}
`;
