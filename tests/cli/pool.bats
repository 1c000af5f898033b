# Serving: pools of persistent handlers, a child a message, one text for all.
# lib/core/pool*.c; what is routed where is in tests/unit/test_pool.c.

load helpers

# The children of a background ipcat, one a line.
handlers() {
	cat /proc/"$(pid_of "$1")"/task/*/children | tr ' ' '\n' | sed '/^$/d'
}

has_handlers() {
	[ "$(handlers "$1" | wc -l)" = "$2" ]
}

# A handler that answers "LINE PID"; $1 is run for each line before that.
echoer() {
	printf 'while read -r l; do %s; echo "$l $$"; done' "${1:-:}"
}

# The lines of the output, without the pids.
words() {
	printf '%s\n' "${lines[@]%% *}"
}

serves() {
	run ip send -f line -t 5s "$1" <<<"$2"
	[ "$status" = 0 ] && [[ $output == "$2"* ]]
}

# ---------------------------------------------------------------- what it does

@test "a pool of four jq workers serves eight clients at once, each in order" {
	need jq
	local i
	start s listen -k -f line --pool 4 tcp://127.0.0.1:0 \
	    -c 'exec jq -c --unbuffered "{id: .id, twice: (.n * 2)}"'
	wait_until has_handlers s 4
	for i in 1 2 3 4 5 6 7 8; do
		seq 1 200 | sed "s/.*/{\"id\":$i,\"n\":&}/" >"$T/in.$i"
		seq 2 2 400 | sed "s/.*/{\"id\":$i,\"twice\":&}/" >"$T/want.$i"
		bg "c$i" "$IPCAT" send -f line "$s_endpoint" <"$T/in.$i"
	done
	for i in 1 2 3 4 5 6 7 8; do
		finish "c$i"
		[ "$status" = 0 ]
		same "$T/c$i.out" "$T/want.$i"
	done
	has_handlers s 4
	signal TERM s
	finish s
	[ "$status" = 143 ]
	[ -z "$(grep -v draining "$T/s.err")" ]
}

@test "without -k: ends with its first client and judges its workers" {
	start s listen -f line --pool 2 -c "$(echoer)" tcp://127.0.0.1:0
	run -0 ip send -f line "$s_endpoint" <<<$'a\nb\nc'
	[ "$(words)" = $'a\nb\nc' ]
	finish s
	[ "$status" = 0 ]
	start t listen -f line --pool 2 -c 'cat; exit 7' tcp://127.0.0.1:0
	run -0 ip send -f line "$t_endpoint" <<<a
	[ "$output" = a ]
	finish t
	[ "$status" = 5 ]
	grep -q 'status 7' "$T/t.err"
}

@test "a last line without its end is a request like the others" {
	start s listen -f line --pool 1 -c "$(echoer)" tcp://127.0.0.1:0
	run -0 ip send -f line "$s_endpoint" < <(printf 'a\nb')
	[ "$(words)" = $'a\nb' ]
}

@test "a slow request holds nobody behind it but its own client" {
	local n
	mkfifo "$T/go"
	start s listen -k -f line --pool 2 tcp://127.0.0.1:0 \
	    -c "$(echoer "[ \"\$l\" != slow ] || read -r _ <$T/go")"
	bg c "$IPCAT" send -f line "$s_endpoint" <<<$'slow\nnext'
	for n in 1 2 3 4 5; do
		run -0 ip send -f line "$s_endpoint" <<<"$n"
		[ "$(words)" = "$n" ]
	done
	[ ! -s "$T/c.out" ]
	echo go >"$T/go"
	finish c
	[ "$status" = 0 ]
	[ "$(cut -d' ' -f1 "$T/c.out")" = $'slow\nnext' ]
}

@test "several replies: a number, an end mark, a gap" {
	start n listen -k -f line --pool 2 --replies 3 tcp://127.0.0.1:0 \
	    -c 'while read -r l; do echo $l.1; echo $l.2; echo $l.3; done'
	run -0 ip send -f line "$n_endpoint" <<<$'a\nb'
	[ "$output" = $'a.1\na.2\na.3\nb.1\nb.2\nb.3' ]
	start e listen -k -f line --pool 2 --replies end --end-mark . \
	    -c 'while read -r n; do seq $n; echo .; done' tcp://127.0.0.1:0
	run -0 ip send -f line "$e_endpoint" <<<$'3\n0\n1'
	[ "$output" = $'1\n2\n3\n.\n.\n1\n.' ]
	start g listen -k -f line --pool 2 --gap 300ms tcp://127.0.0.1:0 \
	    -c 'while read -r n; do seq $n; done'
	run -0 ip send -f line "$g_endpoint" <<<$'3\n1\n2'
	[ "$output" = $'1\n2\n3\n1\n1\n2' ]
}

@test "--reply: one text for each message, no child" {
	start s listen -f line --reply pong tcp://127.0.0.1:0
	run -0 ip send -f line "$s_endpoint" <<<$'a\nb\nc'
	[ "$output" = $'pong\npong\npong' ]
	finish s
	[ "$status" = 0 ]
	start n listen -k -n 2 -f line --reply pong tcp://127.0.0.1:0
	run ip send -f line "$n_endpoint" <<<$'a\nb\nc'
	[ "$output" = $'pong\npong' ]
	finish n
	[ "$status" = 0 ]
}

@test "-n: after so many requests it is over" {
	start s listen -k -n 3 -f line --pool 2 -c "$(echoer)" tcp://127.0.0.1:0
	run -0 ip send -f line "$s_endpoint" <<<$'a\nb'
	[ "$(words)" = $'a\nb' ]
	run -0 ip send -f line "$s_endpoint" <<<$'c'
	[ "$(words)" = c ]
	finish s
	[ "$status" = 0 ]
}

@test "--recycle: a worker ends in order after so many requests" {
	start s listen -f line --pool 1 --recycle 3 -c "$(echoer)" tcp://127.0.0.1:0
	run -0 ip send -f line "$s_endpoint" <<<"$(seq 7)"
	[ "$(words)" = "$(seq 7)" ]
	printf '%s\n' "${lines[@]#* }" | uniq -c >"$T/pids"
	[ "$(awk '{ print $1 }' "$T/pids" | xargs)" = "3 3 1" ]
	finish s
	[ "$status" = 0 ]
}

@test "--per message: a child a request, its output one reply" {
	start s listen -k -f line --per message --pool 3 -c 'tr a-z A-Z' tcp://127.0.0.1:0
	run -0 ip send -f line "$s_endpoint" <<<"$(seq 20 | sed 's/.*/line &/')"
	[ "$output" = "$(seq 20 | sed 's/.*/LINE &/')" ]
	wait_until has_handlers s 0
	# The line end of a text is the framing's; no output is an empty reply.
	start t listen -k -f line --per message -c 'read -r l; [ "$l" = no ] || echo "<$l>"' \
	    tcp://127.0.0.1:0
	run -0 ip send -f line "$t_endpoint" <<<$'a\nno\nb'
	[ "$output" = $'<a>\n\n<b>' ]
	signal TERM s
	finish s
	[ "$status" = 143 ]
}

@test "--per message: a status is a failure, which its client is told" {
	start s listen -k -f line --per message --fail-reply ERROR -c 'read -r n; echo $n; exit $n' \
	    tcp://127.0.0.1:0
	run -0 ip send -f line "$s_endpoint" <<<$'0\n3\n0'
	[ "$output" = $'0\nERROR\n0' ]
	signal TERM s
	finish s
	[ "$status" = 5 ]
	grep -q 'request 2 failed: the handler exited with status 3' "$T/s.err"
}

@test "clients over a seqpacket socket" {
	ip help transports | grep -q '^unixpacket:' || skip "no unixpacket yet"
	start s listen -k --pool 2 -f line -c "$(echoer)" "unixpacket://$T/p"
	run -0 ip send -f line "unixpacket://$T/p" <<<$'a\nb\nc'
	[ "$(words)" = $'a\nb\nc' ]
}

@test "clients over UDP: each sender has its own replies" {
	ip help transports | grep -q '^udp:' || skip "no udp yet"
	start s listen -k --pool 2 -f line -c "$(echoer)" udp://127.0.0.1:0
	run -0 "$PYTHON" - "${s_endpoint##*:}" <<-'EOF'
	import socket, sys
	to = ("127.0.0.1", int(sys.argv[1]))
	socks = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(5)]
	for i, s in enumerate(socks):
	    s.settimeout(20)
	    s.sendto(b"from %d" % i, to)
	for i, s in enumerate(socks):
	    got = s.recv(100)
	    assert got.startswith(b"from %d " % i), got
	EOF
	signal TERM s
	finish s
	[ "$status" = 143 ]
}

