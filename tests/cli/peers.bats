# What other tools of this family were seen to fail at, and ipcat does.  Each
# test has the number of the recipe in the survey of those tools:
#
#  R1  a late answer: empty with exit 0, or a client that hangs
#  R2  3,000,000 bytes through a child: truncated or deadlocked, exit 0
#  R3  the same through a second tool, which got it right
#  R4  five bytes and FIN to a child that starts slowly: nothing comes back
#  R5  the server is restarted in mid-stream: the rest is lost
#  R7  published before the subscriber came: nothing, exit 0
#  R8  a request to nobody: blocked for ever
#  R9  three lines sent: one message arrives
#  R10 refused: exit 1        R11 bad host, bad option: exit 1 or 2, any
#  R12 a signal on an idle listener: death by raw signal
#  R18 the server hangs up with input unsent: exit 0

load helpers

setup() {
	BIG=$(data 3000000 2)
}

no_children() {
	[ -z "$(cat "/proc/$1/task/$1/children")" ]
}

@test "R1: the answer to a request comes long after our end" {
	mkfifo "$T/never"
	cat >"$T/server" <<-SH
	#!/bin/bash
	cat >"$T/req"
	exec 7<>"$T/never"
	read -t 1.5 -u 7
	echo answer
	SH
	chmod +x "$T/server"
	start srv listen -k tcp://127.0.0.1:0 "unix:$T/s" -e "$T/server"
	for e in "${srv_endpoints[@]}"; do
		OUT=$T/out.${e%%:*} bg "${e%%:*}" ip send "$e" < <(echo req)
	done
	for c in tcp unix; do
		finish $c
		[ "$status" = 0 ]
		[ "$(cat "$T/out.$c")" = answer ]
	done
	[ "$(cat "$T/req")" = req ]
}

@test "R2: 3,000,000 bytes through listen -k -e cat, ten times" {
	start srv listen -k tcp://127.0.0.1:0 -e cat
	for i in 1 2 3 4 5 6; do
		ip send "$srv_endpoint" <"$BIG" >"$T/out"
		same "$BIG" "$T/out"
	done
	# Four at once.
	for i in 1 2 3 4; do
		OUT=$T/out$i bg "c$i" ip send "$srv_endpoint" <"$BIG"
	done
	for i in 1 2 3 4; do
		finish "c$i"
		[ "$status" = 0 ]
		same "$BIG" "$T/out$i"
	done
	wait_until no_children "$srv_pid"
	alive srv
	[ ! -s "$T/srv.err" ]
}

@test "R2: the same with nc and ncat as clients" {
	need nc ncat
	start srv listen -k tcp://127.0.0.1:0 -e cat
	for i in 1 2 3; do
		timeout -s KILL "$LIMIT" nc -N 127.0.0.1 "$srv_port" \
		    <"$BIG" >"$T/out"
		same "$BIG" "$T/out"
		timeout -s KILL "$LIMIT" ncat 127.0.0.1 "$srv_port" \
		    <"$BIG" >"$T/out"
		same "$BIG" "$T/out"
	done
	wait_until no_children "$srv_pid"
}

@test "R2: a client that vanishes takes its child with it" {
	start srv listen -k tcp://127.0.0.1:0 -e cat
	bg client peer connect "127.0.0.1:$srv_port" "send:$(data 64k)" \
	    "recv:$T/x:1000" rst
	finish client
	wait_until no_children "$srv_pid"
	alive srv
}

@test "R3: 3,000,000 bytes through relay and a program" {
	start srv relay tcp://127.0.0.1:0 exec:cat
	for i in 1 2 3; do
		ip send "$srv_endpoint" <"$BIG" >"$T/out"
		same "$BIG" "$T/out"
	done
	wait_until no_children "$srv_pid"
}

