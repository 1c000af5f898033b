# relay: many connections, dialing on demand, waiting for a target, several
# targets, workers, limits, rules, draining.

load helpers

setup() {
	A=$(data 1M 1)
	B=$(data 1M 2)
}

# swarm N ADDRESS READY GO: N clients of an echo, all connected and answered,
# then READY is made; when GO is there they talk once more and end.
swarm() {
	timeout -s KILL "$LIMIT" "$PYTHON" - "$@" {TICK}>&- <<-'PY'
	import os, random, socket, sys, threading
	n, where, ready, go = int(sys.argv[1]), *sys.argv[2:]
	def connect():
	    if where.startswith("unix:"):
	        s = socket.socket(socket.AF_UNIX)
	        s.connect(where[5:])
	    else:
	        host, port = where.rsplit(":", 1)
	        s = socket.create_connection((host, int(port)))
	    return s
	def talk(s, i):
	    data = random.Random(i).randbytes(3000 + i)
	    s.sendall(data)
	    back = b""
	    while len(back) < len(data):
	        part = s.recv(65536)
	        assert part, i
	        back += part
	    assert back == data, i
	socks = [connect() for i in range(n)]
	for i, s in enumerate(socks):
	    talk(s, i)
	open(ready, "w").close()
	while not os.path.exists(go):
	    threading.Event().wait(0.02)
	for i, s in enumerate(socks):
	    talk(s, i + n)
	    s.shutdown(socket.SHUT_WR)
	    assert s.recv(1) == b"", i
	print(n, "fine")
	PY
}

# What a peer of peer.py is to connect to.
address() {
	case $1 in
	tcp:*) echo "${1#tcp://}" ;;
	*) echo "$1" ;;
	esac
}

echo_server() {
	start echo listen -k --echo "${1:-tcp://127.0.0.1:0}"
}

threads() {
	find "/proc/$1/task" -mindepth 1 -maxdepth 1 | wc -l
}

sockets() {
	find "/proc/$1/fd" -lname 'socket:*' 2>/dev/null | wc -l
}

has_sockets() {
	[ "$(sockets "$1")" = "$2" ]
}

refuses() {
	! "$PYTHON" -c 'import socket, sys
socket.create_connection(("127.0.0.1", int(sys.argv[1])))' "$1" 2>/dev/null
}

@test "relay: two hundred connections at once" {
	echo_server
	start relay relay tcp://127.0.0.1:0 "$echo_endpoint"
	idle=$(sockets "$relay_pid")
	OUT=$T/fine bg clients swarm 200 "127.0.0.1:$relay_port" \
	    "$T/ready" "$T/go"
	wait_until test -e "$T/ready"
	[ "$(sockets "$relay_pid")" -ge $((idle + 400)) ]
	touch "$T/go"
	finish clients
	[ "$(cat "$T/fine")" = "200 fine" ]
	# Nothing is left of them.
	wait_until has_sockets "$relay_pid" "$idle"
	[ ! -s "$T/relay.err" ]
	alive relay
}

@test "relay: two hundred at once over unix" {
	echo_server "unix:$T/echo"
	start relay relay "unix:$T/s" "unix:$T/echo"
	idle=$(sockets "$relay_pid")
	touch "$T/go"
	OUT=$T/fine bg clients swarm 200 "unix:$T/s" "$T/ready" "$T/go"
	finish clients
	[ "$(cat "$T/fine")" = "200 fine" ]
	wait_until has_sockets "$relay_pid" "$idle"
}

@test "relay: the target is dialed for each connection, not before" {
	OUT=$T/addr bg far peer listen 0 "recv:$T/got"
	wait_until test -s "$T/addr"
	start relay relay -v -n 1 tcp://127.0.0.1:0 \
	    "127.0.0.1:$(head -n 1 "$T/addr")"
	[ "$(sockets "$relay_pid")" = 1 ]
	ip send "$relay_endpoint" <"$A"
	finish relay
	[ "$status" = 0 ]
	finish far
	same "$A" "$T/got"
}

@test "relay: a target by name" {
	echo_server tcp://localhost:0
	start relay relay tcp://localhost:0 "localhost:$echo_port"
	for i in 1 2 3; do
		ip send "localhost:$relay_port" <"$A" >"$T/out"
		same "$A" "$T/out"
	done
}