# --------------------------------------------------------------------- faults

@test "workers that are killed: 1,000 requests, each answered once" {
	mkdir "$T/seen"
	start s listen -k -f line --pool 4 tcp://127.0.0.1:0 \
	    -c "$(echoer "case \$l in *[37]) mkdir $T/seen/\$l 2>/dev/null && kill -s KILL \$\$ ;; esac")"
	seq 1 500 >"$T/a"
	seq 501 1000 >"$T/b"
	bg a "$IPCAT" send -f line "$s_endpoint" <"$T/a"
	bg b "$IPCAT" send -f line "$s_endpoint" <"$T/b"
	finish a
	[ "$status" = 0 ]
	finish b
	[ "$status" = 0 ]
	cut -d' ' -f1 "$T/a.out" >"$T/a.got"
	same "$T/a.got" "$T/a"
	cut -d' ' -f1 "$T/b.out" >"$T/b.got"
	same "$T/b.got" "$T/b"
	[ "$(find "$T/seen" -mindepth 1 | wc -l)" = 200 ]
	signal TERM s
	finish s
	[ "$status" = 143 ]
}

@test "all workers killed from outside while each has a request" {
	mkfifo "$T/go"
	start s listen -k -f line --pool 4 tcp://127.0.0.1:0 \
	    -c "$(echoer "echo \$l >>$T/got; [ -e $T/free ] || read -r _ <$T/go")"
	bg c "$IPCAT" send -f line "$s_endpoint" <<<"$(seq 8)"
	wait_until grep -qs . "$T/got"
	wait_until eval "[ \$(wc -l <$T/got) = 4 ]"
	touch "$T/free"
	# shellcheck disable=SC2046
	kill -s KILL $(handlers s)
	finish c
	[ "$status" = 0 ]
	[ "$(cut -d' ' -f1 "$T/c.out")" = "$(seq 8)" ]
	[ "$(wc -l <"$T/got")" = 12 ]
}

