# With socat on the other side: both roles, 10 MiB both ways.

load ../cli/helpers

setup() {
	need socat
	A=$(data 10M 1)
	B=$(data 10M 2)
}

# Half a second after one end socat gives up on the other: -t.
cat_with() {
	timeout -s KILL "$LIMIT" socat -t 60 "$@" {TICK}>&-
}

# socat listens; its log says where.
socat_listens() {
	OUT=$T/got bg far cat_with -d -d "$1" - <"$B"
	wait_for_text "listening on" "$T/far.err"
	FAR_PORT=$(sed -n 's/.*listening on .*:\([0-9]*\)$/\1/p' "$T/far.err")
}

both_ways() {
	OUT=$T/back bg send ip send "$1" <"$A"
	finish send
	[ "$status" = 0 ]
	finish far
	[ "$status" = 0 ]
	same "$A" "$T/got"
	same "$B" "$T/back"
}

socat_connects() {
	OUT=$T/back start srv listen "$1" <"$B"
	cat_with - "$2${3-}$srv_port" <"$A" >"$T/got"
	finish srv
	[ "$status" = 0 ]
	same "$A" "$T/back"
	same "$B" "$T/got"
}

@test "socat: send to TCP-LISTEN" {
	socat_listens TCP-LISTEN:0,bind=127.0.0.1
	both_ways "tcp://127.0.0.1:$FAR_PORT"
}

@test "socat: send to TCP6-LISTEN" {
	socat_listens 'TCP6-LISTEN:0,bind=[::1]'
	both_ways "tcp://[::1]:$FAR_PORT"
}

@test "socat: send to UNIX-LISTEN" {
	socat_listens "UNIX-LISTEN:$T/s"
	both_ways "unix:$T/s"
}

@test "socat: send to ABSTRACT-LISTEN" {
	socat_listens "ABSTRACT-LISTEN:ipcat-socat-$BASHPID"
	both_ways "@ipcat-socat-$BASHPID"
}

@test "socat: listen for TCP" {
	socat_connects tcp://127.0.0.1:0 TCP:127.0.0.1:
}

@test "socat: listen for TCP6" {
	socat_connects 'tcp://[::1]:0' 'TCP6:[::1]:'
}

@test "socat: listen for UNIX-CONNECT" {
	socat_connects "unix:$T/s" "UNIX-CONNECT:$T/s"
}

@test "socat: listen for ABSTRACT-CONNECT" {
	socat_connects "@ipcat-socat-$BASHPID" \
	    "ABSTRACT-CONNECT:ipcat-socat-$BASHPID"
}

@test "socat: relay between two of them" {
	socat_listens "UNIX-LISTEN:$T/s"
	start relay relay -n 1 tcp://127.0.0.1:0 "unix:$T/s"
	cat_with - "TCP:127.0.0.1:$relay_port" <"$A" >"$T/back"
	finish far
	finish relay
	[ "$status" = 0 ]
	same "$A" "$T/got"
	same "$B" "$T/back"
}

@test "socat: its echo server, and ours" {
	bg far cat_with -d -d TCP-LISTEN:0,bind=127.0.0.1,fork EXEC:cat
	wait_for_text "listening on" "$T/far.err"
	port=$(sed -n 's/.*listening on .*:\([0-9]*\)$/\1/p' "$T/far.err")
	for i in 1 2 3; do
		ip send "127.0.0.1:$port" <"$A" >"$T/out"
		same "$A" "$T/out"
	done
	start echo listen -k --echo tcp://127.0.0.1:0
	for i in 1 2 3; do
		cat_with - "TCP:127.0.0.1:$echo_port" <"$A" >"$T/out"
		same "$A" "$T/out"
	done
}

@test "socat: a pty of ours, opened by it" {
	OUT=$T/got bg pty ip relay "pty:$T/link?raw&wait" -
	wait_until test -e "$T/link"
	cat_with -u - "OPEN:$T/link,raw,echo=0" <"$(data 1M)"
	finish pty
	[ "$status" = 0 ]
	same "$(data 1M)" "$T/got"
}

@test "socat: a pty of its own, opened by us" {
	OUT=$T/got bg far cat_with -u "PTY,link=$T/link,raw,echo=0,wait-slave" -
	wait_until test -e "$T/link"
	# A terminal has no half to close: we would wait for each other.
	ip send --send-only "tty:$T/link?raw" <"$(data 1M)"
	finish far
	same "$(data 1M)" "$T/got"
}

@test "socat: a fifo between us, either way" {
	mkfifo "$T/f"
	OUT=$T/got bg far cat_with -u "PIPE:$T/f,rdonly" -
	ip send "fifo:$T/f" <"$A"
	finish far
	same "$A" "$T/got"
	OUT=$T/got bg srv ip listen "fifo:$T/f"
	cat_with -u - "OPEN:$T/f,wronly" <"$A"
	finish srv
	[ "$status" = 0 ]
	same "$A" "$T/got"
}

@test "socat: as our child" {
	OUT=$T/back start srv listen tcp://127.0.0.1:0 <"$B"
	OUT=$T/got bg send ip send \
	    "exec:socat -t 60 - TCP:127.0.0.1:$srv_port" <"$A"
	finish send
	[ "$status" = 0 ]
	finish srv
	[ "$status" = 0 ]
	same "$A" "$T/back"
	same "$B" "$T/got"
}
