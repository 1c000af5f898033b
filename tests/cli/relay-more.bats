# More of the relay, with a target that tells what happens to it: when it is
# dialed and how often, in which order those that wait are served, several
# targets, cuts, targets that are no sockets, and options that look at the data.

load helpers

setup() {
	# crowd.py N SIZE ADDRESS...: N clients, all connected before any sends;
	# each sends SIZE bytes of its own and wants them back, to the end.
	cat >"$T/crowd.py" <<-'PY'
	import asyncio, hashlib, sys
	n, size, where = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
	here, all_here = 0, asyncio.Event()

	def open_one(to):
	    if to.startswith("unix:"):
	        return asyncio.open_unix_connection(to[5:])
	    return asyncio.open_connection("127.0.0.1", int(to))

	async def one(i):
	    global here
	    r, w = await open_one(where[i % len(where)])
	    here += 1
	    if here == n:
	        all_here.set()
	    await all_here.wait()
	    mine = hashlib.shake_128(b"%d" % i).digest(size)
	    got = asyncio.ensure_future(r.read())
	    w.write(mine)
	    await w.drain()
	    w.write_eof()
	    assert await got == mine, i
	    w.close()

	async def main():
	    await asyncio.gather(*(one(i) for i in range(n)))

	asyncio.run(main())
	PY
	# target.py SECONDS ADDRESS: prints its port, then `open` and `close`
	# for each that comes, and gives back what it sends.
	cat >"$T/target.py" <<-'PY'
	import asyncio, signal, sys
	signal.alarm(int(sys.argv[1]))
	where = sys.argv[2]

	async def serve(r, w):
	    print("open", flush=True)
	    try:
	        while data := await r.read(65536):
	            w.write(data)
	            await w.drain()
	    except ConnectionError:
	        pass
	    print("close", flush=True)
	    w.close()

	async def main():
	    if where.startswith("unix:"):
	        s = await asyncio.start_unix_server(serve, where[5:], backlog=512)
	        print(where, flush=True)
	    else:
	        s = await asyncio.start_server(serve, "127.0.0.1", int(where),
	            backlog=512)
	        print(s.sockets[0].getsockname()[1], flush=True)
	    await s.serve_forever()

	asyncio.run(main())
	PY
}

# target [NAME [ADDRESS]]: NAME_at is an endpoint that reaches it.
target() {
	local name=${1-target} where
	bg "$name" "$PYTHON" "$T/target.py" "$LIMIT" "${2-0}"
	wait_until reads where "$T/$name.out"
	case $where in
	unix:*) printf -v "${name}_at" %s "$where" ;;
	*) printf -v "${name}_at" %s "tcp://127.0.0.1:$where" ;;
	esac
}

# The first line, when it is whole.
reads() {
	read -r "$1" <"$2"
}

crowd() {
	timeout -s KILL "$LIMIT" "$PYTHON" "$T/crowd.py" "$@" {TICK}>&-
}

# What the target saw, on one line.
happened() {
	[ "$(tail -n +2 "$T/$1.out" | xargs)" = "$2" ]
}

opened() {
	grep -c open "$T/$1.out"
}

# caller NAME STEP...: a client of the relay.
caller() {
	local name=$1
	shift
	bg "$name" peer connect "127.0.0.1:$relay_port" "$@"
}

ends() {
	finish "$1"
	[ "$status" = "${2:-0}" ] || {
		echo "# $1: exit $status, expected ${2:-0}" >&2
		return 1
	}
}

gone() {
	! listens "$1"
}

# --- when the target is dialed -----------------------------------------------

@test "relay: one connection to the target for each client, none before" {
	target
	start relay relay tcp://127.0.0.1:0 "$target_at"
	caller first "say:x" "recv:$T/x:1" "wait:$T/go" shut "recv:$T/x"
	wait_until happened target open
	touch "$T/go"
	ends first
	# One open, not two: no connection was there before.
	wait_until happened target "open close"
	run -0 crowd 200 65536 "$relay_port"
	[ "$(opened target)" = 201 ]
	[ ! -s "$T/relay.err" ]
}

