/**
 * `eddy_share`: keys shared; args how many fields are expected, then those (field, value), then the fields to set (field,
 * value); an empty value stands for a field that is not there, and removes one. Answers done, or other where a field has
 * another value than expected, and then changes nothing. Where all fields have the values to be set already it is done: it is the
 * same question again after a lost reply.
 */
export const shareLua = String.raw`
redis.register_function('eddy_share', function(keys, args)
  local shared, expected = keys[1], natural(args[1])
  if #keys ~= 1 or expected == nil or #args < 1 + 2 * expected or #args % 2 ~= 1 then return malformed('shared fields') end
  local function all_stand(from, to)
    for i = from, to, 2 do
      if (redis.call('HMGET', shared, args[i])[1] or '') ~= args[i + 1] then return false end
    end
    return true
  end
  local first = 2 + 2 * expected
  if all_stand(first, #args) then return 'done' end
  if not all_stand(2, first - 1) then return 'other' end
  for i = first, #args, 2 do
    if args[i + 1] == '' then redis.call('HDEL', shared, args[i])
    else redis.call('HSET', shared, args[i], args[i + 1]) end
  end
  return 'done'
end)
`;
