/**
 * `eddy_beat`: keys members; args id, lease in ms (0: leaves), partitions held (decimals with commas, or nothing). Answers
 * id, partitions, id, partitions, … of all whose lease has not run out, in any order.
 *
 * One hash: id to `<end of the lease>:<partitions>`. The clock is the server's own, read off the expiry that the key is
 * given anyhow: TIME would need a permission that users of earlier versions were not given. With the last lease the key
 * goes by itself. A lease that ends later than a new one would is of before that clock went back: it is cut down to a new one,
 * or the dead would keep their partitions for as long as it went back.
 */
export const beatLua = String.raw`
redis.register_function('eddy_beat', function(keys, args)
  local members, id, lease, holds = keys[1], args[1], natural(args[2]), args[3]
  if #keys ~= 1 or #args ~= 3 or id == '' or lease == nil or string.find(holds, '[^%d,]') then return malformed('beat') end
  redis.call('HSET', members, id, '0:')
  redis.call('PEXPIRE', members, lease + 1000)
  local now = redis.call('PEXPIRETIME', members) - lease - 1000
  local last, reply = 0, {}
  if lease > 0 then redis.call('HSET', members, id, decimal(now + lease) .. ':' .. holds) end
  local all = redis.call('HGETALL', members)
  for i = 1, #all, 2 do
    local ends, held = string.match(all[i + 1], '^(%d+):([%d,]*)$')
    ends = natural(ends) or 0
    if lease > 0 and ends > now + lease then
      ends = now + lease
      redis.call('HSET', members, all[i], decimal(ends) .. ':' .. held)
    end
    if ends > now then
      last = math.max(last, ends)
      reply[#reply + 1] = all[i]
      reply[#reply + 1] = held
    else
      redis.call('HDEL', members, all[i])
    end
  end
  if last > 0 then redis.call('PEXPIREAT', members, decimal(last)) end
  return reply
end)
`;
