# With OpenBSD nc on the other side: both roles, 10 MiB both ways.  nc closes
# its half after its input only with -N, and whatever its role it stops sending
# when the other side ends: so here we are the last to end.

load ../cli/helpers

setup() {
	need nc
	nc -h 2>&1 | grep -q OpenBSD || skip "this nc is not OpenBSD's"
	A=$(data 10M 1)
	B=$(data 10M 2)
}

netcat() {
	timeout -s KILL "$LIMIT" nc "$@" {TICK}>&-
}

# Our input, which waits for all of theirs.
last() {
	mkfifo "$T/in"
	: >"$1"
	OUT=$T/in bg feed feed_after "$1" 10485760 "$2"
}

both_ways() {
	last "$T/back" "$A"
	OUT=$T/back bg send ip send "$1" <"$T/in"
	finish send
	[ "$status" = 0 ]
	finish far
	[ "$status" = 0 ]
	same "$A" "$T/got"
	same "$B" "$T/back"
}

served() {
	finish srv
	[ "$status" = 0 ]
	same "$A" "$T/back"
	same "$B" "$T/got"
}

@test "nc: send to nc -l" {
	port=$(free_port)
	OUT=$T/got bg far netcat -N -l 127.0.0.1 "$port" <"$B"
	wait_until listens "$port"
	both_ways "127.0.0.1:$port"
}

@test "nc: send to nc -l, IPv6" {
	port=$(free_port)
	OUT=$T/got bg far netcat -N -l ::1 "$port" <"$B"
	wait_until listens "$port"
	both_ways "[::1]:$port"
}

@test "nc: send to nc -lU" {
	OUT=$T/got bg far netcat -N -lU "$T/s" <"$B"
	wait_until unix_listens "$T/s"
	both_ways "unix:$T/s"
}

@test "nc: listen for nc" {
	last "$T/back" "$B"
	OUT=$T/back start srv listen tcp://127.0.0.1:0 <"$T/in"
	netcat -N 127.0.0.1 "$srv_port" <"$A" >"$T/got"
	served
}

@test "nc: listen for nc -6" {
	last "$T/back" "$B"
	OUT=$T/back start srv listen 'tcp://[::1]:0' <"$T/in"
	netcat -N -6 ::1 "$srv_port" <"$A" >"$T/got"
	served
}

@test "nc: listen for nc -U" {
	last "$T/back" "$B"
	OUT=$T/back start srv listen "unix:$T/s" <"$T/in"
	netcat -N -U "$T/s" <"$A" >"$T/got"
	served
}

@test "nc: listen for nc -U, abstract" {
	last "$T/back" "$B"
	OUT=$T/back start srv listen "@ipcat-nc-$BASHPID" <"$T/in"
	netcat -N -U "@ipcat-nc-$BASHPID" <"$A" >"$T/got"
	served
}

@test "nc: relay between two of them" {
	OUT=$T/got bg far netcat -N -lU "$T/s" <"$B"
	wait_until unix_listens "$T/s"
	start relay relay -n 1 tcp://127.0.0.1:0 "unix:$T/s"
	last "$T/back" "$A"
	netcat -N 127.0.0.1 "$relay_port" <"$T/in" >"$T/back"
	finish far
	finish relay
	[ "$status" = 0 ]
	same "$A" "$T/got"
	same "$B" "$T/back"
}

@test "nc: its probe, and ours" {
	start srv listen -k tcp://127.0.0.1:0
	netcat -z 127.0.0.1 "$srv_port"
	port=$(free_port)
	bg far netcat -k -l 127.0.0.1 "$port"
	wait_until listens "$port"
	ip send -z "127.0.0.1:$port"
}

@test "nc: through our echo" {
	start srv listen -k --echo tcp://127.0.0.1:0
	netcat -N 127.0.0.1 "$srv_port" <"$A" >"$T/got"
	same "$A" "$T/got"
}

@test "nc: a listener that takes all and says nothing" {
	port=$(free_port)
	OUT=$T/got bg far netcat -l 127.0.0.1 "$port"
	wait_until listens "$port"
	# It ends when we do, and only then.
	ip send "127.0.0.1:$port" <"$A"
	finish far
	same "$A" "$T/got"
}