# Not with FAULT=short: accepted unix connections go to workers through a pipe,
# in messages that the kernel never cuts (PIPE_BUF), but the shim does.
# bats test_tags=nofault
@test "relay: two workers, each client to the target once, MiBs and many" {
	target target "unix:$T/far.sock"
	start relay relay --workers 2 --from tcp://127.0.0.1:0 \
	    --from "unix:$T/near.sock" "$target_at"
	run -0 crowd 100 65536 "$relay_port" "unix:$T/near.sock"
	run -0 crowd 8 3000000 "unix:$T/near.sock" "$relay_port"
	[ "$(opened target)" = 108 ]
	[ ! -s "$T/relay.err" ]
	signal TERM relay
	ends relay 143
	[ ! -e "$T/near.sock" ]
}

@test "relay: several --from, used at once" {
	target
	start relay relay --from tcp://127.0.0.1:0 --from "unix:$T/a" \
	    --from tcp://127.0.0.1:0 --from "unix:$T/b" "$target_at"
	run -0 crowd 80 10000 "$relay_port" "unix:$T/a" \
	    "${relay_endpoints[2]##*:}" "unix:$T/b"
	[ "$(opened target)" = 80 ]
}

@test "relay: -r: the target goes and comes back, again and again" {
	local port
	port=$(free_port)
	start relay relay -vv -r forever --backoff 10ms..50ms \
	    tcp://127.0.0.1:0 "tcp://127.0.0.1:$port"
	for round in 1 2 3; do
		: >"$T/relay.err"
		caller "c$round" "both:$(data 1M):$T/back$round"
		wait_for_text "next attempt" "$T/relay.err"
		alive "c$round"
		target "t$round" "$port"
		ends "c$round"
		same "$(data 1M)" "$T/back$round"
		signal KILL "t$round"
		finish "t$round"
		wait_until gone "$port"
	done
	alive relay
}

@test "relay: -r 2 gives up and the next client is served" {
	local port
	port=$(free_port)
	start relay relay -r 2 --backoff 1ms..5ms tcp://127.0.0.1:0 \
	    "tcp://127.0.0.1:$port"
	caller c idle
	ends c
	grep -qx 'reset 0' "$T/c.out"
	target t "$port"
	run -0 crowd 1 10 "$relay_port"
}

@test "relay: a target that refuses: a reset and a message each, and on" {
	local port
	port=$(free_port)
	start relay relay tcp://127.0.0.1:0 "tcp://127.0.0.1:$port"
	for c in a b; do
		caller $c idle
		ends $c
		grep -qx 'reset 0' "$T/$c.out"
	done
	[ "$(grep -c refused "$T/relay.err")" -ge 2 ]
	target t "$port"
	run -0 crowd 10 1000 "$relay_port"
}

@test "relay: three --to, each when those before it refuse; none: reset" {
	local port
	port=$(free_port)
	target last "unix:$T/last"
	start relay relay --to "tcp://127.0.0.1:$port" \
	    --to "unix:$T/none" --to "$last_at" tcp://127.0.0.1:0
	run -0 crowd 10 1000 "$relay_port"
	[ "$(opened last)" = 10 ]
	target first "$port"
	run -0 crowd 5 1000 "$relay_port"
	[ "$(opened first)" = 5 ]
	[ "$(opened last)" = 10 ]
	for t in first last; do
		signal KILL $t
		finish $t
	done
	wait_until gone "$port"
	caller c idle
	ends c
	grep -qx 'reset 0' "$T/c.out"
	alive relay
}

# --- limits ------------------------------------------------------------------

