# The core of message mode: nothing turns in circles while it waits, what came
# before a failure is delivered, and what was not is in the exit code.

load helpers

# A source that has been waited for, then has more than fits: $1 is a fifo,
# kept open on a descriptor of this shell.
feed() {
	printf '%s\n' "${@:2}" >"$1"
}

# `bg` a relay from a fifo; FEED keeps the fifo open.
from_fifo() {
	mkfifo "$T/in"
	exec {FEED}<>"$T/in"
	bg r "$IPCAT" "$@" <"$T/in"
}

@test "no spinning: more input than a slow filter takes" {
	mkfifo "$T/gate"
	from_fifo relay -f line -p "exec:read -r _ <$T/gate; cat" - -
	wait_until stalled "$r_pid"
	flood
	wait_until stalled "$r_pid"
	echo >"$T/gate"
	wait_until has_lines "$T/r.out" 2000
	exec {FEED}>&-
}

# More than is read ahead, from a process that `cleanup` can end.
flood() {
	"$PYTHON" -c 'print(("x" * 400 + "\n") * 2000, end="")' >"$T/much"
	OUT=$T/in bg flood cat "$T/much"
}

has_lines() {
	[ "$(wc -l <"$1")" = "$2" ]
}

@test "no spinning: more input than rate: lets through" {
	from_fifo relay -f line -p rate:1msg/s - -
	wait_until stalled "$r_pid"
	flood
	wait_until test -s "$T/r.out"
	wait_until stalled "$r_pid"
	exec {FEED}>&-
}

@test "no spinning: udp, input and nobody to send it to; SIGTERM says so" {
	mkfifo "$T/in"
	exec {FEED}<>"$T/in"
	start r listen udp://127.0.0.1:0 <"$T/in"
	wait_until stalled "$r_pid"
	feed "$T/in" a
	wait_until stalled "$r_pid"
	feed "$T/in" b
	wait_until stalled "$r_pid"
	signal TERM r
	finish r
	[ "$status" = 3 ]
	grep -qF "nobody to send it to" "$T/r.err"
	exec {FEED}>&-
}

@test "SIGTERM ends a udp listener at once, although peers cannot end" {
	start r listen udp://127.0.0.1:0
	signal TERM r
	finish r
	[ "$status" = 143 ]
}

@test "-i counts on after --rate and rate: had to wait" {
	from_fifo relay --rate 1k -i 500ms - -
	seq 1 100 >"$T/in"
	finish r
	[ "$status" = 124 ]
	[ "$(tail -n 1 "$T/r.out")" = 100 ]
	bg r "$IPCAT" relay -f line -p rate:50msg/s -i 500ms - - <"$T/in"
	seq 1 20 >"$T/in"
	finish r
	[ "$status" = 124 ]
	[ "$(tail -n 1 "$T/r.out")" = 20 ]
	exec {FEED}>&-
}

@test "garbled: what stages still work on is delivered first" {
	run -3 --separate-stderr ip relay -f netstring -p \
	    'exec:while read -r m; do echo "$m"; done' - - \
	    < <(printf '1:a,1:b,x')
	[ "$output" = 1:a,1:b, ]
	[[ $stderr == *"message 3"*"garbled"* ]]
	run -3 --separate-stderr ip relay -f netstring \
	    -p 'rate:20msg/s|frame:line' - - < <(printf '1:a,1:b,1:c,1:d,1:e,x')
	[ "$output" = $'a\nb\nc\nd\ne' ]
	[[ $stderr == *"message 6"*"garbled"* ]]
}

@test "exec: answers from before it broke are delivered" {
	run -5 --separate-stderr ip relay -f line -p 'exec:head -n 3' - - \
	    < <(seq 10)
	[ "$output" = $'1\n2\n3' ]
	run -5 --separate-stderr ip relay -f line -p \
	    'exec:read -r l; echo "$l"; echo more; cat >/dev/null' - - \
	    < <(echo a)
	[ "$output" = a ]
	[[ $stderr == *"more than it was asked"* ]]
}

@test "-n: a handler's answers to the last messages come back" {
	start srv listen -n 2 -f line \
	    -c 'while read -r l; do echo "got $l"; done' tcp://127.0.0.1:0
	run -0 ip send -f line "$srv_endpoint" < <(printf 'a\nb\n')
	[ "$output" = $'got a\ngot b' ]
	finish srv
	[ "$status" = 0 ]
}

# With a stdin that ends, the sender may have seen our FIN before it sent
# anything, and have the acknowledgement of our kernel: TCP has no more to say.
@test "-n: whoever sent more is not told that all is well" {
	mkfifo "$T/in"
	exec {FEED}<>"$T/in"
	start srv listen -n 10 -f line tcp://127.0.0.1:0 <"$T/in"
	run -3 ip send -f line "$srv_endpoint" < <(seq 1000)
	finish srv
	[ "$status" = 0 ]
	[ "$(cat "$T/srv.out")" = "$(seq 10)" ]
	exec {FEED}>&-
}

@test "SIGTERM: the begin of a message is not sent as one" {
	start srv listen -f line -p frame:len32 tcp://127.0.0.1:0
	mkfifo "$T/in"
	exec {FEED}<>"$T/in"
	bg a "$IPCAT" send -f line -p frame:len32 "$srv_endpoint" <"$T/in"
	printf 'a\nbc' >"$T/in"
	wait_for_text a "$T/srv.out"
	wait_until stalled "$a_pid"
	signal TERM a
	finish a
	[ "$status" = 3 ]
	grep -qF "middle of a message" "$T/a.err"
	finish srv
	[ "$(cat "$T/srv.out")" = a ]
	exec {FEED}>&-
}

@test "--on-error skip: the handler may finish its work" {
	mkfifo "$T/gate"
	start srv listen -f line --max-message 4 --on-error skip -c \
	    "cat >$T/got; exec >&-; read -r _ <$T/gate; : >$T/done" \
	    tcp://127.0.0.1:0
	ip send -f line "$srv_endpoint" < <(printf 'a\ntoo long\nb\n') || :
	wait_until has_size "$T/got" 4
	wait_until stalled "$srv_pid"
	exec {GATE}<>"$T/gate"
	echo >&"$GATE"
	finish srv
	exec {GATE}>&-
	[ "$status" = 3 ]
	[ -e "$T/done" ]
	[ "$(cat "$T/got")" = $'a\nb' ]
}

@test "many connections, one output: a last line without its end stays one" {
	local e
	start srv listen -k -n 3 -f line "unix:$T/s"
	for e in abc $'def\n' ghi; do
		printf %s "$e" | ip send -f line "$srv_endpoint"
	done
	finish srv
	[ "$(sort "$T/srv.out")" = $'abc\ndef\nghi' ]
	[ "$status" = 0 ]
}
