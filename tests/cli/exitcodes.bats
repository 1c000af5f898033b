# The exit codes of PRODUCT.md: 0 delivered, 1 network or local, 2 usage,
# 3 incomplete, 5 the handler failed, 124 deadline, 128+n signal n.

load helpers

# code N ARG...: ipcat exits N; what it says is in `said`, its lines in `lines`.
code() {
	local want=$1
	shift
	status=0
	said=$(ip "$@" 2>&1 >"$T/stdout") || status=$?
	mapfile -t lines <<<"$said"
	[ "$status" = "$want" ] || {
		echo "# exit $status, expected $want: ipcat $*" >&2
		echo "$said" >&2
		return 1
	}
}

# fails N TEXT ARG...: exits N, TEXT is in the first of two lines, the second
# is a `fix:`.
fails() {
	local want=$1 text=$2
	shift 2
	code "$want" "$@" || return
	[ ${#lines[@]} = 2 ] && [[ ${lines[0]} == *"$text"* ]] &&
	    [[ ${lines[1]} == "  fix: "* ]] && [ ! -s "$T/stdout" ] || {
		echo "# not as it should be: ipcat $*" >&2
		echo "$said" >&2
		return 1
	}
}

# A local port that never answers: its backlog is full.
full_backlog() {
	OUT=$T/full.out bg full "$PYTHON" -c '
import socket, sys, threading
s = socket.socket()
s.bind(("127.0.0.1", 0))
s.listen(0)
socks = []
for i in range(4):
    c = socket.socket()
    c.setblocking(False)
    c.connect_ex(s.getsockname())
    socks.append(c)
print(s.getsockname()[1], flush=True)
threading.Event().wait()'
	wait_until test -s "$T/full.out"
	read -r FULL <"$T/full.out"
}

@test "exit 0: delivered, and not a word about it" {
	start srv listen tcp://127.0.0.1:0
	code 0 send "$srv_endpoint" <<<hello
	[ -z "$said" ]
	finish srv
	[ "$status" = 0 ]
	[ "$(cat "$T/srv.out")" = hello ]
	[ ! -s "$T/srv.err" ]
}

@test "exit 0: help and version go to stdout" {
	code 0 --version
	[ -z "$said" ] && [ -s "$T/stdout" ]
	for verb in send listen relay; do
		code 0 "$verb" --help
		[ -z "$said" ] && [ -s "$T/stdout" ]
	done
}

@test "exit 0: a probe that connects" {
	start srv listen -k tcp://127.0.0.1:0 unix:"$T/s"
	for e in "${srv_endpoints[@]}"; do
		code 0 send -z "$e"
	done
}

@test "exit 1: nobody is there" {
	local port
	port=$(free_port)
	fails 1 "connection refused" send "tcp://127.0.0.1:$port"
	fails 1 "connection refused" send "127.0.0.1:$port"
	fails 1 "connection refused" send "tcp://[::1]:$port"
	fails 1 "connection refused" send -z "tcp://127.0.0.1:$port"
	fails 1 "connection refused" relay - "tcp://127.0.0.1:$port"
	fails 1 "no such file" send "unix:$T/none"
	fails 1 "connection refused" send "@ipcat-test-none-$BASHPID"
	fails 1 "no such file" send "fifo:$T/none"
	fails 1 "no such file" relay "file:$T/none" -
	fails 1 "no such file" send "file:$T/none/none"
	fails 1 "no such file" send "exec:$T/none"
	fails 1 "no such file" send "exec:ipcat-no-such-program"
	fails 1 "no such file" send "tty://$T/none"
}

@test "exit 1: a stale socket has nobody behind it" {
	"$PYTHON" -c 'import socket, sys
socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$T/stale"
	fails 1 "connection refused" send "unix:$T/stale"
}

@test "exit 1: it is something else" {
	touch "$T/file"
	fails 1 "not a FIFO" send "fifo:$T/file"
	fails 1 "is a directory" send "file:$T"
	fails 1 "is a directory" relay "file:$T" -
	fails 1 "address already in use" listen "unix:$T/file"
}

@test "exit 1: a name that does not resolve" {
	fails 1 'cannot resolve "ipcat-test.invalid"' send \
	    tcp://ipcat-test.invalid:9
}

@test "exit 1: cannot listen there" {
	start srv listen -k tcp://127.0.0.1:0 "unix:$T/live"
	fails 1 "address already in use" listen "$srv_endpoint"
	fails 1 "address already in use" relay "$srv_endpoint" null:
	fails 1 "address already in use" listen "unix:$T/live"
	# 192.0.2.0/24 is for documentation: nobody has it.
	fails 1 "cannot assign requested address" listen tcp://192.0.2.1:0
	fails 1 "no such file" listen "unix:$T/none/s"
	fails 1 "no such file" listen "pty:$T/none/p"
	fails 1 "no such file" listen "fifo:$T/none/f"
	alive srv
}

@test "exit 1: no answer within -w" {
	full_backlog
	fails 1 "timed out" send -w 100ms "tcp://127.0.0.1:$FULL"
	fails 1 "timed out" send -z -w 100ms "tcp://127.0.0.1:$FULL"
}

@test "exit 1: stdout is full" {
	start srv listen --echo tcp://127.0.0.1:0
	status=0
	ip send "$srv_endpoint" <<<hello >/dev/full 2>"$T/said" || status=$?
	[ "$status" = 1 ]
	grep -qi "no space left" "$T/said"
}

@test "exit 1: stdout is closed" {
	start srv listen -k --echo tcp://127.0.0.1:0
	status=0
	ip send "$srv_endpoint" <<<hello >&- 2>"$T/said" || status=$?
	[ "$status" = 1 ]
	[ -s "$T/said" ]
}

@test "exit 1: the reader of stdout ended first" {
	start srv listen -k --echo tcp://127.0.0.1:0
	run -0 bash -c '
	    { timeout -s KILL 60 "$0" send "$1" <"$2" 2>"$3"; echo $? >"$4"; } |
	    head -c 1000 | wc -c' "$IPCAT" "$srv_endpoint" "$(data 10M)" \
	    "$T/said" "$T/code"
	[ "$output" = 1000 ]
	[ "$(cat "$T/code")" = 1 ]
	grep -qi "broken pipe" "$T/said"
}

# Every buffer between us and the echo is full when the reader goes.
@test "exit 1: the reader of stdout stops reading, then ends" {
	local e
	start srv listen -k --echo tcp://127.0.0.1:0 "unix:$T/s"
	for e in "${srv_endpoints[@]}"; do
		rm -f "$T/out" "$T/go"
		mkfifo "$T/out" "$T/go"
		# shellcheck disable=SC2016
		bg reader sh -c 'exec <"$1"; cat "$2"' sh "$T/out" "$T/go"
		OUT=$T/out bg send "$IPCAT" send "$e" </dev/zero
		wait_until stalled "$send_pid"
		echo >"$T/go"
		finish reader
		finish send
		[ "$status" = 1 ]
		grep -qi "broken pipe" "$T/send.err"
	done
}

@test "exit 1: stdin cannot be read" {
	start srv listen -k tcp://127.0.0.1:0
	status=0
	ip send "$srv_endpoint" <"$T" 2>"$T/said" || status=$?
	[ "$status" = 1 ]
	grep -qi "is a directory" "$T/said"
}

@test "exit 1: the target of a file transfer is full" {
	[ -c /dev/full ] || skip "no /dev/full"
	status=0
	ip send file:/dev/full <"$(data 1M)" 2>"$T/said" || status=$?
	[ "$status" = 1 ]
	grep -qi "no space left" "$T/said"
}

@test "exit 2: unknown words name the nearest known one" {
	fails 2 sned sned tcp://127.0.0.1:1
	[[ ${lines[1]} == *send* ]]
	fails 2 tpc send tpc://127.0.0.1:1
	[[ ${lines[1]} == *tcp* ]]
	fails 2 nodeley send "tcp://127.0.0.1:1?nodeley"
	[[ ${lines[1]} == *nodelay* ]]
	fails 2 --recvonly send --recvonly tcp://127.0.0.1:1
	[[ ${lines[1]} == *--recv-only* ]]
}

@test "exit 2: usage that cannot work" {
	fails 2 "no endpoint" send
	fails 2 "no endpoint" listen
	fails 2 "FROM and TO" relay -
	fails 2 "too many" relay - null: null:
	fails 2 "port" send tcp://127.0.0.1
	fails 2 "port" send tcp://127.0.0.1:99999
	fails 2 "port" send tcp://127.0.0.1:1x
	fails 2 "empty" send ''
	fails 2 "duration" send -t 3x null:
	fails 2 "not open" send fd:77
	fails 2 "-n" listen -n 3 tcp://127.0.0.1:0
	fails 2 "--send-only" send --recv-only --send-only null:
	fails 2 "overwrite" relay tcp://127.0.0.1:0 "file:$T/x"
	code 2
}

@test "exit 2: nothing was touched" {
	echo precious >"$T/file"
	code 2 send --no-such-option "file:$T/file" <<<x
	code 2 relay - "file:$T/file?no-such-key" <<<x
	[ "$(cat "$T/file")" = precious ]
}

@test "exit 3: the peer broke off" {
	OUT=$T/addr bg peer peer listen 0 recv:"$T/got":3 rst
	wait_until test -s "$T/addr"
	mkfifo "$T/in"
	exec 7<>"$T/in"
	echo hello >&7
	bg send "$IPCAT" send "127.0.0.1:$(head -n 1 "$T/addr")" <"$T/in"
	finish send
	[ "$status" = 3 ]
	grep -qE "[0-9]+ bytes" "$T/send.err"
	exec 7>&-
}

@test "exit 3: bytes came back and there was nowhere to put them" {
	mkfifo "$T/from"
	start srv listen tcp://127.0.0.1:0 <<<reply
	bg relay "$IPCAT" relay "fifo:$T/from" "$srv_endpoint"
	echo hello >"$T/from"
	finish relay
	[ "$status" = 3 ]
	grep -q "6 bytes" "$T/relay.err"
}

@test "exit 5: the handler failed" {
	code 5 send 'sh:exit 3'
	[[ $said == *"status 3"* ]]
	code 5 send 'sh:kill -9 $$'
	[[ $said == *"signal 9"* ]]
	code 5 relay 'sh:exit 1' null:
	start srv listen tcp://127.0.0.1:0 -e false
	code 0 send "$srv_endpoint"
	finish srv
	[ "$status" = 5 ]
	grep -q "status 1" "$T/srv.err"
	start srv listen -c 'cat; exit 7' tcp://127.0.0.1:0
	code 0 send "$srv_endpoint" <<<hello
	[ "$(cat "$T/stdout")" = hello ]
	finish srv
	[ "$status" = 5 ]
	grep -q "status 7" "$T/srv.err"
}

@test "exit 5: a server goes on when one handler failed" {
	start srv listen -k tcp://127.0.0.1:0 -c 'read x; exit "$x"'
	for i in 0 3 0; do
		code 0 send "$srv_endpoint" <<<"$i"
	done
	alive srv
	signal TERM srv
	finish srv
	[ "$status" = 143 ]
}

@test "exit 124: the deadline, -t" {
	start srv listen -k tcp://127.0.0.1:0
	mkfifo "$T/in"
	exec 7<>"$T/in"
	code 124 send -t 100ms "$srv_endpoint" <"$T/in"
	code 124 listen -t 100ms tcp://127.0.0.1:0
	code 124 listen -k -t 100ms tcp://127.0.0.1:0
	code 124 relay -t 100ms tcp://127.0.0.1:0 null:
	full_backlog
	code 124 send -t 100ms "tcp://127.0.0.1:$FULL"
	code 124 send -t 100ms -r forever "unix:$T/none"
	code 124 send -t 100ms 'sh:cat' <"$T/in"
	exec 7>&-
}

@test "exit 124: nothing moved, -i" {
	start srv listen -k tcp://127.0.0.1:0
	mkfifo "$T/in"
	exec 7<>"$T/in"
	code 124 send -i 100ms "$srv_endpoint" <"$T/in"
	code 124 send -i 100ms 'sh:cat' <"$T/in"
	start one listen -i 100ms tcp://127.0.0.1:0 <"$T/in"
	# Its input had not ended: for the client this is a cut, not an end.
	code 3 send "$one_endpoint" <<<x
	finish one
	[ "$status" = 124 ]
	exec 7>&-
}

@test "exit 128+n: a signal while idle" {
	mkfifo "$T/in"
	exec 7<>"$T/in"
	for s in TERM:143 INT:130 HUP:129; do
		start srv listen -k tcp://127.0.0.1:0
		bg send "$IPCAT" send "$srv_endpoint" <"$T/in"
		start one listen "unix:$T/s"
		start relay relay tcp://127.0.0.1:0 null:
		signal "${s%:*}" srv
		signal "${s%:*}" one
		signal "${s%:*}" relay
		finish one
		[ "$status" = "${s#*:}" ]
		finish relay
		[ "$status" = "${s#*:}" ]
		# Its connection is still there.
		signal "${s%:*}" send
		finish send
		[ "$status" = "${s#*:}" ]
		finish srv
		[ "$status" = "${s#*:}" ]
	done
	exec 7>&-
}

@test "exit 128+n: a signal while it waits for a target" {
	full_backlog
	for s in TERM:143 INT:130; do
		bg send "$IPCAT" send -v -r forever "unix:$T/none"
		bg slow "$IPCAT" send "tcp://127.0.0.1:$FULL"
		wait_until handles_signals "$send_pid"
		wait_until handles_signals "$slow_pid"
		signal "${s%:*}" send
		finish send
		[ "$status" = "${s#*:}" ]
		signal "${s%:*}" slow
		finish slow
		[ "$status" = "${s#*:}" ]
	done
}

# SIGTERM is number 15, bit 14.
handles_signals() {
	local caught
	caught=$(awk '/^SigCgt/ { print $2 }' "/proc/$1/status")
	((0x$caught & 1 << 14))
}

@test "exit codes are not hidden by -q" {
	local port
	port=$(free_port)
	code 1 send -q "tcp://127.0.0.1:$port"
	[ -z "$said" ]
	code 5 send -q 'sh:exit 3'
	[ -z "$said" ]
}