@test "relay: --max-conn 2: the third is dialed when one has left" {
	target
	start relay relay --max-conn 2 tcp://127.0.0.1:0 "$target_at"
	for c in a b; do
		caller $c "say:$c" "recv:$T/$c:1" "wait:$T/$c.go" shut \
		    "recv:$T/$c"
	done
	wait_until happened target "open open"
	# Its request is on the way before anybody leaves.
	caller c "say:c" "mark:$T/c.here" shut "recv:$T/c"
	wait_until test -e "$T/c.here"
	happened target "open open"
	touch "$T/a.go"
	ends a
	ends c
	[ "$(cat "$T/c")" = c ]
	wait_until happened target "open open close open close"
	touch "$T/b.go"
	ends b
}

@test "relay: --max-conn 3: never more than three at the target" {
	target
	start relay relay --max-conn 3 "unix:$T/near.sock" "$target_at"
	for i in {1..40}; do
		bg "c$i" ip send "unix:$T/near.sock" <"$T/crowd.py"
	done
	for i in {1..40}; do
		ends "c$i"
		same "$T/crowd.py" "$T/c$i.out"
	done
	[ "$(opened target)" = 40 ]
	run -0 awk '/open/ { if (++n > most) most = n } /close/ { n-- }
	    END { print most }' "$T/target.out"
	[ "$output" -le 3 ]
}

@test "relay: -n with --workers 2 and --max-conn" {
	target
	start relay relay --workers 2 -n 40 --max-conn 4 tcp://127.0.0.1:0 \
	    "$target_at"
	for _ in {1..10}; do
		crowd 4 10000 "$relay_port"
	done
	ends relay
	[ "$(opened target)" = 40 ]
}

@test "relay: -n 3: no fourth, while the first goes on to its end" {
	target
	start relay relay -n 3 tcp://127.0.0.1:0 "$target_at"
	caller long "say:x" "recv:$T/x:1" "wait:$T/go" \
	    "both:$(data 10M):$T/back"
	wait_until test -s "$T/x"
	crowd 1 1000 "$relay_port"
	crowd 1 1000 "$relay_port"
	wait_until gone "$relay_port"
	run -1 ip send "$relay_endpoint" <<<no
	alive relay
	touch "$T/go"
	ends long
	same "$(data 10M)" "$T/back"
	ends relay
	[ ! -s "$T/relay.err" ]
	[ "$(opened target)" = 3 ]
}

@test "relay: -n 2 with a target that refuses: exit 1" {
	start relay relay -n 2 tcp://127.0.0.1:0 "tcp://127.0.0.1:$(free_port)"
	for c in a b; do
		caller $c idle
		ends $c
	done
	ends relay 1
}

# --- signals and cuts --------------------------------------------------------

@test "relay: SIGTERM in the middle of 10 MiB each way" {
	local workers
	for workers in 1 2; do
		rm -f "$T/go" "$T/long"
		target
		start relay relay --workers $workers tcp://127.0.0.1:0 \
		    "$target_at"
		caller long "say:half" "recv:$T/long:4" "wait:$T/go" \
		    "both:$(data 10M):$T/long"
		wait_until test -s "$T/long"
		signal TERM relay
		wait_for_text draining "$T/relay.err"
		wait_until gone "$relay_port"
		run -1 ip send "$relay_endpoint" <<<no
		alive relay
		touch "$T/go"
		ends long
		tail -c +5 "$T/long" | cmp - "$(data 10M)" >&2
		ends relay 143
		[ "$(opened target)" = 1 ]
		signal KILL target
		finish target
	done
}

@test "relay: an idle client's reset is a reset for the target" {
	bg far peer listen 0 "recv:$T/got:5" idle
	wait_until test -s "$T/far.out"
	start relay relay tcp://127.0.0.1:0 \
	    "tcp://127.0.0.1:$(head -n 1 "$T/far.out")"
	caller c "say:hello" "wait:$T/go" rst
	wait_until test -s "$T/got"
	touch "$T/go"
	ends c
	ends far
	grep -qx 'reset 0' "$T/far.out"
	alive relay
}

