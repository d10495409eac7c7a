/**
 * `eddy_claim`: keys meta; args token. Raises the epoch, sets the writer and answers all fields of meta.
 *
 * A claim with the token that owns the partition already changes nothing: it is the same claim sent again after a lost
 * reply, and raising the epoch a second time could leave its sender with the first.
 */
export const claimLua = String.raw`
redis.register_function('eddy_claim', function(keys, args)
  local meta, token = keys[1], args[1]
  if #keys ~= 1 or #args ~= 1 or token == '' then return malformed('claim') end
  local owner = redis.call('HMGET', meta, '@writer', '@epoch')
  if owner[1] ~= token then
    local epoch = natural(owner[2] or '0')
    if epoch == nil then return malformed('epoch in ' .. meta) end
    redis.call('HSET', meta, '@epoch', decimal(epoch + 1), '@writer', token)
  end
  return redis.call('HGETALL', meta)
end)
`;