@test "a request that kills two workers has failed: its client is cut off, no other" {
	start s listen -k -f line --pool 2 tcp://127.0.0.1:0 \
	    -c "$(echoer '[ "$l" != poison ] || exit 3')"
	run ip send -f line "$s_endpoint" <<<$'a\npoison\nb'
	[ "$status" != 0 ]
	[[ $output == "a "* ]]
	grep -q 'request 2 failed: the handler exited with status 3' "$T/s.err"
	wait_until serves "$s_endpoint" c
	signal TERM s
	finish s
	[ "$status" = 5 ]
}

@test "--handler-timeout: the request fails, its worker is replaced" {
	start s listen -k -f line --pool 2 --handler-timeout 300ms --fail-reply LATE \
	    tcp://127.0.0.1:0 -c "$(echoer '[ "$l" != hang ] || sleep 1000')"
	run -0 ip send -f line "$s_endpoint" <<<$'a\nhang\nb'
	[ "$(words)" = $'a\nLATE\nb' ]
	grep -q 'request 2 failed: no reply within 300 ms' "$T/s.err"
	wait_until has_handlers s 2
	run -0 ip send -f line "$s_endpoint" <<<$'c\nd'
	[ "$(words)" = $'c\nd' ]
	signal TERM s
	finish s
	[ "$status" = 5 ]
}

@test "--nak: a reply that says no is a failure" {
	start s listen -k -f line --pool 2 --nak -ERR --fail-reply sorry tcp://127.0.0.1:0 \
	    -c 'while read -r l; do case $l in bad) echo "-ERR $l" ;; *) echo "$l" ;; esac; done'
	run -0 ip send -f line "$s_endpoint" <<<$'a\nbad\nb'
	[ "$output" = $'a\nsorry\nb' ]
	grep -qF 'request 2 failed: the handler said "-ERR bad"' "$T/s.err"
	signal TERM s
	finish s
	[ "$status" = 5 ]
}