@test "relay: without -r a target that is down costs one connection" {
	start relay relay "unix:$T/s" "unix:$T/none"
	run -0 ip send unix:"$T/s" </dev/null
	[ -z "$output" ]
	wait_for_text "no such file" "$T/relay.err"
	alive relay
	echo_server "unix:$T/none"
	run -0 ip send "unix:$T/s" <<<hello
	[ "$output" = hello ]
}

@test "relay: a tcp client of a target that is down is cut, not ended" {
	port=$(free_port)
	start relay relay tcp://127.0.0.1:0 "127.0.0.1:$port"
	OUT=$T/out bg client peer connect "127.0.0.1:$relay_port" "recv:$T/got"
	finish client
	[ "$(cat "$T/out")" = "reset 0" ]
	alive relay
}

@test "relay: with -r the client waits until the target is up" {
	for net in tcp unix; do
		case $net in
		tcp) e=tcp://127.0.0.1:$(free_port) ;;
		unix) e=unix:$T/late ;;
		esac
		start relay relay -v -r forever --backoff 10ms..50ms \
		    tcp://127.0.0.1:0 "$e"
		OUT=$T/out bg one ip send "$relay_endpoint" <"$A"
		OUT=$T/out2 bg two ip send "$relay_endpoint" <"$B"
		wait_until has_more_sockets "$relay_pid" 3
		alive one
		alive two
		echo_server "$e"
		finish one
		[ "$status" = 0 ]
		finish two
		[ "$status" = 0 ]
		same "$A" "$T/out"
		same "$B" "$T/out2"
	done
}

has_more_sockets() {
	[ "$(sockets "$1")" -ge "$2" ]
}

@test "relay: -r N gives up after N more attempts" {
	start relay relay -n 1 -r2 --backoff 1ms..5ms tcp://127.0.0.1:0 \
	    "unix:$T/none"
	OUT=$T/out bg client peer connect "127.0.0.1:$relay_port" "recv:$T/got"
	finish client
	[ "$(cat "$T/out")" = "reset 0" ]
	finish relay
	[ "$status" = 1 ]
	grep -q "no such file" "$T/relay.err"
}

@test "relay: a target that comes back serves the next connection" {
	echo_server "unix:$T/echo"
	start relay relay tcp://127.0.0.1:0 "unix:$T/echo"
	run -0 ip send "$relay_endpoint" <<<one
	[ "$output" = one ]
	signal KILL echo
	finish echo
	run ip send "$relay_endpoint" <<<two
	[ "$output" != two ]
	echo_server "unix:$T/echo"
	run -0 ip send "$relay_endpoint" <<<three
	[ "$output" = three ]
}

@test "relay: the next --to when the first does not answer" {
	port=$(free_port)
	start b listen -k tcp://127.0.0.1:0 -c 'cat; echo b'
	start relay relay --to "tcp://127.0.0.1:$port" --to "unix:$T/none" \
	    --to "$b_endpoint" tcp://127.0.0.1:0
	run -0 ip send "$relay_endpoint" <<<hello
	[ "$output" = $'hello\nb' ]
	# The first is back: it is the first again.
	start a listen -k "tcp://127.0.0.1:$port" -c 'cat; echo a'
	run -0 ip send "$relay_endpoint" <<<hello
	[ "$output" = $'hello\na' ]
}

