-- What wrk sends: arguments are the file with the token, the Host header, the mix and the tickets to ask for.
-- LOAD_ADDRESS is where it connects to, whatever the name in the URL resolves to.
local MIXES = {
    site = {"list", "list", "list", "ticket", "ticket", "ticket", "comments", "comments", "open", "comment"},
    tickets = {"list", "list", "list", "list", "ticket", "ticket", "ticket", "ticket", "open", "open"},
}
local address = os.getenv("LOAD_ADDRESS")
local mix, tickets, requests, drawn = nil, {}, {}, 0

function wrk.resolve(_, service)
    wrk.addrs = wrk.lookup(address, service)
end

function setup(thread)
    drawn = drawn + 1
    thread:set("seed", drawn)
end

local function post(path, body)
    return wrk.format("POST", path, nil, body)
end

function init(arguments)
    local token = assert(io.open(arguments[1])):read("*l")
    wrk.headers["Authorization"] = "Bearer " .. token
    wrk.headers["Host"] = arguments[2]
    wrk.headers["Content-Type"] = "application/json"
    mix = MIXES[arguments[3]]
    for id in arguments[4]:gmatch("%d+") do
        tickets[#tickets + 1] = id
    end
    requests.list = wrk.format("GET", "/api/tickets/")
    requests.open = post("/api/tickets/", '{"title": "Under load", "description": "One of many.", "priority": "low"}')
    math.randomseed(seed) -- each run asks for the same, in the same order
end

function request()
    local kind = mix[math.random(#mix)]
    if requests[kind] then
        return requests[kind]
    end
    local id = tickets[math.random(#tickets)]
    if kind == "ticket" then
        return wrk.format("GET", "/api/tickets/" .. id .. "/")
    end
    local comments = "/api/messaging/tickets/" .. id .. "/comments/"
    if kind == "comments" then
        return wrk.format("GET", comments)
    end
    return post(comments, '{"body": "Still under load."}')
end

function done(summary, latency, _)
    local e = summary.errors
    io.write(string.format(
        '{"requests": %d, "seconds": %.3f, "p50_ms": %.1f, "p99_ms": %.1f, "errors": %d, "cpu_seconds": %.3f}\n',
        summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
        e.connect + e.read + e.write + e.status + e.timeout, os.clock()
    ))
end