@test "a handler that cannot be run: five tries, exit 5" {
	start s listen -k -f line --pool 1 --backoff 1ms..5ms -c 'exec /nonexistent/handler' \
	    tcp://127.0.0.1:0
	finish s
	[ "$status" = 5 ]
	grep -q 'failed to start 5 times in a row' "$T/s.err"
	start t listen -k -f line --pool 2 --backoff 1ms..5ms tcp://127.0.0.1:0 -e false
	finish t
	[ "$status" = 5 ]
}

@test "a worker that says what nobody asked for is replaced, and that is told" {
	start s listen -k -f line --pool 1 tcp://127.0.0.1:0 \
	    -c "echo ready; $(echoer)" --backoff 1ms..5ms
	wait_for_text 'no request asked for' "$T/s.err"
	signal TERM s
	finish s
	[ "$status" = 5 ]
}

@test "a client that vanishes leaves the pool whole" {
	mkfifo "$T/go"
	start s listen -k -f line --pool 1 tcp://127.0.0.1:0 \
	    -c "$(echoer "echo \$l >>$T/got; [ \"\$l\" != wait ] || read -r _ <$T/go")"
	bg c "$IPCAT" send -f line "$s_endpoint" <<<$'wait\nnever\nnever'
	wait_for_text wait "$T/got"
	kill -s KILL "$c_pid"
	bg d "$IPCAT" send -f line "$s_endpoint" <<<mine
	echo go >"$T/go"
	finish d
	[ "$status" = 0 ]
	[[ $(cat "$T/d.out") == "mine "* ]]
	has_handlers s 1
}

@test "garbage from a client ends that client only" {
	start s listen -k -f netstring --pool 1 -c 'exec cat' tcp://127.0.0.1:0
	run ip send -t 20s "$s_endpoint" <<<'5:hello,garbage'
	wait_for_text netstring "$T/s.err" || wait_for_text 'message 2' "$T/s.err"
	run -0 ip send "$s_endpoint" < <(printf '2:ok,')
	[ "$output" = 2:ok, ]
}

@test "SIGTERM: what was asked is answered, then all is closed; exit 143" {
	mkfifo "$T/go"
	start s listen -k -f line --pool 2 tcp://127.0.0.1:0 \
	    -c "$(echoer "echo \$l >>$T/got; [ \"\$l\" != wait ] || read -r _ <$T/go")"
	# The input of this client stays open.
	mkfifo "$T/in"
	exec 18<>"$T/in"
	bg c "$IPCAT" send -f line "$s_endpoint" <"$T/in" 18>&-
	printf 'a\nwait\n' >&18
	wait_for_text wait "$T/got"
	signal TERM s
	wait_until eval "! listens $s_port"
	alive s
	echo go >"$T/go"
	wait_until has_lines 2 "$T/c.out"
	exec 18>&-
	finish s
	[ "$status" = 143 ]
	[ "$(cut -d' ' -f1 "$T/c.out")" = $'a\nwait' ]
}

has_lines() {
	[ "$(wc -l <"$2")" = "$1" ]
}

@test "a client that asks much and reads nothing costs a bounded amount" {
	start s listen -k -f line --pool 1 tcp://127.0.0.1:0 \
	    -c 'while read -r l; do printf "%065536d\n" 1; done'
	bg c "$PYTHON" - "$s_port" <<-'EOF'
	import socket, sys
	s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
	s.settimeout(2)
	try:
	    while True:
	        s.sendall(b"x" * 1000 + b"\n")
	except socket.timeout:
	    print("full", flush=True)
	s.settimeout(60)
	while s.recv(1 << 20):
	    pass
	EOF
	wait_for_text full "$T/c.out"
	[ "$(awk '/VmHWM/ { print $2 }' "/proc/$s_pid/status")" -lt 65536 ]
	kill -s KILL "$c_pid"
	wait_until serves_any "$s_endpoint"
}

serves_any() {
	run ip send -f line -t 10s "$1" <<<x
	[ "$status" = 0 ] && [ "${#output}" = 65536 ]
}
