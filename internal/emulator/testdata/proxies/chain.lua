-- The client's certificates but the leaf, as a list of RFC 9440 byte sequences.
-- ssl_c_chain_der is all of them, one behind the other, so each one's length is
-- read from its own DER header; on a resumed session it is empty.
local function size(der, at)
  local first = der:byte(at + 1)
  if not first then return nil end
  if first < 128 then return 2 + first end
  local n = 0
  for i = 1, first - 128 do n = n * 256 + (der:byte(at + 1 + i) or 0) end
  return 2 + (first - 128) + n
end

core.register_fetches("chain", function(txn)
  local all, leaf = txn.f:ssl_c_chain_der() or "", txn.f:ssl_c_der() or ""
  local items, at = {}, 1
  while at <= #all do
    local n = size(all, at)
    if not n then break end
    local cert = all:sub(at, at + n - 1)
    if cert ~= leaf then items[#items + 1] = ":" .. txn.c:base64(cert) .. ":" end
    at = at + n
  end
  return table.concat(items, ", ")
end)