@test "relay: several --from" {
	echo_server
	start relay relay --from tcp://127.0.0.1:0 --from 'tcp://[::1]:0' \
	    --from "unix:$T/s" --from "@ipcat-relay-$BASHPID" \
	    --to "$echo_endpoint"
	[ ${#relay_endpoints[@]} = 4 ]
	for e in "${relay_endpoints[@]}"; do
		ip send "$e" <"$A" >"$T/out"
		same "$A" "$T/out"
	done
}

@test "relay: a program for each connection" {
	start relay relay tcp://127.0.0.1:0 'sh:cat; echo $PPID.$$'
	first=$(ip send "$relay_endpoint" <<<hello)
	second=$(ip send "$relay_endpoint" <<<hello)
	[ "${first%%$'\n'*}" = hello ]
	[ "$first" != "$second" ]
}

# One byte at a time, lines cannot stay whole.
# bats test_tags=nofault
@test "relay: all clients into one file, whole" {
	start relay relay tcp://127.0.0.1:0 "file:$T/all?append"
	for i in 1 2 3 4 5 6 7 8; do
		bg "c$i" ip send "$relay_endpoint" < <(echo "line of $i")
	done
	for i in 1 2 3 4 5 6 7 8; do
		finish "c$i"
	done
	wait_until has_size "$T/all" 80
	[ "$(sort "$T/all")" = "$(printf 'line of %s\n' 1 2 3 4 5 6 7 8)" ]
}

# --- workers -----------------------------------------------------------------------

workers() {
	start relay relay --workers 2 "$1" "$echo_endpoint"
	OUT=$T/fine bg clients swarm 100 "$(address "$relay_endpoint")" \
	    "$T/ready" "$T/go"
	wait_until test -e "$T/ready"
	[ "$(threads "$relay_pid")" -ge 2 ]
	touch "$T/go"
	finish clients
	[ "$(cat "$T/fine")" = "100 fine" ]
	for i in 1 2 3 4; do
		ip send "$relay_endpoint" <"$A" >"$T/out"
		same "$A" "$T/out"
	done
	signal TERM relay
	finish relay
	[ "$status" = 143 ]
}

@test "relay: two workers, tcp" {
	echo_server
	workers tcp://127.0.0.1:0
}

# Workers rely on whole writes of a few bytes to a pipe, as pipe(7) promises.
# bats test_tags=nofault
@test "relay: two workers, unix" {
	echo_server "unix:$T/echo"
	workers "unix:$T/s"
}

# Workers rely on whole writes of a few bytes to a pipe, as pipe(7) promises.
# bats test_tags=nofault
@test "relay: both of two workers get connections" {
	echo_server "unix:$T/echo"
	start relay relay --workers 2 "unix:$T/s" "unix:$T/echo"
	OUT=$T/fine bg clients swarm 20 "unix:$T/s" "$T/ready" "$T/go"
	wait_until test -e "$T/ready"
	busy=0
	# Each worker has an epoll instance of its own: how many descriptors
	# stand in it?
	for t in "/proc/$relay_pid"/fdinfo/*; do
		n=$(grep -c '^tfd:' "$t" || :)
		[ "$n" -lt 10 ] || busy=$((busy + 1))
	done
	[ "$busy" -ge 2 ]
	touch "$T/go"
	finish clients
	[ "$status" = 0 ]
}

@test "relay: workers auto" {
	echo_server
	start relay relay --workers auto tcp://127.0.0.1:0 "$echo_endpoint"
	touch "$T/go"
	OUT=$T/fine bg clients swarm 50 "127.0.0.1:$relay_port" \
	    "$T/ready" "$T/go"
	finish clients
	[ "$(cat "$T/fine")" = "50 fine" ]
}

@test "relay: -n with two workers" {
	echo_server
	start relay relay -n 5 --workers 2 tcp://127.0.0.1:0 "$echo_endpoint"
	for n in 1 2 3 4 5; do
		run -0 ip send "$relay_endpoint" <<<"$n"
		[ "$output" = "$n" ]
	done
	finish relay
	[ "$status" = 0 ]
}

# --- limits --------------------------------------------------------------------------

max_conn() {
	echo_server
	start relay relay --max-conn 2 "$1" "$echo_endpoint"
	where=$(address "$relay_endpoint")
	for i in 1 2; do
		bg "c$i" peer connect "$where" "say:x" "recv:$T/x:1" \
		    "mark:$T/in$i" "wait:$T/go$i" close
		wait_until test -e "$T/in$i"
	done
	# The third is connected, and waits.
	OUT=$T/out bg c3 peer connect "$where" "mark:$T/there" "say:hello" shut \
	    "recv:$T/got3"
	wait_until test -e "$T/there"
	# As long as nobody ends: the first two still talk, the third does not.
	[ ! -s "$T/got3" ]
	alive c3
	touch "$T/go1"
	finish c1
	finish c3
	[ "$status" = 0 ]
	[ "$(cat "$T/got3")" = hello ]
	alive c2
	touch "$T/go2"
	finish c2
	[ ! -s "$T/relay.err" ] || ! grep -q refus "$T/relay.err"
}

@test "relay: --max-conn lets the next one wait, tcp" {
	max_conn tcp://127.0.0.1:0
}

@test "relay: --max-conn lets the next one wait, unix" {
	max_conn "unix:$T/s"
}

@test "relay: twenty clients through --max-conn 3" {
	echo_server
	start relay relay --max-conn 3 tcp://127.0.0.1:0 "$echo_endpoint"
	for i in $(seq 20); do
		OUT=$T/out$i bg "c$i" ip send "$relay_endpoint" \
		    <"$(data 100k "$i")"
	done
	for i in $(seq 20); do
		finish "c$i"
		[ "$status" = 0 ]
		same "$(data 100k "$i")" "$T/out$i"
	done
}

@test "relay: --max-per-host" {
	echo_server
	start relay relay --max-per-host 2 tcp://127.0.0.1:0 "$echo_endpoint"
	for i in 1 2; do
		bg "c$i" peer connect "127.0.0.1:$relay_port" "say:x" \
		    "recv:$T/x:1" "mark:$T/in$i" "wait:$T/go" close
		wait_until test -e "$T/in$i"
	done
	OUT=$T/out3 bg c3 peer connect "127.0.0.1:$relay_port" "recv:$T/got3"
	finish c3
	grep -qE '^(end|reset) 0$' "$T/out3"
	touch "$T/go"
	finish c1
	finish c2
	wait_until has_sockets "$relay_pid" 1
	run -0 ip send "$relay_endpoint" <<<again
	[ "$output" = again ]
}

@test "relay: -n 3 serves three and ends" {
	echo_server
	start relay relay -n 3 tcp://127.0.0.1:0 "$echo_endpoint"
	for n in 1 2 3; do
		run -0 ip send "$relay_endpoint" <<<"$n"
		[ "$output" = "$n" ]
	done
	finish relay
	[ "$status" = 0 ]
	refuses "$relay_port"
}

@test "relay: -n 3, the exit code is that of the one that failed" {
	OUT=$T/echo.out start echo listen -k --echo tcp://127.0.0.1:0
	start relay relay -n 3 tcp://127.0.0.1:0 "$echo_endpoint"
	run -0 ip send "$relay_endpoint" <<<one
	bg rst peer connect "127.0.0.1:$relay_port" "say:x" "recv:$T/x:1" rst
	finish rst
	run -0 ip send "$relay_endpoint" <<<three
	[ "$output" = three ]
	finish relay
	[ "$status" = 3 ]
}

@test "relay: -i ends the silent connection, not the others" {
	echo_server
	start relay relay -i 300ms tcp://127.0.0.1:0 "$echo_endpoint"
	OUT=$T/out bg silent peer connect "127.0.0.1:$relay_port" "idle"
	finish silent
	[ "$status" = 0 ]
	alive relay
	run -0 ip send "$relay_endpoint" <<<hello
	[ "$output" = hello ]
}

# --- rules -----------------------------------------------------------------------------

# admitted ENDPOINT: an echo comes back.  turned_away: nothing, and no echo.
admitted() {
	run ip send "$1" <<<hello
	[ "$status" = 0 ] && [ "$output" = hello ]
}

turned_away() {
	# Closed before or after it sent: an end or a cut.
	run ip send "$1" <<<hello
	[ "$status" = 0 ] || [ "$status" = 3 ] && [[ $output != hello* ]]
}

@test "relay: --allow and --deny by address" {
	echo_server
	start relay relay --allow 127.0.0.0/8 tcp://127.0.0.1:0 "$echo_endpoint"
	admitted "$relay_endpoint"
	start relay relay --allow 127.0.0.2 tcp://127.0.0.1:0 "$echo_endpoint"
	turned_away "$relay_endpoint"
	admitted "$relay_endpoint?source=127.0.0.2"
	start relay relay --deny 127.0.0.2 tcp://127.0.0.1:0 "$echo_endpoint"
	admitted "$relay_endpoint"
	turned_away "$relay_endpoint?source=127.0.0.2"
	start relay relay --allow 127.0.0.0/8 --deny 127.0.0.2 \
	    tcp://127.0.0.1:0 "$echo_endpoint"
	admitted "$relay_endpoint?source=127.0.0.3"
	turned_away "$relay_endpoint?source=127.0.0.2"
	alive relay
}

@test "relay: rules for IPv4 hold on a socket for both" {
	echo_server
	start relay relay --allow 127.0.0.0/8 'tcp://[::]:0' "$echo_endpoint"
	admitted "tcp://127.0.0.1:$relay_port"
	turned_away "tcp://[::1]:$relay_port"
	start relay relay --deny 127.0.0.1 'tcp://[::]:0' "$echo_endpoint"
	turned_away "tcp://127.0.0.1:$relay_port"
	admitted "tcp://[::1]:$relay_port"
}

@test "relay: --allow and --deny by uid and gid" {
	echo_server
	start relay relay --allow "uid=$UID" "unix:$T/1" "$echo_endpoint"
	admitted "unix:$T/1"
	start relay relay --deny "uid=$UID" "unix:$T/2" "$echo_endpoint"
	turned_away "unix:$T/2"
	start relay relay --allow "uid=$((UID + 1))" "unix:$T/3" \
	    "$echo_endpoint"
	turned_away "unix:$T/3"
	start relay relay --allow "gid=$(id -g)" "unix:$T/4" "$echo_endpoint"
	admitted "unix:$T/4"
}

# --- signals ----------------------------------------------------------------------------

# One client that has its echo and stays.
guest() {
	OUT=$T/guest.out bg guest peer connect "127.0.0.1:$relay_port" "say:x" \
	    "recv:$T/x:1" "mark:$T/in" "wait:$T/go" "both:$A:$T/back"
	wait_until test -e "$T/in"
}

@test "relay: SIGTERM drains: no new ones, the old ones to their end" {
	echo_server
	start relay relay tcp://127.0.0.1:0 "$echo_endpoint"
	guest
	signal TERM relay
	wait_until refuses "$relay_port"
	alive relay
	touch "$T/go"
	finish guest
	[ "$status" = 0 ]
	same "$A" "$T/back"
	finish relay
	[ "$status" = 143 ]
}

@test "relay: SIGTERM drains with two workers" {
	echo_server
	start relay relay --workers 2 tcp://127.0.0.1:0 "$echo_endpoint"
	guest
	signal TERM relay
	wait_until refuses "$relay_port"
	alive relay
	touch "$T/go"
	finish guest
	same "$A" "$T/back"
	finish relay
	[ "$status" = 143 ]
}

@test "relay: the second signal ends at once, and for clients it is a cut" {
	echo_server
	for s in TERM:143 INT:130 HUP:129; do
		rm -f "$T/in" "$T/go"
		start relay relay tcp://127.0.0.1:0 "$echo_endpoint"
		OUT=$T/guest.out bg guest peer connect \
		    "127.0.0.1:$relay_port" "say:x" "recv:$T/x:1" \
		    "mark:$T/in" "recv:$T/rest"
		wait_until test -e "$T/in"
		signal "${s%:*}" relay
		wait_until refuses "$relay_port"
		alive relay
		signal "${s%:*}" relay
		finish relay
		[ "$status" = "${s#*:}" ]
		finish guest
		[ "$(cat "$T/guest.out")" = "reset 0" ]
	done
}

@test "relay: a signal while clients wait for a target" {
	start relay relay -r forever tcp://127.0.0.1:0 "unix:$T/none"
	bg client peer connect "127.0.0.1:$relay_port" "recv:$T/got"
	wait_until has_more_sockets "$relay_pid" 2
	signal TERM relay
	wait_for_text draining "$T/relay.err"
	signal TERM relay
	finish relay
	[ "$status" = 143 ]
	finish client
}

@test "relay: SIGUSR1 prints what it has moved" {
	echo_server
	start relay relay tcp://127.0.0.1:0 "$echo_endpoint"
	ip send "$relay_endpoint" <"$A" >"$T/out"
	signal USR1 relay
	wait_for_text "1048576 bytes out, 1048576 bytes back" "$T/relay.err"
	alive relay
}
