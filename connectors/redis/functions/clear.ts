/**
 * `eddy_clear`: keys meta, then keys of the same partition; args epoch, token. Removes those keys where the partition is that
 * writer's, and answers done; else lost or moved, as a commit would be answered (commit.ts), and removes nothing.
 */
export const clearLua = String.raw`
redis.register_function('eddy_clear', function(keys, args)
  local meta, epoch, token = keys[1], args[1], args[2]
  if #keys < 2 or #args ~= 2 or natural(epoch) == nil or token == '' then return malformed('clearing') end
  local stored = redis.call('HMGET', meta, '@epoch', '@writer')
  local claim = standing(stored[1], stored[2], epoch, token)
  if claim ~= 'mine' then return claim end
  for i = 2, #keys do redis.call('UNLINK', keys[i]) end
  return 'done'
end)
`;
