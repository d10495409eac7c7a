/**
 * What the functions of the library share: reading whole numbers, comparing bytes, writing a run of arguments.
 *
 * Redis prints large Lua numbers as 1e+15, so every number goes out through `decimal`. Lua's own `<` on strings
 * follows the server's locale, so byte order is compared byte by byte.
 */
export const sharedLua = String.raw`
local LARGEST = 9007199254740991

-- The number of a text of plain decimals, or nil.
local function whole(text)
  if type(text) ~= 'string' or #text > 17 or not string.find(text, '^%-?%d+$') then return nil end
  local number = tonumber(text)
  if number > LARGEST or number < -LARGEST then return nil end
  return number
end

local function natural(text)
  local number = whole(text)
  if number == nil or number < 0 then return nil end
  return number
end

local function decimal(number)
  return string.format('%.0f', number)
end

local function malformed(what)
  return redis.error_reply('EDDY malformed ' .. what)
end

-- Whether a comes before b in order of bytes.
local function precedes(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x < y end
  end
  return #a < #b
end

-- Longer argument lists are no faster, and unpack has a limit.
local CHUNK = 200

-- Runs a write over args[from .. from + count - 1], an even number of arguments at a time.
local function write(command, key, args, from, count)
  local last = from + count - 1
  while from <= last do
    local to = math.min(from + CHUNK - 1, last)
    redis.call(command, key, unpack(args, from, to))
    from = to + 1
  end
end

-- The numbers of all outputs in an outbox of which only few numbers of a wide range are there.
local function numbers_in(outbox)
  local numbers = redis.call('HKEYS', outbox)
  for i = 1, #numbers do numbers[i] = tonumber(numbers[i]) end
  return numbers
end

-- Whether walking from one number to another visits far more numbers than the outbox holds. Numbers are consecutive
-- but for a jump where the store had gone back behind what was published.
local function sparse(outbox, from, to)
  return to - from > 4 * redis.call('HLEN', outbox) + 1000
end
`;