@test "relay: twenty that reset at once do not stop it" {
	target
	start relay relay tcp://127.0.0.1:0 "$target_at"
	for i in {1..20}; do
		caller "c$i" "say:x" rst
	done
	for i in {1..20}; do
		ends "c$i"
	done
	run -0 crowd 20 10000 "$relay_port"
	alive relay
}

# --- no sockets --------------------------------------------------------------

@test "relay: many clients to stdout, every byte is there" {
	local c
	start relay relay tcp://127.0.0.1:0 -
	for c in {a..z}; do
		head -c 100000 /dev/zero | tr '\0' "$c" >"$T/in.$c"
		bg "c$c" ip send "$relay_endpoint" <"$T/in.$c"
	done
	for c in {a..z}; do
		ends "c$c"
	done
	signal TERM relay
	ends relay 143
	[ "$(size_of "$T/relay.out")" = 2600000 ]
	for c in {a..z}; do
		[ "$(tr -dc "$c" <"$T/relay.out" | wc -c)" = 100000 ]
	done
}

@test "relay: file to unix to file" {
	start relay relay -n 1 "unix:$T/s" "file://$T/out?append"
	run -0 ip relay "file://$(data 10M)" "unix:$T/s"
	[ -z "$output" ]
	ends relay
	same "$(data 10M)" "$T/out"
}

@test "relay: stdin to a relay to a program, and back" {
	start relay relay tcp://127.0.0.1:0 "exec:tr a-z A-Z"
	for _ in 1 2 3; do
		run -0 ip relay - "$relay_endpoint" <<<hello
		[ "$output" = HELLO ]
	done
	run -2 ip relay tcp://127.0.0.1:0 "file://$T/out"
}

# dumped "SIGN TEXT" FILE: the dump in that direction begins with TEXT.
dumped() {
	[[ $(sed -n "s/^${1%% *} .*|\(.*\)|\$/\1/p" "$2" | tr -d '\n') == \
	    "${1#* }"* ]]
}

# --- options that look at the data -------------------------------------------

@test "relay: -x: the data is right, and seen" {
	target
	start relay relay -x tcp://127.0.0.1:0 "$target_at"
	run -0 ip send "$relay_endpoint" <<<'some words'
	[ "$output" = "some words" ]
	# However it was cut in pieces.
	wait_until dumped "> some words" "$T/relay.err"
	wait_until dumped "< some words" "$T/relay.err"
	run -0 crowd 20 50000 "$relay_port"
	alive relay
}

@test "relay: -o: the data of many at once is right" {
	target
	start relay relay -o "$T/record" tcp://127.0.0.1:0 "$target_at"
	run -0 crowd 50 50000 "$relay_port"
	signal TERM relay
	ends relay 143
	[ "$(size_of "$T/record")" -gt 5000000 ]
}

@test "relay: -C: CR LF for LF, at the edges of buffers too" {
	target
	start relay relay -C tcp://127.0.0.1:0 "$target_at"
	base64 "$(data 1M)" >"$T/in"
	sed 's/$/\r/' "$T/in" >"$T/want"
	ip send "$relay_endpoint" <"$T/in" >"$T/back"
	same "$T/want" "$T/back"
	# What has its CR already stays as it is.
	ip send "$relay_endpoint" <"$T/want" >"$T/back"
	same "$T/want" "$T/back"
}

@test "relay: -C, -x and -o together, with two workers" {
	local i
	target
	start relay relay -C -x -o "$T/record" --workers 2 tcp://127.0.0.1:0 \
	    "$target_at"
	seq 20000 >"$T/in"
	sed 's/$/\r/' "$T/in" >"$T/want"
	for i in 1 2 3 4; do
		bg "c$i" ip send "$relay_endpoint" <"$T/in"
	done
	for i in 1 2 3 4; do
		ends "c$i"
		same "$T/want" "$T/c$i.out"
	done
}