@test "R4: five bytes and FIN to a child that is late" {
	mkfifo "$T/go"
	start srv listen -k tcp://127.0.0.1:0 -c "read go <'$T/go'; cat"
	OUT=$T/back bg client peer connect "127.0.0.1:$srv_port" "say:hello" \
	    shut "mark:$T/said" "recv:$T/heard"
	wait_until test -e "$T/said"
	echo go >"$T/go"
	finish client
	[ "$status" = 0 ]
	[ "$(cat "$T/heard")" = hello ]
	grep -qx 'end 5' "$T/back"
}

# feed FIFO: eight lines; the second four when $T/go is there.
feed() {
	printf '%s\n' 1 2 3 4
	wait_until test -e "$T/go"
	printf '%s\n' 5 6 7 8
}

# first ADDRESS HOW: a server that takes four lines, and when $T/over is there
# ends like HOW.  rest ENDPOINT: the one that takes its place; sets `code`.
first() {
	OUT=$T/addr bg first peer listen "$1" "recv:$T/got1:8" \
	    "wait:$T/over" "$2"
	wait_until test -s "$T/addr"
	read -r address <"$T/addr"
}

rest() {
	mkfifo "$T/in"
	OUT=$T/in bg feed feed
	bg send "$IPCAT" send --backoff 10ms..50ms -r forever "$1" <"$T/in"
	wait_until has_size "$T/got1" 8
	touch "$T/over"
	wait_for_text "dialing again" "$T/send.err"
	OUT=$T/got2 start second listen "$1"
	touch "$T/go"
	finish send
	code=$status
	finish second
	[ "$status" = 0 ]
	cat "$T/got1" "$T/got2" | cmp - <(seq 8)
}

# A FIN does not tell a server that closed from one that only said its end: the
# next line finds out.  It may be lost, and then that is said; the rest is not.
# How many bytes are under way when the peer dies is counted to the byte.
# bats test_tags=nofault
@test "R5: the server is restarted in mid-stream, tcp: the loss has a name" {
	mkfifo "$T/in"
	exec 7<>"$T/in"
	first 0 close
	bg send "$IPCAT" send --backoff 10ms..50ms -r forever \
	    "tcp://127.0.0.1:$address" <"$T/in" 7>&-
	seq 4 >&7
	wait_until has_size "$T/got1" 8
	touch "$T/over"
	finish first
	OUT=$T/got2 start second listen "tcp://127.0.0.1:$address" 7>&-
	echo 5 >&7
	wait_for_text "dialing again" "$T/send.err"
	seq 6 8 >&7
	exec 7>&-
	finish send
	[ "$(tail -n 3 "$T/got2")" = "$(seq 6 8)" ]
	if [ "$status" = 0 ]; then
		cat "$T/got1" "$T/got2" | cmp - <(seq 8)
	else
		[ "$status" = 3 ]
		grep -qE "[12] bytes" "$T/send.err"
	fi
}

@test "R5: the server is restarted in mid-stream, nothing is lost, unix" {
	first "unix:$T/s" close
	rest "unix:$T/s"
	[ "$code" = 0 ]
}

@test "R5: bytes that a broken server may not have got are exit 3" {
	first 0 rst
	rest "tcp://127.0.0.1:$address"
	[ "$code" = 3 ]
	grep -q "8 bytes" "$T/send.err"
}

@test "R5: an ipcat that is killed is a broken server, not one that ended" {
	mkfifo "$T/in" "$T/never"
	exec 7<>"$T/never"
	OUT=$T/got1 start srv listen tcp://127.0.0.1:0 <"$T/never"
	OUT=$T/in bg feed feed
	bg send "$IPCAT" send --backoff 10ms..50ms -r forever \
	    "$srv_endpoint" <"$T/in"
	wait_until has_size "$T/got1" 8
	signal KILL srv
	wait_for_text "dialing again" "$T/send.err"
	OUT=$T/got2 start second listen "$srv_endpoint"
	touch "$T/go"
	finish send
	[ "$status" = 3 ]
	finish second
	cat "$T/got1" "$T/got2" | cmp - <(seq 8)
}

