-- Tidegate for HAProxy 2.6 or newer: keeps the shares in a map file as Tidegate wishes them.
--
-- Set by `setenv` lines above the `lua-load` line (arguments of lua-load do not arrive in 2.6):
-- TIDEGATE_URL           where proxies ask, without a slash at the end
-- TIDEGATE_TOKEN         a token of the role provider
-- TIDEGATE_MAP           the map file, one line a route: `checkout 0`
-- TIDEGATE_ROUTES        the routes to follow, with spaces between
-- TIDEGATE_METRICS_PORT  where this HAProxy serves /metrics; left out: not read
-- TIDEGATE_CHROOT        the `chroot` of the configuration: the map file is written beneath it
-- TIDEGATE_NODE          another name than the host's, for several HAProxies on one host
--
-- It asks and is held until there is something new. The map in memory is what requests follow; the file is what a
-- restart begins with: the side that serves everybody, never a half-way split. Nothing is touched when nobody answers.

local function setting(name)
  return os.getenv(name) or error(name .. " is not set: put a setenv line above lua-load")
end

local base, token, file = setting("TIDEGATE_URL"), setting("TIDEGATE_TOKEN"), setting("TIDEGATE_MAP")
local port = os.getenv("TIDEGATE_METRICS_PORT") or ""

local function first_line(path)
  local f = io.open(path)
  local line = f and f:read("l")
  if f then f:close() end
  return line
end

local node = os.getenv("TIDEGATE_NODE") or first_line("/proc/sys/kernel/hostname") or "haproxy"
local boot = first_line("/proc/sys/kernel/random/uuid") or tostring(os.time())
local map = Map.new(file, Map._str)

-- What the file says: kept whole, with the routes that others look after.
local settled = {}
for line in io.lines(file) do
  local route, share = line:match("^%s*([^%s#]+)%s+(%d+)")
  if route then settled[route] = share end
end

local chroot = (os.getenv("TIDEGATE_CHROOT") or ""):gsub("/+$", "")
local inner = file
if chroot ~= "" and file:sub(1, #chroot + 1) == chroot .. "/" then inner = file:sub(#chroot + 1) end

-- A new file put in place of the old one: a crash leaves one or the other.
local function write_file()
  local path = inner
  local f = io.open(path .. ".new", "w")
  if not f and inner ~= file then
    path = file
    f = io.open(path .. ".new", "w")
  end
  if not f then return false end
  for route, share in pairs(settled) do f:write(route, " ", share, "\n") end
  return f:close() and os.rename(path .. ".new", path)
end

local writing = false
local function settle(route, share)
  local before = settled[route]
  if before == share then return true end
  -- HAProxy may let another route's task run in the middle of this one.
  while writing do core.msleep(1) end
  writing = true
  settled[route] = share
  local written = write_file()
  writing = false
  if written then return true end
  settled[route] = before
  core.Warning("tidegate: cannot write " .. file .. "; a restart without Tidegate would serve the old side of " .. route)
  return false
end

local function url(route, have, share)
  return base .. "/haproxy/v1/splits?wait=2&route=" .. route .. "&node=" .. node .. "&boot=" .. boot
    .. "&have=" .. have .. "&share=" .. share .. "&settled=" .. (settled[route] or "") .. "&metrics_port=" .. port
end

local function ask(route, have, share)
  local headers = { ["authorization"] = { "Bearer " .. token } }
  local ok, answer = pcall(function()
    return core.httpclient():get{ url = url(route, have, share), headers = headers, timeout = 30000 }
  end)
  return ok and answer or { status = 0 }
end

-- Brings one answer into force. Returns the generation that is in force now, and whether all went well.
local function obey(route, have, share, body)
  local generation, named, wished, start = (body or ""):match("^(%d+)\n(%S+) (%d+) (%d+)\n$")
  if named ~= route then return have, false end
  -- A hand moved the share while we waited: it must be heard of before anything is written over it.
  if (map:lookup(route) or "") ~= share then return have, true end
  core.set_map(file, route, wished)
  if map:lookup(route) ~= wished then return have, false end
  return generation, settle(route, start)
end

-- After a reload the new process speaks for this host; the old one carries its last requests with the last share.
local function leaving()
  return tonumber(core.get_info()["Stopping"]) == 1
end

local function follow(route)
  local have, said = "", 304
  while not leaving() do
    local share = map:lookup(route) or ""
    local answer, well = ask(route, have, share), true
    -- Told once for each change: a wrong token must not be a riddle, nor fill the log.
    if answer.status ~= said and answer.status ~= 200 and answer.status ~= 304 then
      core.Warning("tidegate: asked for " .. route .. ", answered with status " .. answer.status
        .. " (0: nobody answers); the share stays " .. share)
    end
    said = answer.status
    if answer.status == 200 then
      have, well = obey(route, have, share, answer.body)
    elseif answer.status ~= 304 then
      well = false
    end
    core.msleep(well and 1 or 500)
  end
end

for route in setting("TIDEGATE_ROUTES"):gmatch("%S+") do
  core.register_task(function() follow(route) end)
end