@test "R5: without -r the lost connection is exit 3" {
	mkfifo "$T/in"
	OUT=$T/addr bg far peer listen 0 "recv:$T/got:8" "wait:$T/rst" close
	wait_until test -s "$T/addr"
	OUT=$T/in bg feed feed
	bg send "$IPCAT" send "127.0.0.1:$(head -n 1 "$T/addr")" <"$T/in"
	wait_until has_size "$T/got" 8
	touch "$T/rst"
	finish far
	touch "$T/go"
	finish send
	[ "$status" = 3 ]
	grep -qE "[0-9]+ bytes" "$T/send.err"
}

@test "R10: a refused connection is exit 1, at once" {
	port=$(free_port)
	run -1 ip send "127.0.0.1:$port"
	[[ $output == *"connection refused"* ]]
	run -1 ip send "unix:$T/none"
	run -1 ip send "@ipcat-none-$BASHPID"
	run -1 ip relay - "127.0.0.1:$port"
}

@test "R11: a bad host is exit 1, a bad option exit 2" {
	run -1 ip send tcp://ipcat-test.invalid:9
	[[ $output == *"cannot resolve"* ]]
	run -2 ip send --nonsense tcp://127.0.0.1:9
	[[ $output == *nonsense* ]]
	run -2 ip send nonsense://127.0.0.1:9
	run -2 ip send 'tcp://127.0.0.1:9?nonsense'
}

@test "R12: a signal on an idle listener: it exits by itself with 128+n" {
	cat >"$T/signals.py" <<-'PY'
	import os, signal, subprocess, sys
	for args in ["listen", "tcp://127.0.0.1:0"], \
	    ["listen", "-k", "tcp://127.0.0.1:0"], \
	    ["relay", "tcp://127.0.0.1:0", "null:"]:
	    for s in signal.SIGTERM, signal.SIGINT, signal.SIGHUP:
	        r, w = os.pipe()
	        p = subprocess.Popen([sys.argv[1], args[0], "--ready-fd", str(w),
	            *args[1:]], pass_fds=[w], stderr=subprocess.DEVNULL)
	        os.close(w)
	        assert os.read(r, 100)
	        p.send_signal(s)
	        # Death by a raw signal would be negative.
	        assert p.wait() == 128 + s, (args, s, p.returncode)
	        os.close(r)
	PY
	run -0 timeout -s KILL "$LIMIT" "$PYTHON" "$T/signals.py" "$IPCAT"
}

@test "R18: the server hangs up with input unsent: what it said, and exit 3" {
	OUT=$T/addr bg far peer listen 0 "say:hello" "recv:$T/got:1000" \
	    "wait:$T/go" close
	wait_until test -s "$T/addr"
	: >"$T/back"
	OUT=$T/back bg send "$IPCAT" send \
	    "127.0.0.1:$(head -n 1 "$T/addr")" <"$(data 10M)"
	wait_for_text hello "$T/back"
	touch "$T/go"
	finish send
	[ "$status" = 3 ]
	grep -qE "[0-9]+ bytes" "$T/send.err"
	[ "$(cat "$T/back")" = hello ]
}

@test "R7: who subscribes late has the message all the same, or the sender fails" {
	start f listen -k --fanout --history 10 -f line "unix:$T/s" < <(echo m)
	run -0 ip send --recv-only -n 1 -f line "unix:$T/s"
	[ "$output" = m ]
	run -1 ip send -f line -m m "unix:$T/nobody"
}

@test "R8: a request to nobody fails at once; to a silent service, after -t" {
	run -1 ip send -R -m q "unix:$T/nobody"
	[[ $output == *"fix:"* ]]
	start l listen -k --recv-only "unix:$T/s"
	run -124 ip send -R -t 1s -m q "unix:$T/s"
	[[ $output == *"request 1"* ]]
}

@test "R9: three lines are three messages" {
	start l listen -f line -F '%o:%p\n' "unix:$T/s"
	ip send -f line "unix:$T/s" < <(printf 'a\nb\nc\n')
	finish l
	[ "$(cat "$T/l.out")" = $'1:a\n2:b\n3:c' ]
}
